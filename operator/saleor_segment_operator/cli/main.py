"""The console script: commands, and what becomes of an error.

========  =====================================================================
exit      when
========  =====================================================================
0         done, or stopped by SIGINT or SIGTERM after draining
1         a bug: one line; the traceback is a log event of level debug. Or leadership
          or the watch is lost: one line, and a process that starts anew goes on
2         something only the user can mend: one line with object and remedy
130, 143  a second SIGINT or SIGTERM: at once, without draining
========  =====================================================================
"""

import os
import sys
from collections.abc import Iterator, Sequence

import click
import structlog

from saleor_segment_operator import errors as operator_errors
from saleor_segment_operator.cli.daemons import operate, run, serve
from saleor_segment_operator.cli.generate import definition, settings
from saleor_segment_operator.cli.preview import preview
from saleor_segment_operator.cli.release import release
from saleor_segment_operator.cli.values import values, values_schema
from saleor_segment_server import errors as server_errors
from saleor_segment_server import logs

log = structlog.get_logger(__name__)

_START_ERRORS = (operator_errors.StartError, server_errors.StartError)


@click.group()
@click.version_option(package_name="saleor-segment-operator", message="%(prog)s %(version)s")
def cli() -> None:
    """Bring the order events of a Saleor shop to Twilio Segment, and lose none."""
    logs.configure()  # until the command has read how it should be


cli.add_command(run)
cli.add_command(serve)
cli.add_command(operate)
cli.add_command(preview)
cli.add_command(release)
cli.add_command(settings)
cli.add_command(definition)
cli.add_command(values)
cli.add_command(values_schema)


def main() -> None:
    """Run the command line of this process and exit."""
    code = invoke(cli, sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:  # whoever read it has left; without this Python would end with 120
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def invoke(command: click.Command, arguments: Sequence[str]) -> int:
    """Run ``command`` and return its exit code; an error is one line on standard error."""
    try:
        code = command.main(list(arguments), prog_name="saleor-segment", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "saleor-segment"
        click.echo(f"{path}: {error.format_message()} Try {path} --help.", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except Exception as error:  # noqa: BLE001 - the last resort: a line, and the traceback for whoever asks
        return _report(error)
    return code if isinstance(code, int) else 0


def _report(error: Exception) -> int:
    leaves = list(_leaves(error))
    for leaf in leaves:
        if isinstance(leaf, _START_ERRORS):
            click.echo(str(leaf), err=True)
            return 2
    for leaf in leaves:
        if isinstance(leaf, operator_errors.Lost):
            click.echo(str(leaf), err=True)
            return 1
    log.debug("crashed", exc_info=error)
    kinds = ", ".join(sorted({type(leaf).__name__ for leaf in leaves}))
    click.echo(f"stopped by a bug ({kinds}): --log-level debug logs the traceback", err=True)
    return 1


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield what a task group bundled."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
    else:
        yield error

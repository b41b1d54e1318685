"""The commands that print what is generated from the models."""

from collections.abc import Iterator

import click
from pydantic_settings import BaseSettings

from saleor_segment_operator.cli.daemons import RUN_NAMES
from saleor_segment_operator.cli.flags import Names, Setting, settings_of
from saleor_segment_operator.cli.release import ReleaseSettings
from saleor_segment_operator.operate import OperateSettings
from saleor_segment_operator.resource import crd
from saleor_segment_operator.standalone import RunSettings
from saleor_segment_server.settings import ServeSettings

INTRODUCTION = """\
# Settings

Written by `saleor-segment settings > docs/settings.md` from the settings models; a test holds
them equal.

Each setting is a flag and an environment variable; the flag wins. A switch takes `--no-` to turn it
off, and `true` or `false` in the environment. Durations are a number and `s`, `m`, `h` or `d`;
sizes are bytes, or a number and `Ki`, `Mi`, `Gi` or `Ti`; several files in one variable are
separated by `:`. A bad value is one line that names the flag or the variable, and exit code 2.
"""


@click.command()
def settings() -> None:
    """Print every setting of every daemon as Markdown."""
    click.echo(markdown(), nl=False)


@click.command("crd")
def definition() -> None:
    """Print the CustomResourceDefinition for kubectl apply."""
    click.echo(crd.text(), nl=False)


def markdown() -> str:
    """Return the page ``docs/settings.md``."""
    sections = (
        _section("run", RunSettings, RUN_NAMES),
        _section("operate", OperateSettings, {}),
        _section("serve", ServeSettings, {}),
        _section("release", ReleaseSettings, {}),
    )
    return "\n".join((INTRODUCTION, *sections))


def _section(command: str, model: type[BaseSettings], names: Names) -> str:
    return "\n".join((f"## saleor-segment {command}", "", *_table(model, names), ""))


def _table(model: type[BaseSettings], names: Names) -> Iterator[str]:
    yield "| flag | variable | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for setting in settings_of(model, names):
        cells = (_flags(setting), f"`{setting.variable}`", _default(setting), _text(setting))
        yield f"| {' | '.join(cells)} |"


def _flags(setting: Setting) -> str:
    value = f" {setting.metavar}" if setting.metavar else ""
    code = ", ".join(setting.flags) + value.replace("|", r"\|")
    return f"`{code}`" + (" …" if setting.repeatable else "")


def _default(setting: Setting) -> str:
    if setting.default is None:
        return "required"
    return f"`{setting.default}`" if setting.default else "none"


def _text(setting: Setting) -> str:
    return setting.help.replace("``", "`").replace("|", r"\|")

"""The command that shows what deliveries would become, without a shop, a cluster or Segment."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from saleor_segment_operator.cli import preview_output as output
from saleor_segment_operator.cli.preview_pass import NOTE, Previewed, Previewer, pipeline_of
from saleor_segment_operator.cli.preview_samples import read_samples
from saleor_segment_operator.errors import StartError
from saleor_segment_operator.standalone.manifests import Manifest, ManifestFiles
from saleor_segment_server.contract import Event
from saleor_segment_server.errors import DocumentUnreadable


@click.command()
@click.option(
    "-f",
    "--file",
    "files",
    required=True,
    multiple=True,
    metavar="PATH",
    help="YAML file of the integration; Secrets in it are not used and need not be there.",
)
@click.option(
    "--delivery",
    "deliveries",
    required=True,
    multiple=True,
    metavar="FILE",
    help="A delivery's body, or a JSON object with its request.headers and body; - is standard "
    "input. Several are taken in the order given, each with what the earlier ones left.",
)
@click.option("--integration", metavar="NAME", help="Which one, where the files hold several.")
@click.option(
    "--event",
    metavar="EVENT",
    help="What a body is that does not say so itself; one that does must say the same.",
)
@click.option(
    "--since",
    metavar="TIME",
    help="When the integration began, as 2026-11-24T00:00:00Z: of an older order refunds may be "
    "unknown. Left out, it is older than every order.",
)
@click.option(
    "--output",
    "how",
    type=click.Choice(["table", "json", "jsonl"]),
    default="table",
    show_default=True,
    help="table for people, json with everything, jsonl: one Segment message a line, as sent.",
)
def preview(how: str, **given: Any) -> None:
    """Show the Segment messages that deliveries of Saleor would become, offline.

    Nothing is sent, and no Secret is needed. What is said of fields, and why nothing is sent of a
    delivery, goes to standard error with --output jsonl. Where a delivery cannot be mapped the
    others are shown all the same, and the exit code is 2.
    """
    manifest = _manifest(given["files"], given["integration"])
    event, since = _event(given["event"]), _time(given["since"])
    samples = read_samples(given["deliveries"], stdin=sys.stdin.buffer, event=event)
    previewer = Previewer(pipeline_of(manifest.model.spec, since=since))
    previews = [previewer.take(sample) for sample in samples]
    _print(how, str(manifest.key), previews)
    _complain(previews)


def _print(how: str, integration: str, previews: Sequence[Previewed]) -> None:
    if how == "json":
        click.echo(output.document(integration, previews))
    elif how == "table":
        click.echo("\n".join(output.tables(integration, previews)))
    else:
        for line in output.lines(previews):
            click.echo(line)
        click.echo(f"{integration}: {NOTE}.", err=True)
        for each in previews:
            for remark in output.remarks(each, indent=f"{each.sample.file}: "):
                click.echo(remark, err=True)


def _complain(previews: Sequence[Previewed]) -> None:
    """End as an error where a delivery cannot be mapped, once the others are shown."""
    bad = [each.sample.file for each in previews if each.unmappable is not None]
    if bad:
        raise StartError(f"cannot be mapped: {', '.join(bad)} ({len(bad)} of {len(previews)})")


def _manifest(files: Sequence[str], name: str | None) -> Manifest:
    manifests = ManifestFiles([Path(file) for file in files], namespace="default")
    try:
        found = asyncio.run(manifests.read()).integrations
    except DocumentUnreadable as error:
        raise StartError(str(error)) from None
    named = ", ".join(files)
    if not found:
        raise StartError(f"{named}: holds no SaleorSegmentIntegration")
    wanted = [each for key, each in found.items() if name in {None, key.name, str(key)}]
    if len(wanted) == 1:
        return wanted[0]
    there = ", ".join(sorted(map(str, found)))
    raise StartError(f"{named}: name one of its integrations with --integration: {there}")


def _event(name: str | None) -> Event | None:
    if name is None or (event := Event.parse(name)) is not None:
        return None if name is None else event
    raise StartError(f"--event: must be one of {', '.join(Event)}")


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        since = datetime.fromisoformat(text)
    except ValueError:
        since = None
    if since is None or since.tzinfo is None:
        raise StartError("--since: must be a time with its zone, as 2026-11-24T00:00:00Z")
    return since

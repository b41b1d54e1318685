"""What a preview prints: lines for a program, a document, or tables for people."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from saleor_segment_operator.cli.preview_pass import NOTE, Previewed
from saleor_segment_server.contract import Event
from saleor_segment_server.mapping.catalogue import envelope, kind_of, properties
from saleor_segment_server.message import Message

_WIDEST = 56  # what is longer is cut: the other outputs have it whole
_HEAD = ("property", "value", "source")


def lines(previews: Sequence[Previewed]) -> Iterator[bytes]:
    """Yield each message as it would be sent."""
    for preview in previews:
        for message in preview.messages:
            yield message.payload


def document(integration: str, previews: Sequence[Previewed]) -> bytes:
    """Return everything as one JSON document."""
    deliveries = [preview.document() for preview in previews]
    everything = {"integration": integration, "note": NOTE, "deliveries": deliveries}
    return orjson.dumps(everything, option=orjson.OPT_INDENT_2)


def tables(integration: str, previews: Sequence[Previewed]) -> Iterator[str]:
    """Yield lines for people."""
    yield f"{integration}: {NOTE}."
    for preview in previews:
        yield ""
        yield f"{preview.sample.file}: {preview.sample.event}"
        yield from remarks(preview, indent="  ")
        for message in preview.messages:
            yield ""
            yield from _table(message, preview.sample.event)


def remarks(preview: Previewed, *, indent: str) -> Iterator[str]:
    """Yield what is to be said of a delivery besides its messages."""
    if preview.unmappable is not None:
        yield f"{indent}cannot be mapped: {preview.unmappable}: it would become a dead letter"
    if preview.why is not None:
        yield f"{indent}nothing is sent: {preview.why}"
    if preview.remark is not None:
        yield f"{indent}{preview.remark}"
    told = {
        "in the body, not asked for": preview.fields.unknown,
        "asked for, not in the body": preview.fields.missing,
        "asked for, null or empty": preview.fields.empty,
    }
    for what, fields in told.items():
        if fields:
            yield f"{indent}{what}: {_safe(', '.join(fields))}"


def _table(message: Message, event: Event) -> Iterator[str]:
    item = orjson.loads(message.payload)
    called = f' "{_safe(item["event"])}"' if "event" in item else ""
    yield f"  {item['type']}{called}, {len(message.payload):,} bytes"
    rows = [_HEAD, *_rows(item, event)]
    first, second = (max(len(row[at]) for row in rows) for at in (0, 1))
    for name, value, source in rows:
        yield f"    {name:<{first}}  {value:<{second}}  {source}".rstrip()


def _rows(item: Mapping[str, Any], event: Event) -> Iterator[tuple[str, str, str]]:
    for name, value in _leaves(item, ""):
        text = _safe(json.dumps(value, ensure_ascii=False))
        shown = text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
        yield _safe(name), shown, _source(name, event)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{place}]")
    else:
        yield path, value


def _source(name: str, event: Event) -> str:
    """Return where it comes from; of consent and software the whole is explained."""
    kind = kind_of(event)
    general = "".join("[]" if part.isdigit() else part for part in _parts(name))
    if general.startswith("properties."):
        found = properties(kind).get(general.removeprefix("properties."))
    else:
        known = envelope(kind)
        general = general.removeprefix("context.") if ".traits." in general else general
        found = known.get(general) or next(
            (each for each in known.values() if general.startswith(each.name + ".")), None
        )
    return found.source() if found else ""


def _parts(name: str) -> Iterator[str]:
    """Split off the places in lists: ``products[0].price``."""
    for part in name.split("["):
        place, bracket, rest = part.partition("]")
        yield from (place, rest) if bracket else (part,)


def _safe(text: str) -> str:
    """Escape what would move a terminal's cursor or hide text."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)

"""Deliveries to preview: raw bodies, or deliveries with their request, in files or on a pipe."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import orjson

from saleor_segment_operator.errors import StartError
from saleor_segment_server.contract import Event

STDIN = "-"
"""The name that stands for standard input."""

_BY_TYPE: Mapping[str, Event] = MappingProxyType({event.type_name: event for event in Event})


@dataclass(frozen=True, slots=True)
class Sample:
    """A delivery, as it was received."""

    file: str
    """Where it was read, for people."""
    event: Event
    body: bytes
    api_url: str | None = None
    """Its ``Saleor-Api-Url`` header, where the file holds headers."""


def read_samples(
    files: Sequence[str], *, stdin: BinaryIO, event: Event | None = None
) -> list[Sample]:
    """Read the deliveries in ``files``.

    Args:
        files: Their names; ``-`` is standard input.
        stdin: Standard input.
        event: What a raw body is that does not say so itself.

    Raises:
        StartError: One of them cannot be used; the message names it.
    """
    if files.count(STDIN) > 1:
        raise StartError("--delivery: standard input holds one delivery: name it once")
    return [_sample(file, _content(file, stdin), event) for file in files]


def _content(file: str, stdin: BinaryIO) -> bytes:
    if file == STDIN:
        return stdin.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise StartError(
            f"{file}: cannot be read ({error.strerror}): name a delivery's file with --delivery"
        ) from None


def _sample(file: str, content: bytes, event: Event | None) -> Sample:
    name = "standard input" if file == STDIN else file
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise StartError(
            f"{name}: is no JSON: it must be a delivery's body, or an object with "
            "request.headers and body"
        ) from None
    if isinstance(document, dict) and {"request", "body"} <= document.keys():
        return _captured(name, document, event)
    return Sample(name, _told(name, None, document, event), content)


def _captured(name: str, document: Mapping[str, Any], event: Event | None) -> Sample:
    """Return the delivery in a capture; its body is text, byte for byte what was signed."""
    body = document["body"]
    if not isinstance(body, str):
        raise StartError(f"{name}: body must be text: the body as it was received, in quotes")
    headers = _headers(name, document["request"])
    try:
        inner = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise StartError(f"{name}: the body is no JSON") from None
    found = _told(name, headers.get("saleor-event"), inner, event)
    return Sample(name, found, body.encode(), headers.get("saleor-api-url"))


def _headers(name: str, request: Any) -> dict[str, str]:
    """Return the headers by name in lower case; they may be a list of pairs or an object."""
    headers = request.get("headers") if isinstance(request, dict) else None
    pairs: Iterable[Any] = headers.items() if isinstance(headers, dict) else headers or ()
    try:
        return {str(key).lower(): str(value) for key, value in pairs}
    except (TypeError, ValueError):
        raise StartError(
            f"{name}: request.headers must be a list of names with values, or an object"
        ) from None


def _told(name: str, header: str | None, body: Any, event: Event | None) -> Event:
    """Return which event it is: by its header, else by itself, else as the user says."""
    said = header if header is not None else _type_name(body)
    if said is None:
        if event is None:
            raise StartError(
                f"{name}: does not say which event it is: add --event, as ORDER_CREATED"
            )
        return event
    found = Event.parse(said) if header is not None else _BY_TYPE.get(said)
    if found is None:
        raise StartError(f"{name}: {printable(said)} is no event that can be sent to Segment")
    if event not in {None, found}:
        raise StartError(f"{name}: says that it is {found}: leave --event {event} out")
    return found


def _type_name(body: Any) -> str | None:
    """Return the type that a body says it is: by ``__typename``, else by its root field."""
    fields, root = body, ""
    if isinstance(body, dict) and isinstance(body.get("data"), dict):
        root, fields = next(iter(body["data"].items()), ("", None))
    told = fields.get("__typename") if isinstance(fields, dict) else None
    if isinstance(told, str):
        return told
    by_root = root[:1].upper() + root[1:]
    return by_root if by_root in _BY_TYPE else None


def printable(word: str) -> str:
    """Return ``word`` without what would move a terminal's cursor, cut where it is long."""
    return "".join(each for each in word if each.isprintable())[:128]

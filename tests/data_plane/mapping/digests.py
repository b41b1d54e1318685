"""What every capture becomes with each of the main options, as digests: a few bytes each.

The digests of a file are those of all deliveries of our events, taken as they were issued, each
with what the earlier ones left. Where nothing is sent or nothing can be mapped, a word says so.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from saleor_segment_server.errors import Unmappable
from tests.data_plane.mapping.deliveries import Captured, Json, with_options
from tests.data_plane.mapping.forwarded import Forwarded

Digests = dict[str, dict[str, str]]
"""By naming and by the name of the capture."""

_LOOK = """\
{option}: digests differ
{captures}
Look at one with
  saleor-segment preview -f FILE --delivery tests/fixtures/saleor/…/CAPTURE.json
where spec.tracking of FILE is {tracking} and naming; or, where the change is meant,
  python -m tests.data_plane.mapping.regenerate
and review the difference of tests/fixtures/golden."""


def digests_of(options: Json, captures: Iterable[Captured]) -> Digests:
    """Return the digests with these options of ``spec.tracking``; theirs wins over both namings."""
    issued = sorted(captures, key=_issued_at)
    namings = [options["naming"]] if "naming" in options else ["Saleor", "Spec"]
    return {naming: dict(_digests({"naming": naming, **options}, issued)) for naming in namings}


def complaint(option: str, tracking: Json, stored: Digests, found: Digests) -> str:
    """Say which captures differ, and how to look at them."""
    before, after = set(_flat(stored)), set(_flat(found))
    captures = sorted({each[:2] for each in before ^ after})
    lines = "\n".join(f"  {naming}: {name}" for naming, name in captures)
    return _LOOK.format(option=option, captures=lines, tracking=json.dumps(tracking))


def _flat(digests: Digests) -> Iterator[tuple[str, str, str]]:
    for naming, by_name in digests.items():
        for name, digest in by_name.items():
            yield naming, name, digest


def _digests(options: Json, issued: Iterable[Captured]) -> Iterator[tuple[str, str]]:
    forwarded = Forwarded(with_options(**options))
    for one in issued:
        try:
            messages = forwarded.take(one.event, one.body)
        except Unmappable:
            yield one.name, "cannot be mapped"
        else:
            yield one.name, _digest(messages) if messages else "nothing is sent"


def _digest(messages: list[Json]) -> str:
    for message in messages:
        for software in ("app", "library"):
            del message["context"][software]["version"]  # or every release would change them all
    text = json.dumps(messages, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _issued_at(one: Captured) -> tuple[str, str]:
    document: Any = one.document
    return (document.get("issuedAt", "") if isinstance(document, dict) else "", one.name)

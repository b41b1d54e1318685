"""Golden files: what each captured delivery becomes, for people to read and review.

One file per delivery of the five events in ``webhooks2``. Refunds of one order are mapped in the
order they were issued, each with the ledger row the one before it left; what a refund becomes
without a row stands beside it under ``withoutLedger``.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from saleor_segment_server.contract import Event
from saleor_segment_server.ledger import LedgerRow
from tests.data_plane.mapping.deliveries import (
    FIXTURES,
    Captured,
    Json,
    messages_of,
    of_our_events,
    refund_series,
)

FOLDER = FIXTURES / "golden"


def golden_path(name: str) -> Path:
    return FOLDER / f"{name}.json"


def rendered() -> Iterator[tuple[str, str]]:
    """Yield name and text of every golden file as the mapping makes it now."""
    for one in of_our_events("webhooks2"):
        if one.event is not Event.ORDER_REFUNDED:
            yield one.name, _text(_mapped(one, None)[0])
    for series in refund_series().values():
        yield from _rendered_series(series)


def _rendered_series(series: list[Captured]) -> Iterator[tuple[str, str]]:
    row: LedgerRow | None = None
    for one in series:
        golden, after = _mapped(one, row)
        if row is not None:
            golden["withoutLedger"] = _mapped(one, None)[0]["messages"]
        if after is not None:
            golden["ledger"] = orjson.loads(after.to_json())
            row = after
        yield one.name, _text(golden)


def _mapped(one: Captured, row: LedgerRow | None) -> tuple[Json, LedgerRow | None]:
    messages, after = messages_of(one.event, one.body, row)
    return {"messages": [_unversioned(message) for message in messages]}, after


def _unversioned(message: Json) -> Json:
    """Leave our own version out, or every release would change every file."""
    for software in ("app", "library"):
        assert message["context"][software].pop("version")
    return message


def _text(golden: Any) -> str:
    return json.dumps(golden, indent=2, ensure_ascii=False) + "\n"

"""Golden files: what each captured delivery becomes, for people to read and review.

``saleor/`` and ``spec/`` have one file per delivery of our events, by naming. Refunds of one order
are mapped in the order they were issued, each with the ledger row the one before it left; what a
refund becomes without a row stands beside it under ``withoutLedger``. Every other delivery is
mapped as the first of its order.

``options/`` has one file per option with a few deliveries, mapped one after the other with what is
remembered: an empty list is a delivery of which nothing is sent.

``digests/`` has one file per option with digests of what every delivery becomes, by naming.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.errors import Unmappable
from saleor_segment_server.ledger import LedgerRow
from tests.data_plane.mapping.deliveries import (
    FIXTURES,
    Captured,
    Json,
    messages_of,
    of_our_events,
    refund_series,
    with_options,
)
from tests.data_plane.mapping.digests import digests_of
from tests.data_plane.mapping.forwarded import Forwarded

FOLDER = FIXTURES / "golden"

NAMINGS = {"saleor": with_options(), "spec": with_options(naming="Spec")}

_EVERY_TRAIT = {"privacy": {"name": "Plain", "phone": "Plain", "address": "Plain"}}
_CONSENT = {"metadataKey": "consent", "categories": {"Advertising": "ads"}}
_SERIES: Mapping[str, tuple[Json, tuple[str, ...]]] = {
    "completed-on-created": ({"naming": "Spec"}, ("order-created.granted-2",)),
    "completed-on-confirmed": (
        {"naming": "Spec", "completedOn": "Confirmed"},
        ("order-created.granted-2",),
    ),
    "completed-on-fully-paid": (
        {"naming": "Spec", "completedOn": "FullyPaid"},
        ("order-created.odd-events",),  # its refund is reversed: it is fully paid twice
    ),
    "updates-changed": (
        {"updates": "Changed"},
        ("order-created.two-updates", "order-created.granted-2"),
    ),
    "identify": (
        {"identify": True, **_EVERY_TRAIT},
        ("order-created.tax-inclusive", "order-created.granted-2", "customer-created.draft"),
    ),
}
"""Options that need a memory, and deliveries: every other of their orders is mapped with them."""
_OPTIONS: Mapping[str, Json] = {
    "names": {"names": {"ORDER_CREATED": "Bought", "CHECKOUT_CREATED": "Going to buy"}},
    "channels": {"channels": ["default-channel"]},
    "user-id-namespaced": {"userId": "Namespaced"},
    "user-id-email": {"userId": "Email"},
    "guest-anonymous": {"guest": "Anonymous"},
    "email-hashed": {"privacy": {"email": "Hashed"}},
    "email-omitted": {"privacy": {"email": "Omit"}},
    "everything-told": _EVERY_TRAIT,
    "consent-unknown-denied": {"consent": {**_CONSENT, "unknown": "Deny"}},
    "consent-unknown-dropped": {"consent": {**_CONSENT, "unknown": "Drop"}},
    "product-pages": {"products": {"url": "https://shop.example.com/{channel}/{slug}"}},
}
_FEW = (
    "order-created.tax-inclusive.voucher-fixed",
    "order-created.guest.email-of-customer",
    "order-refunded.granted.refund",
    "fulfillment-created.paid-checkout.tax-exclusive.fulfil",
    "checkout-created.checkout",
    "customer-created.draft",
)
"""What the other options are shown with."""


OPTION_SETS: Mapping[str, Json] = {
    **{name: options for name, (options, _) in _SERIES.items()},
    **_OPTIONS,
}
"""The main options, as in a file."""


def golden_path(name: str) -> Path:
    return FOLDER / f"{name}.json"


def every_capture() -> list[Captured]:
    """Return the deliveries of our events in both captures."""
    return [*of_our_events("webhooks"), *of_our_events("webhooks2")]


def golden_names() -> list[str]:
    """Return the name of every golden file with messages, as ``saleor/order-created.jpy``."""
    captures = [one.name for one in every_capture()]
    return [
        *(f"{naming}/{name}" for naming in NAMINGS for name in captures),
        *(f"options/{name}" for name in OPTION_SETS),
    ]


def digest_names() -> list[str]:
    """Return the name of every file of digests, as ``digests/names``."""
    return [f"digests/{name}" for name in OPTION_SETS]


def rendered() -> Iterator[tuple[str, str]]:
    """Yield name and text of every golden file as the mapping makes it now."""
    for naming, pipeline in NAMINGS.items():
        for name, golden in _of_every_capture(pipeline):
            yield f"{naming}/{name}", _text(golden)
    for name, (options, anchors) in _SERIES.items():
        yield f"options/{name}", _text(_with_options(options, _orders_of(anchors)))
    few = [one for one in every_capture() if one.name in _FEW]
    for name, options in _OPTIONS.items():
        yield f"options/{name}", _text(_with_options(options, few))
    for name, options in OPTION_SETS.items():
        yield f"digests/{name}", _text(digests_of(options, every_capture()))


def _of_every_capture(pipeline: Pipeline) -> Iterator[tuple[str, Json]]:
    series = refund_series()
    in_series = {one.name for refunds in series.values() for one in refunds}
    for one in every_capture():
        if one.name not in in_series:
            yield one.name, _alone(one, pipeline)
    for refunds in series.values():
        yield from _of_series(refunds, pipeline)


def _of_series(series: list[Captured], pipeline: Pipeline) -> Iterator[tuple[str, Json]]:
    row: LedgerRow | None = None
    for one in series:
        golden, after = _mapped(one, row, pipeline)
        if row is not None:
            golden["withoutLedger"] = _mapped(one, None, pipeline)[0]["messages"]
        if after is not None:
            golden["ledger"] = orjson.loads(after.to_json())
            row = after
        yield one.name, golden


def _alone(one: Captured, pipeline: Pipeline) -> Json:
    try:
        golden, after = _mapped(one, None, pipeline)
    except Unmappable as error:
        return {"unmappable": str(error)}
    return golden if after is None else golden | {"ledger": orjson.loads(after.to_json())}


def _mapped(
    one: Captured, row: LedgerRow | None, pipeline: Pipeline
) -> tuple[Json, LedgerRow | None]:
    messages, after = messages_of(one.event, one.body, row, pipeline)
    return {"messages": [_unversioned(message) for message in messages]}, after


def _with_options(options: Json, chosen: list[Captured]) -> Json:
    forwarded = Forwarded(with_options(**options))
    issued = sorted(chosen, key=lambda one: one.document["issuedAt"])
    became = {one.name: forwarded.take(one.event, one.body) for one in issued}
    told = {name: [_unversioned(each) for each in messages] for name, messages in became.items()}
    rows = {key: orjson.loads(row.to_json()) for key, row in forwarded.rows.items()}
    return {"tracking": options, "deliveries": told, "ledger": rows}


def _orders_of(anchors: tuple[str, ...]) -> list[Captured]:
    """Return these deliveries, and all others of their orders."""
    orders = {_order_id(one) for one in every_capture() if one.name in anchors} - {None}
    return [one for one in every_capture() if one.name in anchors or _order_id(one) in orders]


def _order_id(one: Captured) -> str | None:
    document = one.document
    order = document.get("order") if isinstance(document, dict) else None
    return order["id"] if order else None


def _unversioned(message: Json) -> Json:
    """Leave our own version out, or every release would change every file."""
    for software in ("app", "library"):
        assert message["context"][software].pop("version")
    return message


def _text(golden: Any) -> str:
    return json.dumps(golden, indent=2, ensure_ascii=False) + "\n"

"""A day with every event, and a customer who is told of nowhere that the options forbid."""

import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from saleor_segment_server.contract import Event
from tests.control_plane.standalone.stand import EMAIL, PASSWORD, Run, Stand, condition, standing
from tests.system.programs import until
from tests.twins.saleor.shop.day import Kind
from tests.twins.saleor.shop.stock import ADDRESSES, USD
from tests.twins.segment import Fault

ORDERS = 60
DAY = Kind(most_updates=1, everything=True)
PERMISSIONS = ("MANAGE_APPS", "MANAGE_ORDERS", "MANAGE_CHECKOUTS", "MANAGE_USERS")
STREET = "Sample Street"
"""How staff change addresses in the course of a day."""


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path, time_scale=100, keep_alive=True) as stand:
        stand.saleor.staff(EMAIL, PASSWORD, PERMISSIONS)
        for number, user in enumerate(stand.saleor.shop.customers.values()):
            user.first_name, user.last_name = "Prename", f"Surname-{number}"
        yield stand


def options(stand: Stand, **tracking: Any) -> None:
    stand.spec["events"] = [event.value for event in Event]
    stand.spec["tracking"] = tracking
    stand.save()


async def play(stand: Stand, run: Run) -> None:
    await condition(run, "Ready", "True")
    stand.saleor.shop.storefront.register(
        "newcomer@example.com",
        first_name="Prename",
        last_name="Surname",
        address=ADDRESSES[USD],
    )
    stand.saleor.start_day(ORDERS, 1.0, DAY)
    await stand.saleor.settled(60)


async def arrives(stand: Stand) -> list[dict[str, Any]]:
    """Wait until Segment has a message for each delivery that is sure to bring one."""
    untold = ("ORDER_REFUNDED", "CUSTOMER_CREATED", "CUSTOMER_UPDATED")
    called = sum(d.event not in untold for d in stand.saleor.deliveries)

    def are_there() -> bool:
        names = [m.get("event", "") for m in stand.segment.inbox.messages()]
        return sum(bool(name) and "Refunded" not in name for name in names) == called

    await until(are_there, every=0.1)
    return list(stand.segment.inbox.messages())


def personal(stand: Stand) -> set[str]:
    """Return every text that tells something of a customer, in lower case."""
    shop = stand.saleor.shop
    emails = {order.user_email for order in shop.orders.values()} | {*shop.customers}
    texts = emails | {"prename", "surname", STREET}
    for address in ADDRESSES.values():
        texts |= {
            *(address.first_name, address.street_address1, address.city, address.postal_code),
            address.phone,
        }
    return {text.lower() for text in texts}


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text in a document, the keys too."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)
    elif isinstance(value, str):
        yield value


def told_in(documents: list[Any], forbidden: set[str]) -> set[str]:
    """Return what of the forbidden is told; figures alone count only where they stand alone."""
    parts = {text for text in forbidden if not text.replace("-", "").isdigit()}
    found = set[str]()
    for text in {text.lower() for document in documents for text in texts_in(document)}:
        found |= {part for part in parts if part in text}
        found |= {text} & forbidden
    return found


def stored(stand: Stand) -> list[Any]:
    """Return every body that the journal holds."""
    found = []
    for path in (stand.folder / "data").rglob("*"):
        if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3":
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                found += [json.loads(row[0]) for row in database.execute("SELECT body FROM body")]
    return found


async def test_with_everything_omitted_nothing_personal_is_sent_or_stored(stand: Stand) -> None:
    options(stand, privacy={"email": "Omit"})
    stand.segment.faults.add(Fault(status=503, times=None))
    async with stand.running() as run:
        await play(stand, run)
        bodies = stored(stand)
        stand.segment.faults.clear()
        messages = await arrives(stand)
    forbidden = personal(stand)
    sent = [json.loads(d.payload) for d in stand.saleor.deliveries if d.payload]
    assert len(bodies) > 5 * ORDERS
    assert told_in(bodies, forbidden) == set()
    assert told_in(sent, forbidden) == set()
    assert told_in(messages, forbidden) == set()
    assert all(message.get("userId") or message.get("anonymousId") for message in messages)


async def test_with_hashed_emails_nothing_personal_reaches_segment(stand: Stand) -> None:
    options(stand, privacy={"email": "Hashed"}, userId="Email", naming="Spec")
    async with stand.running() as run:
        await play(stand, run)
        messages = await arrives(stand)
    assert told_in(messages, personal(stand)) == set()
    guests = {m["userId"] for m in messages if "userId" in m}
    assert all(len(user) == 64 for user in guests)


async def test_what_the_options_allow_is_told(stand: Stand) -> None:
    """The search of the other tests finds what there is."""
    everything = dict.fromkeys(("name", "phone", "address"), "Plain")
    options(stand, privacy=everything, identify=True)
    async with stand.running() as run:
        await play(stand, run)
        messages = await arrives(stand)
    found = told_in(messages, personal(stand))
    assert {"prename", "surname", "customer01@example.com"} <= found
    assert {ADDRESSES[USD].phone, "94102", "wrocław"} <= found
    assert {m["type"] for m in messages} == {"track", "identify"}
    assert {d.event for d in stand.saleor.deliveries} == {*Event}

"""Saleor's signature is right and what it signed is not: wrong type, app, shop, event or time."""

import signal
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from saleor_segment_server.contract import Event
from saleor_segment_server.contract.subscriptions import subscription
from saleor_segment_server.contract.tracking import Tracking
from tests.control_plane.standalone import stand as standalone
from tests.fault.saleor import FaultyStand, deliver, issued, order, standing
from tests.fault.shift import Shift
from tests.signing import Signer
from tests.system.programs import saleor_segment, until
from tests.system.serving import Serving

DAYS, HOUR, MINUTE = 15, timedelta(hours=1), timedelta(minutes=1)
ROUNDING = timedelta(milliseconds=1)
TOO_OLD = "it was issued too long ago"


@pytest.fixture
async def stand(tmp_path: Path, signer: Signer) -> AsyncIterator[FaultyStand]:
    async with standing(tmp_path, signer) as stand:
        yield stand


@pytest.fixture
def shift(tmp_path: Path) -> Shift:
    return Shift(tmp_path / "shift")


async def buried(serving: Serving) -> list[str]:
    """Return why each dead letter is one, the oldest first."""
    report = await serving.report()
    url = f"{serving.private}/internal/v1/pipelines/{report['id']}/dead-letters"
    async with serving.stand.client.get(url) as response:
        letters = (await response.json())["deadLetters"]
    return [letter["why"] for letter in reversed(letters)]


async def sent(stand: FaultyStand, order_id: str) -> dict[str, Any]:
    """Return the message of an order, as Segment shows it, once it has arrived."""
    await until(lambda: order_id in stand.arrived())
    (found,) = (
        each
        for each in stand.segment.inbox.messages()
        if each["properties"]["order_id"] == order_id
    )
    return found


def unwanted() -> dict[str, tuple[bytes, str, dict[str, str]]]:
    """Return deliveries that are not to be sent, by why: body, event in the path, headers."""
    other = {"Saleor_Api_Url": "https://other.example.com/graphql/"}
    made = "order_created"
    return {
        "its __typename is not OrderCreated": (order("1", __typename="OrderPaid"), made, {}),
        "it was meant for another app": (order("2", recipient={"id": "QXBwOjY="}), made, {}),
        "its Saleor-Api-Url is not the shop's: see publicUrl of the integration": (
            order("3"),
            made,
            other,
        ),
        "ORDER_UPDATED is not among the integration's events": (
            order("4", __typename="OrderUpdated"),
            "order_updated",
            {},
        ),
        "the body is no JSON": (b'{"order": ', made, {}),
        "its issuedAt is no time": (order("5", issuedAt="yesterday"), made, {}),
        TOO_OLD: (order("6", issuedAt=issued(timedelta(days=DAYS) + HOUR)), made, {}),
    }


async def test_what_is_genuine_but_not_wanted_is_acknowledged_kept_and_never_sent(
    stand: FaultyStand, signer: Signer
) -> None:
    deliveries = unwanted()
    async with stand.serving() as serving:
        for _ in range(2):  # Saleor may send it again
            for data, event, headers in deliveries.values():
                told = await deliver(serving, signer.sign(data), data, event=event, **headers)
                assert told == (200, "")
        assert await serving.order(signer) == 200
        await until(lambda: stand.arrived() == stand.acknowledged)
        count = f'reason="unwanted"}} {len(deliveries):.1f}'
        (line,) = (each for each in (await serving.metrics()).splitlines() if count in each)
        assert line.startswith("saleor_segment_buried_total{")
        await serving.program.end(signal.SIGKILL)
    async with stand.serving() as again:
        assert await buried(again) == list(deliveries)
        assert (await again.report())["pending"] == 0
        assert await again.order(signer) == 200
        await until(lambda: stand.arrived() == stand.acknowledged)


async def test_deliveries_of_a_foreign_app_and_of_a_shop_with_another_name_are_announced(
    tmp_path: Path,
) -> None:
    async with standalone.standing(tmp_path, least_timeout=10.0) as stand:
        stand.spec["saleor"]["publicUrl"] = stand.saleor.origin
        stand.save()
        run = ("run", "-f", stand.file, "--data-dir", tmp_path / "data", "--resync", "1s")
        ports = ("--listen", "127.0.0.1:0", "--private-listen", "127.0.0.1:0", "--ballast", "1Mi")
        async with saleor_segment(*run, *ports) as program:
            await standalone.condition(program, "Ready", "True")
            await stand.arrives(stand.order())
            add_foreign_webhook(stand)
            await stand.arrives(stand.order())
            await program.said(lambda line: "DeadLettered" in line and "another app" in line)
            shown = len(program.lines)
            stand.saleor.state.public_url = "https://renamed.example.com"
            await standalone.condition(program, "Ready", "False", reason="PublicUrlMismatch")
            lost = stand.order()
            await stand.saleor.settled()
            await program.said(
                lambda line: "DeadLettered" in line and "publicUrl" in line, since=shown
            )
    assert {each.outcome for each in stand.saleor.deliveries} == {"acknowledged"}
    assert lost not in stand.arrived()
    assert stand.segment.inbox.totals()["doubled"] == 0


def add_foreign_webhook(stand: standalone.Stand) -> None:
    """Have another app of the shop send its deliveries to our address."""
    urls = (hook.target_url for hook in stand.saleor.state.apps.webhooks())
    (url,) = (each for each in urls if each.lower().endswith("/order_created"))
    query = subscription(Event.ORDER_CREATED, Tracking())
    stand.saleor.webhook(stand.saleor.app("foreign"), Event.ORDER_CREATED, url, query)


# clocks


async def test_whatever_saleors_clock_says_within_15_days_is_what_segment_is_told(
    stand: FaultyStand, signer: Signer
) -> None:
    async with stand.serving() as serving:
        for ago in (-5 * MINUTE, -5 * HOUR, timedelta(days=DAYS) - HOUR):
            order_id, when = f"{ago}", issued(ago)
            data = order(order_id, issuedAt=when)
            assert await deliver(serving, signer.sign(data), data) == (200, "")
            message = await sent(stand, order_id)
            assert moment(message["originalTimestamp"]) - moment(when) <= ROUNDING
            assert abs(moment(message["timestamp"]) - moment(when)) < MINUTE
            assert abs(moment(message["sentAt"]) - moment(issued())) < MINUTE
        assert await buried(serving) == []


async def test_our_own_clock_that_is_off_by_an_hour_is_told_and_by_days_makes_dead_letters(
    stand: FaultyStand, signer: Signer, shift: Shift
) -> None:
    shift.by(HOUR.total_seconds())
    async with shift.serving(stand) as serving:
        for order_id in ("1", "2"):
            data = order(order_id, issuedAt=(when := issued()))
            assert await deliver(serving, signer.sign(data), data) == (200, "")
            message = await sent(stand, order_id)
            assert moment(message["originalTimestamp"]) - moment(when) <= ROUNDING
            # Segment takes sentAt for the clock of the timestamp, which is Saleor's.
            assert abs(moment(message["timestamp"]) - (moment(when) - HOUR)) < MINUTE
        told = await serving.program.logged("clock_skew")
        assert abs(told["ahead_seconds"] - HOUR.total_seconds()) < MINUTE.total_seconds()
        shift.by(timedelta(days=DAYS).total_seconds())
        data = order("3")
        assert await deliver(serving, signer.sign(data), data) == (200, "")
        assert await buried(serving) == [TOO_OLD]
        shift.by(-shift.seconds)
        data = order("4")
        assert await deliver(serving, signer.sign(data), data) == (200, "")
        await sent(stand, "4")
        assert await buried(serving) == [TOO_OLD]
    assert stand.arrived() == {"1", "2", "4"}
    assert serving.program.text.count('"clock_skew"') == 1


def moment(text: str) -> datetime:
    """Return a time that was written."""
    return datetime.fromisoformat(text)

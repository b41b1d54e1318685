"""What the servers say, added up: of real ones, and of ones that fail."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from saleor_segment_operator.errors import Unavailable
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.servers import Fate, Servers, Totals
from saleor_segment_server.bodies import LARGEST_BODY
from tests.data_plane.receiving import PIPELINE_ID, Door, Shop, body, pipeline
from tests.signing import Signer

TOKEN = "internal-token-0123456789"
FIRST = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND = datetime(2026, 11, 24, 13, tzinfo=UTC)


def report(**changes: Any) -> dict[str, Any]:
    return {
        "id": PIPELINE_ID,
        "hash": "cafe",
        "state": "Active",
        "pending": 0,
        "dead": 0,
        "delivered": 0,
        "oldestPendingSince": None,
        "lastDeliveredAt": None,
        "parked": None,
    } | changes


@asynccontextmanager
async def answering(*answers: object, status: int = 200) -> AsyncIterator[list[str]]:
    """Run a server for each answer; yield their addresses."""
    async with AsyncExitStack() as stack:
        addresses = []
        for answer in answers:
            app = web.Application()
            response = {"body": answer} if isinstance(answer, bytes) else {"answer": answer}
            app.router.add_route("*", "/{path:.*}", _handler(response, status))
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            addresses.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        yield addresses


def _handler(response: dict[str, Any], status: int) -> Any:
    async def handle(_: web.Request) -> web.Response:
        if "body" in response:
            return web.Response(body=response["body"], status=status)
        return web.json_response(response["answer"], status=status)

    return handle


def servers(addresses: Sequence[str], *, token: str | None = None, patience: float = 5) -> Servers:
    async def find() -> Sequence[str]:
        return addresses

    async def say() -> Sequence[str]:
        return () if token is None else (token,)

    return Servers(find, tokens=say, timeout=patience)


def reports(*those: dict[str, Any]) -> dict[str, Any]:
    return {"pipelines": [report(id="another"), *those]}


async def test_totals_are_summed_over_all_servers() -> None:
    one = report(pending=1, dead=2, delivered=3, oldestPendingSince=SECOND.isoformat())
    two = report(
        pending=10,
        dead=20,
        delivered=30,
        oldestPendingSince=FIRST.isoformat(),
        lastDeliveredAt=SECOND.isoformat(),
        parked="Segment answers 401",
    )
    three = report(lastDeliveredAt=FIRST.isoformat(), waiting="status 503", deadWhy="no order")
    async with (
        answering(reports(one), reports(two), reports(three)) as addresses,
        servers(addresses) as all_servers,
    ):
        assert await all_servers.totals(PIPELINE_ID) == Totals(
            pending=11,
            dead=22,
            delivered=33,
            oldest_pending_since=FIRST,
            last_delivered_at=SECOND,
            parked="Segment answers 401",
            waiting="status 503",
            dead_why="no order",
        )


async def test_totals_tell_whether_saleor_brought_anything_to_any() -> None:
    older, silent, heard = report(delivered=1), report(heard=False), report(heard=True)
    for those, received in (([older, silent], False), ([silent, heard], True)):
        async with (
            answering(*map(reports, those)) as addresses,
            servers(addresses) as all_servers,
        ):
            assert (await all_servers.totals(PIPELINE_ID)).received is received


async def test_a_pipeline_is_held_when_every_server_holds_this_version() -> None:
    old, new, none = reports(report(hash="old")), reports(report(hash="new")), reports()
    for answers, held in [
        ((new,), True),
        ((new, new), True),
        ((new, old), False),
        ((new, none), False),
        ((none,), False),
    ]:
        async with answering(*answers) as addresses, servers(addresses) as all_servers:
            assert await all_servers.held(PIPELINE_ID, "new") is held


async def test_totals_are_unknown_while_a_server_does_not_hold_the_pipeline() -> None:
    async with (
        answering(reports(report(pending=1)), reports()) as addresses,
        servers(addresses) as all_servers,
    ):
        with pytest.raises(Unavailable) as caught:
            await all_servers.totals(PIPELINE_ID)
        assert caught.value.reason == Reason.PIPELINE_PENDING


async def test_one_question_tells_of_all_pipelines() -> None:
    one, two = reports(report(pending=1)), reports(report(pending=2))
    async with answering(one, two) as addresses, servers(addresses) as all_servers:
        words = await all_servers.ask_about_all()
        assert words.of(PIPELINE_ID).totals().pending == 3
        assert words.of("another").held("cafe")
        assert not words.of("unknown").held("cafe")


async def is_unknown(all_servers: Servers) -> str:
    """Assert that nothing is known; return why."""
    errors = []
    for ask in (
        all_servers.totals(PIPELINE_ID),
        all_servers.held(PIPELINE_ID, "cafe"),
        all_servers.bury(PIPELINE_ID),
    ):
        with pytest.raises(Unavailable) as caught:
            await ask
        assert caught.value.reason == Reason.SERVERS_UNREACHABLE
        assert TOKEN not in str(caught.value)
        errors.append(str(caught.value))
    return errors[0]


async def test_one_server_out_of_reach_makes_all_unknown() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with (
            answering(reports(report())) as addresses,
            servers([*addresses, dead], token=TOKEN) as all_servers,
        ):
            assert "(ConnectError)" in await is_unknown(all_servers)


async def test_a_silent_server_makes_all_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with servers([address], patience=0.05) as all_servers:
            assert "(ReadTimeout)" in await is_unknown(all_servers)


async def test_without_any_server_nothing_is_held() -> None:
    async with servers([]) as all_servers:
        assert "No server is ready" in await is_unknown(all_servers)


async def test_a_failing_server_makes_all_unknown() -> None:
    for status in (302, 400, 500, 503):
        async with (
            answering(reports(report()), status=status) as addresses,
            servers(addresses) as all_servers,
        ):
            assert str(status) in await is_unknown(all_servers)


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"\xff",
        None,
        [],
        {},
        {"pipelines": None},
        {"pipelines": [{}]},
        {"pipelines": [{"id": PIPELINE_ID}]},
        {"pipelines": [report(pending="many")]},
        {"pipelines": [report(lastDeliveredAt="yesterday")]},
    ],
)
async def test_an_answer_that_cannot_be_read_makes_all_unknown(answer: object) -> None:
    async with answering(answer) as addresses, servers(addresses) as all_servers:
        with pytest.raises(Unavailable) as caught:
            await all_servers.totals(PIPELINE_ID)
        assert caught.value.reason == Reason.SERVERS_UNREACHABLE
        assert str(caught.value) == "A server answers what we cannot read."


async def test_which_server_it_was_is_in_the_log_once_and_in_no_status() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
    addresses = [dead]
    async with answering(reports(report())) as alive, servers(addresses) as all_servers:
        with capture_logs() as logs:
            assert "127.0.0.1" not in await is_unknown(all_servers)
            addresses[:] = alive
            await all_servers.totals(PIPELINE_ID)
    assert [(each["event"], each["server"]) for each in logs] == [("server_in_trouble", dead)]


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.new()


@pytest.fixture
async def shop(signer: Signer) -> AsyncIterator[Shop]:
    async with Shop(signer).serving() as shop:
        yield shop


async def test_a_real_server_is_understood(tmp_path: Path, shop: Shop, signer: Signer) -> None:
    ours = pipeline(shop.url + "/graphql/")
    async with (
        Door(tmp_path, token=TOKEN) as door,
        servers([door.private.url], token=TOKEN) as all_servers,
    ):
        assert not await all_servers.held(PIPELINE_ID, ours.fingerprint())
        await door.table.replace([ours])
        assert await all_servers.held(PIPELINE_ID, ours.fingerprint())
        assert not await all_servers.held(PIPELINE_ID, "another")
        data = body()
        assert (await door.post(data, signer.sign(data)))[0] == 200
        totals = await all_servers.totals(PIPELINE_ID)
        assert (totals.pending, totals.dead, totals.received) == (1, 0, True)
        assert totals.oldest_pending_since == datetime.fromtimestamp(door.clock(), UTC)


@pytest.mark.parametrize("held", ["old", "new"])
async def test_a_server_that_was_not_told_of_a_rotated_token_yet_takes_the_one_before(
    tmp_path: Path, shop: Shop, signer: Signer, held: str
) -> None:
    """A kubelet writes a Secret into the two pods up to two minutes apart."""
    data, known = body(), ["old"]

    async def say() -> Sequence[str]:
        return tuple(reversed(known))

    async with Door(tmp_path, token=held) as door:
        await door.table.replace([pipeline(shop.url + "/graphql/")])

        async def find() -> Sequence[str]:
            return [door.private.url]

        async with Servers(find, tokens=say) as all_servers:
            if held == "new":
                assert "refuses our token" in await is_unknown(all_servers)
            known.append("new")
            assert not await all_servers.held(PIPELINE_ID, "cafe")
            signed = HEADERS | {"saleor-signature": signer.sign(data)}
            fate = await all_servers.hand_in(PIPELINE_ID, "ORDER_CREATED", signed, data)
            assert fate is Fate.ACCEPTED


async def test_a_wrong_token_is_named_and_not_shown(tmp_path: Path) -> None:
    async with (
        Door(tmp_path, token="the right one") as door,
        servers([door.private.url], token=TOKEN) as all_servers,
    ):
        assert "refuses our token" in await is_unknown(all_servers)


async def test_what_waits_is_buried_on_every_server(
    tmp_path: Path, shop: Shop, signer: Signer
) -> None:
    ours = pipeline(shop.url + "/graphql/")
    folders = [tmp_path / name for name in ("one", "two", "empty")]
    async with AsyncExitStack() as stack:
        for folder in folders:
            folder.mkdir()
        doors = [await stack.enter_async_context(Door(folder)) for folder in folders]
        for door in doors[:2]:
            await door.table.replace([ours])
            data = body()
            await door.post(data, signer.sign(data))
        addresses = [door.private.url for door in doors]
        async with servers(addresses) as all_servers:
            await asyncio.gather(*(all_servers.bury(PIPELINE_ID) for _ in range(2)))
        async with servers(addresses[:2]) as those_with_any:
            totals = await those_with_any.totals(PIPELINE_ID)
        assert (totals.pending, totals.dead) == (0, 2)


# Deliveries that Saleor gave up.


HEADERS = {"content-type": "application/json"}


@asynccontextmanager
async def a_door(tmp_path: Path, signer: Signer) -> AsyncIterator[Door]:
    async with Shop(signer).serving() as shop, Door(tmp_path, token=TOKEN) as door:
        await door.table.replace([pipeline(shop.url + "/graphql/")])
        yield door


async def test_a_delivery_is_handed_to_a_server_once(tmp_path: Path, signer: Signer) -> None:
    data, unwanted = body(), body(__typename="OrderUpdated")
    async with (
        a_door(tmp_path, signer) as door,
        servers([door.private.url], token=TOKEN) as those,
    ):

        async def hand_in(data: bytes) -> Fate:
            signed = HEADERS | {"saleor-signature": signer.sign(data)}
            return await those.hand_in(PIPELINE_ID, "ORDER_CREATED", signed, data)

        assert await hand_in(data) is Fate.ACCEPTED
        assert await hand_in(data) is Fate.DUPLICATE
        assert await hand_in(unwanted) is Fate.BURIED
        assert len(await door.journal.take(PIPELINE_ID)) == 1


async def test_what_does_not_verify_is_told_from_what_is_no_delivery(
    tmp_path: Path, signer: Signer
) -> None:
    data = body()
    async with (
        a_door(tmp_path, signer) as door,
        servers([door.private.url], token=TOKEN) as those,
    ):
        for signature in ("a..b", signer.sign(b"another"), Signer.new().sign(data)):
            signed = HEADERS | {"saleor-signature": signature}
            fate = await those.hand_in(PIPELINE_ID, "ORDER_CREATED", signed, data)
            assert fate is Fate.UNVERIFIED
        large = b" " * (LARGEST_BODY + 1)
        signed = HEADERS | {"saleor-signature": signer.sign(data)}
        assert await those.hand_in(PIPELINE_ID, "ORDER_CREATED", signed, large) is Fate.REFUSED


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (503, {"error": "journal_full"}),
        (503, {"error": "jwks_unreachable"}),
        (404, {"error": "path_unknown"}),
        (404, {"error": "pipeline_gone"}),
        (413, b"<html>a proxy in between"),
        (400, {}),
        (200, {}),
        (200, [1]),
        (500, b"\xff"),
    ],
)
async def test_what_says_nothing_of_the_delivery_is_tried_again(
    status: int, answer: object
) -> None:
    async with answering(answer, status=status) as addresses, servers(addresses) as those:
        with pytest.raises(Unavailable, match="takes no delivery now") as caught:
            await those.hand_in(PIPELINE_ID, "ORDER_CREATED", HEADERS, body())
    assert caught.value.reason == Reason.SERVERS_BUSY


async def test_without_a_server_or_with_another_token_nothing_is_handed_in(
    tmp_path: Path, signer: Signer
) -> None:
    async with servers([]) as those:
        with pytest.raises(Unavailable, match="No server is ready"):
            await those.hand_in(PIPELINE_ID, "ORDER_CREATED", HEADERS, body())
    async with a_door(tmp_path, signer) as door, servers([door.private.url]) as those:
        with pytest.raises(Unavailable, match="refuses our token"):
            await those.hand_in(PIPELINE_ID, "ORDER_CREATED", HEADERS, body())

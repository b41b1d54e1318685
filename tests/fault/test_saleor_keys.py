"""The shop's key set is wrong, slow or away, its key is replaced, strangers name keys of their own.

Real processes; where minutes count, by a clock that the test moves.
"""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control_plane.standalone import stand as standalone
from tests.fault.flooding import flood
from tests.fault.key_sets import FAULTS, MIB
from tests.fault.saleor import FaultyStand, deliver, order, standing
from tests.fault.shift import Shift
from tests.signing import Signer
from tests.system.programs import until
from tests.system.serving import Serving, document

PAUSE = 5.0
KEPT = 600.0


@pytest.fixture(scope="module")
def successor() -> Signer:
    """The key that the shop takes next."""
    return Signer.new()


@pytest.fixture
async def stand(tmp_path: Path, signer: Signer) -> AsyncIterator[FaultyStand]:
    async with standing(tmp_path, signer) as stand:
        yield stand


@pytest.fixture
async def server(stand: FaultyStand, shift: Shift) -> AsyncIterator[Serving]:
    """A server that knows the shop's key."""
    async with shift.serving(stand) as serving:
        assert await serving.order(stand.shop.signer) == 200
        shift.by(PAUSE)
        yield serving


@pytest.fixture
def shift(tmp_path: Path) -> Shift:
    return Shift(tmp_path / "shift")


def memory(serving: Serving) -> int:
    """Return the most bytes that the server ever held."""
    status = Path(f"/proc/{serving.program.process.pid}/status").read_text()
    (peak,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) * 2**10


async def arrived(stand: FaultyStand) -> None:
    """Wait until Segment has what was acknowledged."""
    await until(lambda: stand.arrived() == stand.acknowledged)
    assert stand.segment.inbox.totals()["doubled"] == 0


async def test_whatever_the_key_set_answers_known_keys_go_on_and_others_come_again(
    stand: FaultyStand, server: Serving, shift: Shift, signer: Signer, successor: Signer
) -> None:
    held = memory(server)
    for name, fault in FAULTS.items():
        asked = stand.shop.asked
        stand.keys.fault = fault
        data = order(name)
        told = await deliver(server, successor.sign(data), data)
        assert told == (503, "jwks_unreachable"), name
        assert await server.order(signer) == 200, name
        assert 1 <= stand.shop.asked - asked <= 2, name  # where a connection breaks, once more
        shift.by(PAUSE)
    assert memory(server) - held < 16 * MIB
    stand.keys.fault, stand.shop.key_set = None, successor.jwks()
    for name in FAULTS:
        data = order(name)
        assert await deliver(server, successor.sign(data), data) == (200, "")
        stand.acknowledged.add(name)
    await arrived(stand)


async def test_a_key_that_replaces_another_is_learned_by_its_first_delivery(
    stand: FaultyStand, server: Serving, shift: Shift, signer: Signer, successor: Signer
) -> None:
    stand.shop.key_set, asked = successor.jwks(), stand.shop.asked
    assert await server.order(successor) == 200
    assert stand.shop.asked == asked + 1
    shift.by(KEPT - 120)
    assert await server.order(signer) == 200  # what was on its way
    await server.program.end(signal.SIGKILL)
    async with shift.serving(stand) as again:
        assert await again.order(signer) == 200
        shift.by(121)
        data = order("late")
        assert await deliver(again, signer.sign(data), data) == (503, "key_unknown")
        assert await again.order(successor) == 200
        await arrived(stand)


async def test_a_key_that_the_operator_learns_first_replaces_the_other_as_well(
    stand: FaultyStand, shift: Shift, signer: Signer, successor: Signer
) -> None:
    stand.keys.fault = FAULTS["500"]
    bring_keys(stand, signer)
    async with shift.serving(stand) as serving:
        assert await serving.order(signer) == 200
        assert stand.shop.asked == 0
        held = (await serving.report())["hash"]
        bring_keys(stand, successor)
        await until(lambda: changed(serving, held))
        assert await serving.order(successor) == 200
        assert await serving.order(signer) == 200
        shift.by(KEPT + PAUSE)
        assert await serving.order(successor) == 200
        data = order("late")
        assert await deliver(serving, signer.sign(data), data) == (503, "jwks_unreachable")
        await arrived(stand)


def bring_keys(stand: FaultyStand, signer: Signer) -> None:
    """Have the Pipeline bring the shop's keys along, as the operator lets it."""
    source = document(stand)["saleor"]
    stand.write(saleor=source | {"jwks": signer.jwks()})


async def changed(serving: Serving, held: str) -> bool:
    return bool((await serving.report())["hash"] != held)


async def test_a_flood_of_unknown_keys_asks_once_in_five_seconds_and_keeps_nobody_out(
    stand: FaultyStand, signer: Signer
) -> None:
    async with stand.serving() as serving:
        found = await flood(serving, signer, deliveries=2_000, connections=64)
        await arrived(stand)
    assert found.answers == {503: 2_000}
    assert found.genuine_refused == 0
    assert found.asked <= found.asked_at_most
    assert found.grown < 6 * MIB, found
    assert found.during[-1] < 18.0  # for so long Saleor waits


async def test_a_key_that_is_replaced_while_none_can_be_read_costs_no_order(
    tmp_path: Path, shift: Shift
) -> None:
    async with standalone.standing(tmp_path, time_scale=50, least_timeout=10.0) as stand:
        run = ("run", "-f", stand.file, "--data-dir", tmp_path / "data")
        ports = ("--listen", "127.0.0.1:0", "--private-listen", "127.0.0.1:0", "--ballast", "1Mi")
        async with shift.program(*run, *ports) as program:
            await standalone.condition(program, "Ready", "True")
            await stand.arrives(stand.order())
            stand.saleor.fail(jwks_down=True)
            stand.saleor.rotate_key()
            order_id = stand.order()
            await stand.saleor.until(lambda: 503 in _answers(stand))
            stand.saleor.heal()
            shift.by(PAUSE)
            await stand.arrives(order_id)
            await stand.saleor.settled()
    assert {each.outcome for each in stand.saleor.deliveries} == {"acknowledged"}


def _answers(stand: standalone.Stand) -> list[int | None]:
    return [status for each in stand.saleor.deliveries for status in each.statuses]

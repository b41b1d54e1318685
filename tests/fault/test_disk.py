"""What becomes of deliveries when the disk under a running server fails it.

Volumes are real ones (tmpfs, ext4 on a loop device); errors and delays of single calls come from a
preloaded library. Where one of them cannot be had the tests are skipped and say so.
"""

import asyncio
import errno
import signal
import time
from pathlib import Path

import pytest

from tests.fault.disks import FaultyDisk, NoFaults
from tests.fault.volumes import Volume, fragile, small
from tests.signing import Signer
from tests.system.programs import until
from tests.system.serving import Serving, Stand

PAUSED = {"key": None, "state": "Paused"}


@pytest.fixture
async def disk(stand: Stand, tmp_path: Path) -> FaultyDisk:
    try:
        disk = await FaultyDisk.build(stand.folder / "data", tmp_path)
    except NoFaults as reason:
        pytest.skip(str(reason))
    stand.environment = disk.environment
    return disk


def reached(disk: FaultyDisk) -> None:
    """Skip where the library stands before nothing."""
    if not disk.told("seen"):
        pytest.skip("the preloaded library is passed by: this Python is linked statically")


async def all_arrived(stand: Stand) -> None:
    """Wait until Segment has what was acknowledged; nothing is there twice."""
    await until(lambda: stand.arrived() >= stand.acknowledged)
    assert stand.segment.inbox.totals()["doubled"] == 0


async def is_ready(serving: Serving) -> bool:
    return await serving.ready() == 200


async def until_full(serving: Serving, signer: Signer, *, padding: int) -> None:
    """Deliver until it stays at 503: after each the server looks for room that it may regain."""
    refused = 0
    while refused < 3:
        status = await serving.order(signer, padding=padding)
        assert status in {200, 503}
        refused = refused + 1 if status == 503 else 0


# full


async def test_a_full_volume_refuses_what_is_new_and_accepts_again_by_itself(
    stand: Stand, signer: Signer
) -> None:
    stand.write(**PAUSED)
    try:
        async with small(stand.folder / "data", size=8 * 2**20) as volume:
            stand.before = volume.before
            async with stand.serving() as serving:
                await until_full(serving, signer, padding=100_000)
                assert len(stand.acknowledged) > 20
                assert await serving.ready() == 503
                assert 'outcome="journal_full"' in await serving.metrics()
                assert await serving.program.logged("journal_full")
                stand.write()
                await until(lambda: is_ready(serving))
                assert await serving.order(signer) == 200
                await all_arrived(stand)
                assert await serving.program.end(signal.SIGTERM) == 0
    except NoFaults as reason:
        pytest.skip(str(reason))
    assert stand.arrived() == stand.acknowledged


async def test_a_volume_that_fills_before_settling_costs_no_event_and_no_second_sending(
    stand: Stand, signer: Signer
) -> None:
    stand.write(**PAUSED)
    try:
        async with small(stand.folder / "data", size=12 * 2**20) as volume:
            stand.before = volume.before
            async with stand.serving() as serving:
                for _ in range(20):
                    assert await serving.order(signer) == 200
                volume.crowd()
                stand.write()  # sent now, and settled out of the ballast
                await until(lambda: nothing_pending(serving))
                await all_arrived(stand)

                stand.write(**PAUSED)
                volume.make_room()
                await until(lambda: is_ready(serving))
                for _ in range(20):
                    assert await serving.order(signer) == 200
                volume.crowd()
                await until_full(serving, signer, padding=900_000)
                volume.crowd()  # the ballast's bytes too
                stand.write()
                await until(lambda: tried_to_settle(serving, volume))
                volume.make_room()
                await until(lambda: nothing_pending(serving))
                await all_arrived(stand)
    except NoFaults as reason:
        pytest.skip(str(reason))
    totals = stand.segment.inbox.totals()
    assert totals["arrived"] == len(stand.acknowledged) == 40
    assert totals["deduplicated"] == 0  # only settling was tried again


async def tried_to_settle(serving: Serving, volume: Volume) -> bool:
    """Tell whether it could settle, or could not, while not a byte is free."""
    volume.crowd()
    return "not_settled" in serving.program.text or await nothing_pending(serving)


async def nothing_pending(serving: Serving) -> bool:
    return bool((await serving.report())["pending"] == 0)


# read-only


async def test_a_volume_that_the_kernel_makes_read_only_loses_nothing(
    stand: Stand, signer: Signer, tmp_path: Path
) -> None:
    stand.write(**PAUSED)
    data, image = stand.folder / "data", tmp_path / "image"
    try:
        async with fragile(data, image) as volume:
            stand.before = volume.before
            async with stand.serving() as serving:
                for _ in range(5):
                    assert await serving.order(signer) == 200
                volume.break_down()
                for _ in range(3):
                    assert await serving.order(signer) == 503
                assert await serving.ready() == 503
                assert (await serving.program.logged("journal_failing"))["path"]
                assert await serving.program.end(signal.SIGTERM) == 0
            async with stand.program() as program:  # a supervisor starts it again: in vain
                assert await program.ended() == 2, program.text
        stand.write()
        async with fragile(data, image) as volume:
            stand.before = volume.before
            async with stand.serving() as serving:
                await all_arrived(stand)
                assert await serving.order(signer) == 200
                await all_arrived(stand)
    except NoFaults as reason:
        pytest.skip(str(reason))


# errors

READ_ONLY = ("write", "sync", "open")


@pytest.mark.parametrize(
    ("calls", "error"),
    [(("write",), errno.EIO), (("sync",), errno.EIO), (READ_ONLY, errno.EROFS)],
    ids=["write", "fsync", "read-only"],
)
async def test_nothing_is_acknowledged_while_the_disk_fails_and_it_heals_by_itself(
    stand: Stand, signer: Signer, disk: FaultyDisk, calls: tuple[str, ...], error: int
) -> None:
    async with stand.serving() as serving:
        reached(disk)
        assert await serving.order(signer) == 200
        await until(lambda: nothing_pending(serving))
        with disk.failing(*calls, error=error):
            answers = await asyncio.gather(*[serving.order(signer) for _ in range(20)])
            answers += [await serving.order(signer) for _ in range(3)]  # groups of their own
            assert set(answers) == {503}
            assert await serving.ready() == 503
        assert disk.told("failed")
        await until(lambda: is_ready(serving))
        assert await serving.program.logged("journal_writes_again")
        for _ in range(5):
            assert await serving.order(signer) == 200
        serving.program.process.kill()
    async with stand.serving():  # what the failed calls left in the files harms nothing
        await all_arrived(stand)


async def test_a_failed_fsync_takes_the_whole_group_and_settling_is_tried_again(
    stand: Stand, signer: Signer, disk: FaultyDisk
) -> None:
    stand.write(**PAUSED)
    async with stand.serving() as serving:
        reached(disk)
        for _ in range(10):
            assert await serving.order(signer) == 200
        with disk.failing("sync", error=errno.EIO):
            stand.write()
            await serving.program.logged("not_settled")
            assert stand.arrived() == stand.acknowledged
            assert (await serving.report())["pending"] == 10
        await until(lambda: nothing_pending(serving))
    totals = stand.segment.inbox.totals()
    assert (totals["arrived"], totals["doubled"], totals["deduplicated"]) == (10, 0, 0)


async def test_a_disk_that_cannot_be_read_keeps_what_it_holds(
    stand: Stand, signer: Signer, disk: FaultyDisk
) -> None:
    stand.write(**PAUSED)
    async with stand.serving() as serving:
        reached(disk)
        for _ in range(10):
            assert await serving.order(signer) == 200
    async with stand.serving() as serving:  # nothing of it is in memory yet
        with disk.failing("read", error=errno.EIO):
            stand.write()
            await serving.program.logged("journal_unavailable")
            assert stand.arrived() == set()
        await all_arrived(stand)


# slow


async def test_concurrent_deliveries_share_the_waiting_for_a_slow_disk(
    stand: Stand, signer: Signer, disk: FaultyDisk
) -> None:
    stand.write(**PAUSED)
    async with stand.serving() as serving:
        reached(disk)
        disk.slow(0.005)
        spent = []
        for _ in range(3):
            letters = [stand.letter(signer) for _ in range(64)]
            before = disk.told("syncs")
            answers = await asyncio.gather(*[serving.deliver(letter) for letter in letters])
            assert set(answers) == {200}
            spent.append(disk.told("syncs") - before)
    assert min(spent) < 32, spent


async def test_a_disk_that_takes_half_a_second_holds_up_nothing_else(
    stand: Stand, signer: Signer, disk: FaultyDisk
) -> None:
    async with stand.serving() as serving:
        reached(disk)
        disk.slow(0.5)
        letters = [stand.letter(signer) for _ in range(32)]
        before, began = disk.told("syncs"), time.monotonic()
        waiting = [asyncio.create_task(serving.deliver(letter)) for letter in letters]
        answered = 0
        while not any(each.done() for each in waiting):
            assert await health(stand, serving) == 200
            assert await unsigned(stand, serving) == 401
            answered += 1
        assert time.monotonic() - began >= 0.5
        assert answered >= 5
        assert {await each for each in waiting} == {200}
        assert disk.told("syncs") - before < 16
        await all_arrived(stand)
        disk.slow(0)


async def health(stand: Stand, serving: Serving) -> int:
    async with stand.client.get(f"{serving.private}/healthz") as response:
        return response.status


async def unsigned(stand: Stand, serving: Serving) -> int:
    url = f"{serving.url}/webhooks/{(await serving.report())['id']}/order_created"
    async with stand.client.post(url, json={}) as response:
        return response.status

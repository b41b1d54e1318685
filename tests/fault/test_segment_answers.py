"""Segment answers what helps nobody: its answers break, or refuse all, or refuse one message.

Each fault has a Pipeline of its own, all in one server process, and they suffer at the same time.
"""

import asyncio
from collections.abc import Mapping, Sequence

from tests.fault.owners import Owner, move_in
from tests.signing import Signer
from tests.system.programs import until
from tests.system.serving import Serving, Stand
from tests.twins.segment import Fault, SegmentTwin

TROUBLES = ("pending", "waiting", "parked")


def owners(stand: Stand, faults: Mapping[str, object]) -> list[Owner]:
    """Return the owners of as many Pipelines, each named after its fault."""
    return [Owner(stand, number, name) for number, name in enumerate(faults, 1)]


async def kept(owner: Owner, serving: Serving, signer: Signer) -> None:
    """Hold that its orders are taken and kept while the fault lasts."""
    before = len(owner.orders)
    await owner.order(serving, signer, 3)
    report = await owner.report(serving)
    assert report["pending"] == before + 3, owner.name
    assert report["dead"] == 0, owner.name
    assert await serving.ready() == 200


async def arrived(*them: Owner) -> None:
    """Wait until all their orders are in Segment; none is there twice."""
    await until(lambda: not [owner.name for owner in them if owner.missing])
    assert them[0].stand.segment.inbox.totals()["doubled"] == 0


BROKEN: Mapping[str, tuple[Fault, str]] = {
    "reset before the answer": (Fault("reset", times=None), "connection broken"),
    "reset after it took them": (Fault("reset", times=None, accept=True), "connection broken"),
    "reset within the answer": (Fault("break", times=None, accept=True), ""),
    "answer cut short": (Fault("truncate", times=None, accept=True), "answer cut short"),
    "408": (Fault(status=408, times=None), "status 408"),
    "500 after it took them": (Fault(status=500, times=None, accept=True), "status 500"),
}


async def test_broken_answers_are_asked_for_again_and_double_nothing(
    stand: Stand, signer: Signer
) -> None:
    them = owners(stand, BROKEN)
    move_in(stand, them)
    async with stand.serving() as serving:
        await asyncio.gather(*[breaks(owner, serving, signer) for owner in them])
        stand.segment.faults.clear()
        await arrived(*them)
        await until(lambda: settled(them, serving))
    totals = stand.segment.inbox.totals()
    assert totals["arrived"] == sum(len(owner.orders) for owner in them)
    assert totals["deduplicated"] > 0  # the same ids, where it had taken them


async def breaks(owner: Owner, serving: Serving, signer: Signer) -> None:
    fault, why = BROKEN[owner.name]
    owner.strike(fault)
    await owner.order(serving, signer)
    await until(lambda: waits(owner, serving))
    assert why in (await owner.report(serving))["waiting"]
    assert await owner.counted(serving, "batches_total", outcome="wait") > 0
    await kept(owner, serving, signer)


async def waits(owner: Owner, serving: Serving) -> bool:
    return (await owner.report(serving))["waiting"] is not None


async def settled(them: Sequence[Owner], serving: Serving) -> bool:
    reports = await serving.reports()
    states = {(reports[owner.id][name] or 0) for owner in them for name in TROUBLES}
    return states == {0}


REFUSED: Mapping[str, tuple[Fault, str, str]] = {
    "login page": (Fault("login", times=None), "redirects (status 302)", "park"),
    "401": (Fault(status=401, times=None), "write key (status 401)", "park"),
    "403": (Fault(status=403, times=None), "write key (status 403)", "park"),
    "404": (Fault(status=404, times=None), "no Segment Tracking API (status 404)", "park"),
    "400 for everything": (Fault(status=400, times=None), "refuses every message", "split"),
    "413 for everything": (Fault(status=413, times=None), "refuses every message", "split"),
}


async def test_a_refusal_of_everything_keeps_all_until_key_or_endpoint_change(
    stand: Stand, signer: Signer
) -> None:
    them = owners(stand, REFUSED)
    move_in(stand, them)
    async with stand.serving() as serving, SegmentTwin() as elsewhere:
        await asyncio.gather(*[refuses(owner, serving, signer) for owner in them])
        assert stand.arrived() == set()
        assert not [seen for seen in stand.segment.seen if seen.path == "/login"]
        for owner in them:
            owner.new_key()
        them[0].endpoint = elsewhere.url  # what redirected is left for the address itself
        elsewhere.add_key(them[0].key)
        move_in(stand, them)
        await arrived(*them[1:])
        await elsewhere.inbox.until(len(them[0].orders))
        await until(lambda: settled(them, serving))
        for owner in them:
            assert await owner.counted(serving, "dead_letters") == 0, owner.name
    for segment in (stand.segment, elsewhere):
        assert segment.inbox.totals()["deduplicated"] == 0


async def refuses(owner: Owner, serving: Serving, signer: Signer) -> None:
    fault, why, outcome = REFUSED[owner.name]
    owner.strike(fault)
    await owner.order(serving, signer)
    await until(lambda: parked(owner, serving))
    assert why in (await owner.report(serving))["parked"], owner.name
    assert await owner.counted(serving, "batches_total", outcome=outcome) > 0, owner.name
    await kept(owner, serving, signer)
    await until(lambda: parked(owner, serving))  # 400 is tried again with siblings


async def parked(owner: Owner, serving: Serving) -> bool:
    gauge = await owner.counted(serving, "parked")
    return gauge == 1 and (await owner.report(serving))["parked"] is not None


async def test_one_refused_message_becomes_a_dead_letter_and_its_siblings_arrive(
    stand: Stand, signer: Signer
) -> None:
    them = owners(stand, {"400": None, "413": None})
    move_in(stand, them)
    async with stand.serving() as serving:
        poisoned = {await poison(owner, serving, signer) for owner in them}
        await arrived(*them)
        await until(lambda: settled(them, serving))
        for owner in them:
            assert (await owner.report(serving))["dead"] == 1, owner.name
            assert await owner.counted(serving, "dead_letters") == 1
            assert await owner.counted(serving, "buried_total", reason="refused") == 1
        assert await serving.ready() == 200
    assert not poisoned & stand.arrived()
    assert stand.segment.inbox.totals()["deduplicated"] == 0


async def poison(owner: Owner, serving: Serving, signer: Signer) -> str:
    """Deliver orders with one among them that is refused; return that."""
    letter = owner.stand.letter(signer)
    owner.strike(Fault(delay=0.5))  # the others wait until they are many
    owner.strike(Fault(status=int(owner.name), times=None), containing=f'"{letter.order_id}"')
    await owner.order(serving, signer, 10)
    assert await serving.deliver(letter, owner.id) == 200
    await owner.order(serving, signer, 10)
    return letter.order_id

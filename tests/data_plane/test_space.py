"""The memory that windows share: nobody gets more than there is, and all in the order they came."""

import asyncio
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from saleor_segment_server.forwarder.space import Space


async def turns() -> None:
    """Let everybody go as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_came_first_is_served_first_though_less_would_fit() -> None:
    space = Space(most=10)
    held = await space.share(8)
    large, small = (asyncio.ensure_future(space.share(size)) for size in (9, 1))
    await turns()
    assert not large.done()
    assert not small.done()
    held.becomes(0)
    await turns()
    assert large.done()
    assert small.done()
    assert space.held == 10


async def test_what_turns_out_smaller_makes_room() -> None:
    space = Space(most=10)
    first = await space.share(10)
    second = asyncio.ensure_future(space.share(10))
    first.becomes(1)
    await turns()
    assert not second.done()  # ten more would be too many
    first.close()
    await turns()
    assert second.done()


async def test_what_is_larger_than_all_there_is_comes_alone() -> None:
    space = Space(most=10)
    alone = await space.share(50)
    other = asyncio.ensure_future(space.share(1))
    await turns()
    assert not other.done()
    alone.becomes(0)
    await turns()
    assert (other.done(), space.held) == (True, 1)


async def test_who_no_longer_waits_holds_nobody_up() -> None:
    space = Space(most=10)
    held = await space.share(10)
    gone, other = (asyncio.ensure_future(space.share(10)) for _ in range(2))
    await turns()
    gone.cancel()
    held.becomes(0)
    await turns()
    assert gone.cancelled()
    assert (other.done(), space.held) == (True, 10)


@given(st.lists(st.integers(1, 6), max_size=30))
def test_all_come_to_their_turn_and_never_too_many(sizes: list[int]) -> None:
    async def work() -> list[int]:
        space, most, order = Space(most=10), 0, list[int]()

        async def one(number: int) -> None:
            nonlocal most
            with closing(await space.share(sizes[number])):
                most = max(most, space.held)
                order.append(number)
                await asyncio.sleep(0)

        await asyncio.gather(*map(one, range(len(sizes))))
        assert space.held == 0
        assert most <= 10
        return order

    assert asyncio.run(work()) == list(range(len(sizes)))

"""Following a resource while what is before it breaks in every way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from saleor_segment_server.cluster import SECRETS, Access, Api, Follower, WatchEvent
from tests.data_plane.cluster.scripted import (
    Answer,
    ScriptedApi,
    event,
    failed,
    listed,
    plain,
    refused,
    reset,
    silent,
    streamed,
)
from tests.system.programs import until

FOREVER = streamed(then=silent)


class Told:
    """What a follower told."""

    def __init__(self) -> None:
        self.lists: list[list[str]] = []
        self.events: list[tuple[str, str]] = []

    async def listed(self, items: Sequence[Any]) -> None:
        self.lists.append([item["metadata"]["name"] for item in items])

    async def changed(self, event: WatchEvent) -> None:
        self.events.append((event.kind, event.object["metadata"]["name"]))


@asynccontextmanager
async def following(
    folder: Path, *answers: Answer, first: float = 0.001, silence: float = 5.0
) -> AsyncIterator[tuple[Follower, Told, ScriptedApi]]:
    told = Told()
    async with (
        ScriptedApi(*answers) as server,
        Api(Access(kubeconfig=server.kubeconfig(folder))) as api,
    ):
        follower = Follower(
            api,
            SECRETS,
            "shop",
            listed=told.listed,
            changed=told.changed,
            first=first,
            silence=silence,
            spread=lambda: 1.0,
        )
        with capture_logs():
            running = asyncio.create_task(follower.run())
            try:
                yield follower, told, server
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


async def asked(server: ScriptedApi, *calls: str) -> None:
    wanted = list(calls)
    await until(lambda: len(server.calls) >= len(wanted), seconds=5, every=0.005)
    assert server.asked == wanted


async def test_it_lists_then_watches_and_tells_all_but_bookmarks(tmp_path: Path) -> None:
    lines = event("ADDED", 11, "b"), event("BOOKMARK", 12), event("DELETED", 13, "a")
    answers = listed("a"), streamed(*lines, then=silent)
    async with following(tmp_path, *answers) as (follower, told, server):
        await until(lambda: len(told.events) == 2)
        assert told.lists == [["a"]]
        assert told.events == [("ADDED", "b"), ("DELETED", "a")]
        assert (follower.synced, follower.following) == (True, True)
        await asked(server, "list", "watch 10")


async def test_a_watch_that_ended_in_peace_goes_on_where_it_was(tmp_path: Path) -> None:
    answers = listed(), streamed(event("BOOKMARK", 15)), FOREVER
    async with following(tmp_path, *answers) as (_, told, server):
        await asked(server, "list", "watch 10", "watch 15")
        assert told.lists == [[]]


@pytest.mark.parametrize("expired", [refused(410), streamed(failed(410))])
async def test_one_that_fell_behind_lists_anew_at_once(tmp_path: Path, expired: Answer) -> None:
    answers = listed("a"), expired, listed("b", version=20), FOREVER
    async with following(tmp_path, *answers, first=3600) as (_, told, server):
        await asked(server, "list", "watch 10", "list", "watch 20")
        assert told.lists == [["a"], ["b"]]


BROKEN = [
    streamed(then=reset),
    refused(403),
    refused(500),
    plain("<h1>bad gateway</h1>", status=502),
    streamed(),
    streamed(failed(500)),
]


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_watch_that_breaks_goes_on_where_it_was(tmp_path: Path, broken: Answer) -> None:
    answers = listed("a"), broken, broken, FOREVER
    async with following(tmp_path, *answers) as (follower, told, server):
        await asked(server, "list", "watch 10", "watch 10", "watch 10")
        await until(lambda: follower.following)
        assert told.lists == [["a"]]


@pytest.mark.parametrize("end", [{"then": reset}, {"line": b'{"type":'}])
async def test_one_that_breaks_after_a_line_goes_on_behind_it(
    tmp_path: Path, end: dict[str, Any]
) -> None:
    lines = [event("ADDED", 11, "b"), *([end["line"]] if "line" in end else ())]
    answers = listed("a"), *[streamed(*lines, then=end.get("then"))] * 5, FOREVER
    async with following(tmp_path, *answers) as (_, told, server):
        await asked(server, "list", "watch 10", *["watch 11"] * 5)
        assert told.lists == [["a"]]


@pytest.mark.parametrize("broken", BROKEN)
async def test_one_that_breaks_again_and_again_is_listed_anew(
    tmp_path: Path, broken: Answer
) -> None:
    """The API server may have been restored: it knows no version as new as ours."""
    answers = listed("a", version=90), broken, broken, broken, listed("b", version=20), FOREVER
    async with following(tmp_path, *answers) as (follower, told, server):
        await asked(server, "list", *["watch 90"] * 3, "list", "watch 20")
        await until(lambda: follower.following)
        assert told.lists == [["a"], ["b"]]


async def test_a_watch_that_falls_silent_counts_as_broken(tmp_path: Path) -> None:
    answers = listed(), streamed(event("BOOKMARK", 12), then=silent), FOREVER
    async with following(tmp_path, *answers, silence=0.1) as (_, _, server):
        await until(lambda: server.asked[:3] == ["list", "watch 10", "watch 12"])


async def test_lists_are_tried_until_one_succeeds(tmp_path: Path) -> None:
    answers = refused(500), reset, plain("?"), refused(410), refused(410), listed("a"), FOREVER
    async with following(tmp_path, *answers) as (follower, told, server):
        await asked(server, *["list"] * 6, "watch 10")
        assert told.lists == [["a"]]
        assert follower.synced


@pytest.mark.parametrize("answer", [refused(500), refused(410), streamed(failed(410))])
async def test_it_waits_longer_and_longer(tmp_path: Path, answer: Answer) -> None:
    """One that is answered like this for ever does not hammer: 0.1, 0.2, 0.4 s, and so on."""
    began = asyncio.get_running_loop().time()
    async with following(tmp_path, answer, first=0.1) as (_, _, server):
        await until(lambda: len(server.calls) >= 4, every=0.005)
        assert asyncio.get_running_loop().time() - began >= 0.6 - 0.1


async def test_a_watch_that_is_always_ended_at_once_does_not_hammer_either(tmp_path: Path) -> None:
    begun = 0

    async def answer(request: Any) -> Any:
        nonlocal begun
        begun += 1
        return await (streamed() if "watch" in request.query else listed())(request)

    began = asyncio.get_running_loop().time()
    async with following(tmp_path, answer, first=0.1):
        await until(lambda: begun >= 6, every=0.005)
        assert asyncio.get_running_loop().time() - began >= 0.3


async def test_the_time_the_server_asks_for_is_given(tmp_path: Path) -> None:
    answers = refused(429, Retry_After="1"), listed(), FOREVER
    began = asyncio.get_running_loop().time()
    async with following(tmp_path, *answers) as (follower, _, _):
        await until(lambda: follower.synced)
        assert asyncio.get_running_loop().time() - began >= 1


async def test_it_does_not_follow_while_it_cannot(tmp_path: Path) -> None:
    async with following(tmp_path, listed(), *[refused(500)] * 3, silent) as (follower, _, server):
        await asked(server, "list", *["watch 10"] * 3, "list")
        assert (follower.synced, follower.following) == (True, False)

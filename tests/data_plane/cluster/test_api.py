"""The client of the API server against answers of every kind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest

from saleor_segment_server.cluster import (
    SECRETS,
    Access,
    Api,
    ApiError,
    Conflict,
    Expired,
    Forbidden,
    Missing,
    Patch,
    Refused,
    Terminating,
    Unanswered,
    Unserved,
    WatchEvent,
)
from saleor_segment_server.errors import StartError
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
    told,
)
from tests.system.programs import until

TERMINATING = {"causes": [{"reason": "NamespaceTerminating", "message": "being terminated"}]}
IN_NO_TIME = aiohttp.ClientTimeout(total=0.2)


@asynccontextmanager
async def scripted(folder: Path, *answers: Answer) -> AsyncIterator[tuple[Api, ScriptedApi]]:
    async with ScriptedApi(*answers) as server:
        access = Access(kubeconfig=server.kubeconfig(folder))
        async with Api(access, timeout=IN_NO_TIME) as api:
            yield api, server


async def watched(api: Api, *, seconds: float = 300.0, silence: float = 5.0) -> list[WatchEvent]:
    watch = api.watch(SECRETS, "shop", since="7", seconds=seconds, silence=silence)
    return [each async for each in watch]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused(400), Refused),
        (refused(401), Unanswered),
        (refused(403), Forbidden),
        (refused(403, details=TERMINATING), Terminating),
        (refused(404), Missing),
        (plain("404 page not found", status=404), Unserved),
        (refused(409), Conflict),
        (refused(410), Expired),
        (refused(422), Refused),
        (refused(429), Unanswered),
        (refused(500), Unanswered),
        (plain("<h1>bad gateway</h1>", status=502), Unanswered),
        (refused(503), Unanswered),
        (plain("<h1>login</h1>"), Unanswered),
        (plain(""), Unanswered),
        (told([]), Unanswered),
        (reset, Unanswered),
        (silent, Unanswered),
        (streamed(b'{"metadata":', then=reset), Unanswered),
        (streamed(b'{"metadata":', then=silent), Unanswered),
    ],
)
async def test_what_went_wrong_is_sorted_by_what_to_do(
    tmp_path: Path, answer: Answer, kind: type[ApiError]
) -> None:
    async with scripted(tmp_path, answer) as (api, _):
        with pytest.raises(ApiError) as raised:
            await api.create(SECRETS, "shop", {"metadata": {"name": "one"}})
    assert type(raised.value) is kind


async def test_a_refusal_names_call_and_reason(tmp_path: Path) -> None:
    said = 'secrets "one" is forbidden: User "us" cannot get resource "secrets"'
    async with scripted(tmp_path, refused(403, said)) as (api, _):
        with pytest.raises(Forbidden) as raised:
            await api.get(SECRETS, "shop", "one")
    assert str(raised.value) == f"GET /api/v1/namespaces/shop/secrets/one: {said}"


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("", None)]
)
async def test_the_time_to_wait_is_told(tmp_path: Path, header: str, seconds: float | None) -> None:
    async with scripted(tmp_path, refused(429, Retry_After=header)) as (api, _):
        with pytest.raises(Unanswered) as raised:
            await api.get(SECRETS, "shop", "one")
    assert raised.value.retry_after == seconds


async def test_nobody_listening_is_no_answer(tmp_path: Path) -> None:
    async with ScriptedApi(silent) as server:
        access = Access(kubeconfig=server.kubeconfig(tmp_path))
    async with Api(access) as api:
        with pytest.raises(Unanswered):
            await api.get(SECRETS, "shop", "one")


async def test_an_object_that_is_not_there_is_none_and_is_deleted_already(tmp_path: Path) -> None:
    async with scripted(tmp_path, refused(404)) as (api, _):
        assert await api.get(SECRETS, "shop", "one") is None
        await api.delete(SECRETS, "shop", "one")


async def test_a_type_that_is_not_served_is_not_taken_for_an_object_that_is_gone(
    tmp_path: Path,
) -> None:
    async with scripted(tmp_path, plain("404 page not found", status=404)) as (api, _):
        with pytest.raises(Unserved):
            await api.get(SECRETS, "shop", "one")
        with pytest.raises(Unserved):
            await api.delete(SECRETS, "shop", "one")


async def test_a_list_is_read_to_its_last_page(tmp_path: Path) -> None:
    pages = (listed("a", "b", version=4, following="p2"), listed("c", version=5))
    async with scripted(tmp_path, *pages) as (api, server):
        found = await api.list(
            SECRETS, fields="metadata.name=a b", labels="x=y,z", metadata_only=True
        )
    assert [each["metadata"]["name"] for each in found.items] == ["a", "b", "c"]
    assert found.version == "5"
    first, second = server.calls
    assert first.path == "/api/v1/secrets"
    assert first.query["fieldSelector"] == "metadata.name=a b"
    assert first.query["labelSelector"] == "x=y,z"
    assert first.query["limit"] == second.query["limit"] == "50"
    assert "continue" not in first.query
    assert second.query["continue"] == "p2"
    assert "as=PartialObjectMetadataList" in second.headers["Accept"]


async def test_who_set_which_field_is_left_out_of_a_list(tmp_path: Path) -> None:
    metadata = {"name": "a", "managedFields": [{"manager": "kubectl"}]}
    page = {"metadata": {"resourceVersion": "4"}, "items": [{"metadata": metadata, "spec": {}}]}
    async with scripted(tmp_path, told(page)) as (api, _):
        found = await api.list(SECRETS)
    assert found.items == [{"metadata": {"name": "a"}, "spec": {}}]


async def test_a_list_that_grew_too_old_between_two_pages_says_so(tmp_path: Path) -> None:
    async with scripted(tmp_path, listed("a", following="p2"), refused(410)) as (api, _):
        with pytest.raises(Expired):
            await api.list(SECRETS)


@pytest.mark.parametrize("page", [told({}), told({"metadata": {}}), told({"metadata": None})])
async def test_a_page_that_is_none_is_no_answer(tmp_path: Path, page: Answer) -> None:
    async with scripted(tmp_path, page) as (api, _):
        with pytest.raises(Unanswered, match="cannot be read"):
            await api.list(SECRETS)


async def test_patches_say_what_kind_they_are_and_by_whom(tmp_path: Path) -> None:
    async with scripted(tmp_path, told({})) as (api, server):
        await api.patch(SECRETS, "shop", "one", {"data": {}}, how=Patch.MERGE, manager="we")
        test = {"op": "test", "path": "/metadata/uid", "value": "u"}
        await api.patch(SECRETS, "shop", "one", (test,), how=Patch.JSON)
        await api.patch(
            SECRETS,
            "shop",
            "one",
            {"kind": "Secret"},
            how=Patch.APPLY,
            manager="we",
            subresource="status",
        )
    merge, json, apply = server.calls
    assert [call.content_type for call in server.calls] == [
        "application/merge-patch+json",
        "application/json-patch+json",
        "application/apply-patch+yaml",
    ]
    assert dict(merge.query) == {"fieldManager": "we"}
    assert orjson.loads(await json.read()) == [test]
    assert dict(apply.query) == {"fieldManager": "we", "force": "true"}
    assert apply.path.endswith("/secrets/one/status")
    assert all(call.headers["Authorization"] == "Bearer a-token" for call in server.calls)


async def test_a_watch_yields_line_by_line_until_it_ends(tmp_path: Path) -> None:
    lines = event("ADDED", 8), event("BOOKMARK", 9), event("DELETED", 10)
    async with scripted(tmp_path, streamed(*lines)) as (api, server):
        events = await watched(api, seconds=42.7)
    assert [(each.kind, each.object) for each in events] == [
        (line["type"], line["object"]) for line in lines
    ]
    assert dict(server.calls[0].query) == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": "7",
        "timeoutSeconds": "42",
    }


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused(410), Expired),
        (streamed(failed(410)), Expired),
        (streamed(failed(403)), Forbidden),
        (streamed(failed(500)), Unanswered),
        (streamed(event("ADDED", 8), b'{"type":"MODI'), Unanswered),
        (streamed(event("ADDED", 8), b"<html>\n"), Unanswered),
        (streamed({"type": "ADDED", "object": {}}), Unanswered),
        (streamed(b"[]\n"), Unanswered),
        (streamed(event("ADDED", 8), then=reset), Unanswered),
        (streamed(event("ADDED", 8), then=silent), Unanswered),
        (silent, Unanswered),
        (streamed(b"x" * 2**23), Unanswered),
    ],
)
async def test_a_watch_that_breaks_says_how(
    tmp_path: Path, answer: Answer, kind: type[ApiError]
) -> None:
    async with scripted(tmp_path, answer) as (api, _):
        with pytest.raises(ApiError) as raised:
            await watched(api, silence=0.3)
    assert type(raised.value) is kind


async def test_a_watch_that_is_left_lets_go_of_its_connection(tmp_path: Path) -> None:
    async with scripted(tmp_path, streamed(event("ADDED", 8), then=silent)) as (api, server):
        watch = api.watch(SECRETS, "shop", since="7")
        assert (await anext(watch)).kind == "ADDED"
        await watch.aclose()
        transport = server.calls[0].transport
        await until(lambda: transport is None or transport.is_closing())


async def test_watches_leave_room_for_other_calls_however_many_they_are(tmp_path: Path) -> None:
    open_ended = streamed(event("ADDED", 8), then=silent)
    async with scripted(tmp_path, *(open_ended for _ in range(150)), told({})) as (api, _):
        watches = [api.watch(SECRETS, f"shop-{number}", since="7") for number in range(150)]
        for watch in watches:
            await anext(watch)
        assert await api.get(SECRETS, "shop", "one") == {}
        for watch in watches:
            await watch.aclose()


async def test_a_token_is_read_anew_when_it_was_renewed(tmp_path: Path) -> None:
    """The client believes it for a minute; a 401 before that heals by itself."""
    account = tmp_path / "account"
    account.mkdir()
    access = Access(service_account=account, environment={})
    with pytest.raises(StartError, match="--kubeconfig"):
        await access.configuration()
    (account / "token").write_text("first")
    (account / "ca.crt").write_text("certificate")
    environment = {"KUBERNETES_SERVICE_HOST": "::1", "KUBERNETES_SERVICE_PORT": "6443"}
    access = Access(service_account=account, environment=environment)
    found = await access.credentials()
    assert (found.url, found.token) == ("https://[::1]:6443", "first")
    (account / "token").write_text("second")
    assert (await access.credentials()).token == "second"

"""The twin answers what a real Saleor 3.23.28 answered: every captured pair it supports."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.twins.saleor import SaleorTwin, SigningKey, world
from tests.twins.saleor.ids import parse_global_id

CAPTURED = Path(__file__).parents[1] / "fixtures/saleor/graphql"

OUT_OF_SCOPE = {
    "appInstall": "apps are made with appCreate, never from a manifest",
    "appFetchManifest": "no manifest is ever fetched",
    "appsInstallations": "without manifests there are no installations",
    "appRetryInstall": "without manifests there are no installations",
    "appDeleteFailedInstallation": "without manifests there are no installations",
}
"""Operations that the twin does not answer, with the reason."""

ELSEWHERE = {
    "app.self.event-deliveries": "tests/twins/test_saleor_twin_delivery.py makes them fail first",
    "app.self.failed-deliveries-with-payload": "the same",
}
"""Pairs replayed by another module."""

OTHER_WORDS = {"error.missing-variable", "webhookCreate.unknown-event"}
"""graphql-core 3 words these messages differently; all else of them is compared."""

LISTS = {
    "apps.after-install": "admin",
    "apps.app-token": "6",
    "apps.staff-without-manage-apps": "orders-only",
    "limit.query-cost": "admin",
}
"""Lists of apps: the world is made of the captured answer itself. By caller."""

PAIRS: dict[str, tuple[str | None, world.Prepare]] = {
    "app.byid.app-token": ("6", world.usual),
    "app.deleted": ("admin", world.app_deleted),
    "app.installed-without-permissions-input": ("admin", world.usual),
    "app.self": ("6", world.usual),
    "app.self-anon": (None, world.usual),
    "app.self.deleted-token": ("deleted", world.token_deleted),
    "app.self.inactive": ("5", world.app_inactive),
    "app.self.not-activated": ("5", world.app_inactive),
    "app.self.private-metadata": ("5", world.metadata_set),
    "app.self.problems": ("5", world.problem_twice),
    "app.self.problems-after": ("5", world.problem_dismissed),
    "app.self.segapp": ("5", world.usual),
    "app.self.segment-permissions": ("5", world.usual),
    "appActivate.app-token": ("6", world.usual),
    "appActivate.out-of-scope-app": ("6", world.usual),
    "appCreate.app-token": ("6", world.usual),
    "appCreate.duplicate-identifier": ("admin", world.usual),
    "appCreate.operator": ("admin", world.usual),
    "appDeactivate.app-token": ("6", world.usual),
    "appDeactivate.self-without-manage-apps": ("20", world.usual),
    "appDelete.again": ("admin", world.app_deleted),
    "appDelete.app-token": ("6", world.usual),
    "appDelete.out-of-scope-app": ("6", world.usual),
    "appDelete.self-without-manage-apps": ("20", world.usual),
    "appDelete.staff-ok": ("full", world.usual),
    "appProblemCreate.aggregated": ("5", world.problem),
    "appProblemCreate.ok": ("5", world.usual),
    "appProblemCreate.short": ("5", world.usual),
    "appProblemCreate.staff": ("admin", world.usual),
    "appProblemDismiss.app-wrong-branch": ("5", world.problem),
    "appProblemDismiss.by-app-keys": ("5", world.problem),
    "appProblemDismiss.unknown-key": ("5", world.problem),
    "appTokenCreate.app-token": ("6", world.usual),
    "appTokenCreate.out-of-scope-app": ("6", world.usual),
    "appTokenDelete.app-token": ("6", world.second_token),
    "appTokenVerify.ok": (None, world.app_token),
    "appUpdate.app-token": ("6", world.usual),
    "appUpdate.out-of-scope": ("6", world.usual),
    "error.bad-global-id": ("admin", world.usual),
    "error.expired-jwt": ("expired", world.usual),
    "error.missing-variable": ("admin", world.usual),
    "error.not-found-id": ("admin", world.usual),
    "error.syntax": ("admin", world.usual),
    "error.unknown-field": ("admin", world.usual),
    "error.wrong-type-id": ("admin", world.usual),
    "eventDeliveryRetry.own-app-without-manage-apps": ("5", world.delivery_failed),
    "eventDeliveryRetry.staff": ("full", world.delivery_failed),
    "limit.alias-count": ("admin", world.usual),
    "limit.batch": ("admin", world.usual),
    "limit.mutation-count": ("admin", world.usual),
    "limit.no-first": ("admin", world.usual),
    "limit.page-size": ("admin", world.usual),
    "shop.anonymous": (None, world.usual),
    "shop.app-token": ("5", world.usual),
    "shop.setting-useLegacyUpdateWebhookEmission": ("admin", world.usual),
    "tokenCreate.bad": (None, world.usual),
    "tokenCreate.ok": (None, world.usual),
    "tokenCreate.throttled": (None, world.login_failed),
    "tokenRefresh.bad": (None, world.usual),
    "tokenRefresh.ok": (None, world.refresh_token),
    "tokenVerify.ok": (None, world.access_token),
    "updateMetadata.own-app": ("5", world.usual),
    "updatePrivateMetadata.other-app": ("5", world.usual),
    "updatePrivateMetadata.own-app": ("5", world.usual),
    "webhook.query.other": ("6", world.mine),
    "webhook.query.own": ("5", world.mine),
    "webhookCreate.anon": (None, world.usual),
    "webhookCreate.bad-headers": ("5", world.usual),
    "webhookCreate.bad-query": ("5", world.usual),
    "webhookCreate.bad-syntax": ("5", world.usual),
    "webhookCreate.bad-url": ("5", world.usual),
    "webhookCreate.duplicate-all-but-identifier": ("5", world.mine),
    "webhookCreate.duplicate-identifier": ("5", world.mine),
    "webhookCreate.event-query-mismatch": ("5", world.usual),
    "webhookCreate.event-without-permission": ("5", world.usual),
    "webhookCreate.events-from-query": ("5", world.usual),
    "webhookCreate.no-events": ("5", world.usual),
    "webhookCreate.not-subscription": ("5", world.usual),
    "webhookCreate.operator-app-for-other-app": ("6", world.usual),
    "webhookCreate.own-token": ("5", world.usual),
    "webhookCreate.single-label-host": ("5", world.usual),
    "webhookCreate.staff-for-app": ("full", world.usual),
    "webhookCreate.staff-lacking-app-perms": ("apps-only", world.usual),
    "webhookCreate.staff-no-app": ("admin", world.usual),
    "webhookCreate.too-many-headers": ("5", world.usual),
    "webhookCreate.unknown-event": ("5", world.usual),
    "webhookDelete.missing-identifier": ("5", world.usual),
    "webhookDelete.operator-app-on-other-app": ("6", world.mine),
    "webhookDelete.own-by-identifier": ("5", world.mine),
    "webhookDelete.own-token": ("5", world.mine_twice),
    "webhookDryRun.app-token": ("5", world.usual),
    "webhookDryRun.denied-fields": ("full", world.order),
    "webhookDryRun.missing-permission": ("apps-only", world.order),
    "webhookDryRun.ok": ("full", world.order),
    "webhookTrigger.app-token": ("5", world.usual),
    "webhookTrigger.inactive-webhook": ("full", world.order),
    "webhookTrigger.missing-permission": ("orders-only", world.order),
    "webhookTrigger.ok": ("full", world.order),
    "webhookUpdate.3.22-compatible-variable": ("5", world.usual),
    "webhookUpdate.async-events-only": ("5", world.pe_note),
    "webhookUpdate.empty-async-events": ("5", world.pe_note),
    "webhookUpdate.enable": ("5", world.usual),
    "webhookUpdate.operator-app-on-other-app": ("6", world.mine),
    "webhookUpdate.own-by-identifier": ("5", world.mine),
    "webhookUpdate.query-only-recomputes-events": ("5", world.pe_note),
    "webhookUpdate.staff-by-id": ("admin", world.mine_changed),
    "webhookUpdate.staff-by-identifier": ("admin", world.mine),
}
"""Pairs by file: who calls, and what had happened before."""


def test_every_captured_pair_is_replayed_or_out_of_scope_for_a_reason() -> None:
    files = {path.stem for path in CAPTURED.glob("*.json")}
    out = {name for name in files if name.split(".")[0] in OUT_OF_SCOPE}
    assert {*PAIRS, *LISTS, *ELSEWHERE} == files - out


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
async def saleor(key: SigningKey) -> AsyncIterator[SaleorTwin]:
    async with SaleorTwin(key=key, public_url="http://127.0.0.1:58000") as twin:
        twin.fail(hold_deliveries=True)
        yield twin


@pytest.mark.parametrize("name", PAIRS)
async def test_a_captured_pair_is_answered_alike(saleor: SaleorTwin, name: str) -> None:
    caller, prepare = PAIRS[name]
    there = world.World(saleor)
    prepare(there)
    await _assert_alike(there, name, caller)


@pytest.mark.parametrize("name", LISTS)
async def test_a_captured_list_of_apps_is_answered_alike(saleor: SaleorTwin, name: str) -> None:
    there = world.World(saleor)
    edges = _captured(name)["response"]["data"]["apps"]["edges"]
    world.listed(there, [edge["node"] for edge in edges])
    await _assert_alike(there, name, LISTS[name])


async def _assert_alike(there: world.World, name: str, caller: str | None) -> None:
    pair = _captured(name)
    request: Any = [{"query": "{shop{name}}"}] * 2  # a batch, where no operation was recorded
    if "operation" in pair:
        variables = (pair["variables"] or {}) | there.variables
        request = {"query": pair["operation"], "variables": variables}
    headers = {"Authorization": f"Bearer {there.token(caller)}"} if caller else {}
    async with (
        ClientSession() as session,
        session.post(there.saleor.api_url, json=request, headers=headers) as response,
    ):
        answer = await response.json()
    assert response.status == pair["status"]
    plain = _without_messages if name in OTHER_WORDS else _unchanged
    assert plain(_normal(answer)) == plain(_normal(pair["response"]))


def _captured(name: str) -> Any:
    return json.loads((CAPTURED / f"{name}.json").read_text())


_SECRET = {"token", "refreshToken", "csrfToken", "authToken"}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]+\+00:00")


def _normal(value: Any, key: str = "") -> Any:
    """Return an answer with what differs from run to run replaced by what it is."""
    if isinstance(value, dict):
        return {name: _normal(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_normal(one, key) for one in value]
    if key in _SECRET or key in {"iat", "exp"}:
        return value and f"<{key}>"
    return _normal_text(value, key) if isinstance(value, str) else value


def _normal_text(text: str, key: str) -> Any:
    if key == "payload":
        return _normal(json.loads(text))
    known = parse_global_id(text) if key != "message" else None
    return f"<{known[0]}>" if known else _MOMENT.sub("<moment>", text)


def _unchanged(value: Any) -> Any:
    return value


def _without_messages(value: Any) -> Any:
    errors = [error | {"message": ""} for error in value["errors"]]
    return value | {"errors": errors}

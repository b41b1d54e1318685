"""Who may do what on the twin's API, in every version, and how it fails when told to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientResponse, ClientSession

from tests.twins.saleor import SaleorTwin, SigningKey
from tests.twins.saleor.api.part import NEWER, fields_by_type
from tests.twins.saleor.api.schema import cut

LOGIN = """mutation($email:String!,$password:String!){tokenCreate(email:$email,password:$password)
    {token refreshToken errors{field message code}}}"""
CREATE = """mutation($i:AppInput!){appCreate(input:$i)
    {authToken app{id permissions{code}} errors{field message code permissions}}}"""
WHO = "{app{id}}"
VERSION = "{shop{version}}"


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


class Clock:
    """A clock that tests turn forward."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def saleor(key: SigningKey, clock: Clock) -> AsyncIterator[SaleorTwin]:
    async with SaleorTwin(key=key, clock=clock) as twin:
        yield twin


class Caller:
    """Calls the API as somebody."""

    def __init__(self, saleor: SaleorTwin, token: str = "", **headers: str) -> None:
        self._saleor = saleor
        self._headers = ({"Authorization": f"Bearer {token}"} if token else {}) | headers

    @asynccontextmanager
    async def post(self, body: Any) -> AsyncIterator[ClientResponse]:
        """Post a body as it is."""
        async with (
            ClientSession(headers=self._headers) as session,
            session.post(self._saleor.api_url, data=body) as response,
        ):
            yield response

    async def ask(self, query: str, **variables: Any) -> Any:
        """Return the whole answer, whatever its status."""
        async with self.post(json.dumps({"query": query, "variables": variables})) as response:
            return await response.json()

    async def data(self, query: str, **variables: Any) -> Any:
        """Return what the first field gave."""
        answer = await self.ask(query, **variables)
        assert "errors" not in answer, answer
        return next(iter(answer["data"].values()))

    async def code(self, query: str, **variables: Any) -> str:
        """Return the code of the first top-level error."""
        answer = await self.ask(query, **variables)
        return str(answer["errors"][0]["extensions"]["exception"]["code"])


async def _login(saleor: SaleorTwin, password: str = "password", **headers: str) -> Any:
    caller = Caller(saleor, **headers)
    return await caller.data(LOGIN, email="staff@example.com", password=password)


async def test_a_login_gives_a_token_that_makes_apps(saleor: SaleorTwin) -> None:
    saleor.staff()
    session = await _login(saleor)
    created = await Caller(saleor, session["token"]).data(
        CREATE, i={"name": "ours", "permissions": ["MANAGE_ORDERS"]}
    )
    assert created["errors"] == []
    mine = await Caller(saleor, created["authToken"]).data(WHO)
    assert mine["id"] == created["app"]["id"]


async def test_after_a_failure_even_the_right_password_waits(
    saleor: SaleorTwin, clock: Clock
) -> None:
    saleor.staff()
    assert (await _login(saleor, "wrong"))["errors"][0]["code"] == "INVALID_CREDENTIALS"
    assert (await _login(saleor))["errors"][0]["code"] == "LOGIN_ATTEMPT_DELAYED"
    clock.now += 1.0
    assert (await _login(saleor))["errors"] == []


async def test_the_delay_doubles_with_each_failure_up_to_an_hour(
    saleor: SaleorTwin, clock: Clock
) -> None:
    saleor.staff()
    throttle = saleor.state.accounts.throttle
    for seconds in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600):
        await _login(saleor, "wrong")
        until = throttle.blocked_until("127.0.0.1")
        assert until == clock.now + seconds
        clock.now += seconds


async def test_addresses_are_throttled_apart(saleor: SaleorTwin) -> None:
    saleor.staff()
    await _login(saleor, "wrong", **{"X-Forwarded-For": "203.0.113.7, 10.0.0.1"})
    assert (await _login(saleor))["errors"] == []


async def test_an_access_token_lives_five_minutes_and_is_renewed(
    saleor: SaleorTwin, clock: Clock
) -> None:
    saleor.staff()
    session = await _login(saleor)
    clock.now += 299
    assert await Caller(saleor, session["token"]).data(VERSION)
    clock.now += 1
    assert await Caller(saleor, session["token"]).code(VERSION) == "ExpiredSignatureError"
    renew = "mutation($r:String){tokenRefresh(refreshToken:$r){token errors{code}}}"
    renewed = await Caller(saleor).data(renew, r=session["refreshToken"])
    assert await Caller(saleor, renewed["token"]).data(VERSION)


async def test_an_access_token_renews_nothing(saleor: SaleorTwin) -> None:
    saleor.staff()
    session = await _login(saleor)
    renew = "mutation($r:String){tokenRefresh(refreshToken:$r){token errors{code}}}"
    renewed = await Caller(saleor).data(renew, r=session["token"])
    assert renewed["errors"] == [{"code": "JWT_INVALID_TOKEN"}]


async def test_tokens_are_void_after_the_key_was_rotated_or_the_user_said_so(
    saleor: SaleorTwin,
) -> None:
    saleor.staff()
    session = await _login(saleor)
    deactivate = "mutation{tokensDeactivateAll{errors{code}}}"
    await Caller(saleor, session["token"]).data(deactivate)
    assert await Caller(saleor, session["token"]).code(VERSION) == "InvalidTokenError"
    session = await _login(saleor)
    saleor.rotate_key()
    assert await Caller(saleor, session["token"]).code(VERSION) == "InvalidSignatureError"


async def test_a_token_is_read_from_either_header_but_never_bare(saleor: SaleorTwin) -> None:
    token = saleor.app().token
    accepted = (
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"JWT {token}"},
        {"Authorization-Bearer": token},
    )
    for headers in accepted:
        assert await Caller(saleor, **headers).data(WHO), headers
    assert await Caller(saleor, Authorization=token).code(WHO) == "PermissionDenied"
    assert await Caller(saleor, "nonsense").code(WHO) == "PermissionDenied"


async def test_an_app_without_permissions_manages_its_own_webhooks(saleor: SaleorTwin) -> None:
    caller = Caller(saleor, saleor.app(permissions=()).token)
    create = "mutation($i:WebhookCreateInput!){webhookCreate(input:$i){webhook{id} errors{code}}}"
    given = {
        "targetUrl": "https://x.example",
        "query": "subscription{event{...on OrderPaid{order{id}}}}",
    }
    created = await caller.data(create, i=given | {"name": "mine"})
    update = "mutation($id:ID!){webhookUpdate(id:$id,input:{isActive:false}){webhook{isActive}}}"
    updated = await caller.data(update, id=created["webhook"]["id"])
    assert updated["webhook"] == {"isActive": False}


async def test_a_test_waits_for_what_the_api_changes(saleor: SaleorTwin) -> None:
    caller = Caller(saleor, saleor.state.accounts.access_token(saleor.staff()))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(saleor.until(lambda: len(saleor.apps) == 1))
        tasks.create_task(caller.data(CREATE, i={"name": "ours"}))


async def test_names_are_as_long_as_saleors_columns(saleor: SaleorTwin) -> None:
    caller = Caller(saleor, saleor.state.accounts.access_token(saleor.staff()))
    assert (await caller.data(CREATE, i={"name": "n" * 60}))["errors"] == []
    refused = await caller.data(CREATE, i={"name": "n" * 61})
    assert refused["errors"][0]["field"] == "name"


async def test_staff_give_only_what_they_have(saleor: SaleorTwin) -> None:
    staff = saleor.staff(permissions=("MANAGE_APPS",))
    caller = Caller(saleor, saleor.state.accounts.access_token(staff))
    refused = await caller.data(CREATE, i={"name": "a", "permissions": ["MANAGE_ORDERS"]})
    assert refused["errors"][0]["code"] == "OUT_OF_SCOPE_PERMISSION"
    assert refused["errors"][0]["permissions"] == ["MANAGE_ORDERS"]


async def test_apps_are_read_page_by_page(saleor: SaleorTwin) -> None:
    for number in range(150):
        saleor.app(f"app {number:03}")
    caller = Caller(saleor, saleor.state.accounts.access_token(saleor.staff()))
    page = """query($after:String){apps(first:100,after:$after)
        {pageInfo{hasNextPage endCursor} edges{node{name}}}}"""
    names, after = list[str](), None
    while True:
        apps = await caller.data(page, after=after)
        names += [edge["node"]["name"] for edge in apps["edges"]]
        after = apps["pageInfo"]["endCursor"]
        if not apps["pageInfo"]["hasNextPage"]:
            break
    assert names == [f"app {number:03}" for number in range(150)]


async def test_apps_are_searched_by_name_alone(saleor: SaleorTwin) -> None:
    saleor.app("Segment", identifier="x")
    saleor.app("other", identifier="segment")
    caller = Caller(saleor, saleor.state.accounts.access_token(saleor.staff()))
    found = await caller.data('{apps(first:9,filter:{search:"segm"}){edges{node{name}}}}')
    assert [edge["node"]["name"] for edge in found["edges"]] == ["Segment"]


VERSIONS = ["3.20.119", "3.21.69", "3.22.67", "3.23.28", "3.24.0-a.0"]


@asynccontextmanager
async def _version(version: str, key: SigningKey) -> AsyncIterator[tuple[SaleorTwin, Caller]]:
    async with SaleorTwin(version=version, key=key) as saleor:
        yield saleor, Caller(saleor, saleor.state.accounts.access_token(saleor.staff()))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_version_says_which_it_is(version: str, key: SigningKey) -> None:
    async with _version(version, key) as (_, caller):
        shown = await caller.data("{shop{version schemaVersion}}")
    assert shown == {"version": version, "schemaVersion": version[:4]}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("{app{webhooks{identifier}}}", 'Cannot query field "identifier" on type "Webhook".'),
        (
            'mutation{webhookDelete(id:"x",identifier:"x"){errors{code}}}',
            'Unknown argument "identifier" on field "Mutation.webhookDelete".',
        ),
    ],
)
async def test_webhooks_have_identifiers_since_3_23(
    version: str, query: str, complaint: str, key: SigningKey
) -> None:
    async with (
        _version(version, key) as (_, caller),
        caller.post(json.dumps({"query": query})) as response,
    ):
        answer = await response.json()
    if version >= "3.23":
        assert response.status == 200
    else:
        assert response.status == 400
        assert answer["errors"][0]["message"].startswith(complaint)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_declared_id_fits_every_version(version: str, key: SigningKey) -> None:
    update = "mutation($id:ID!){webhookUpdate(id:$id,input:{isActive:true}){errors{field code}}}"
    async with _version(version, key) as (_, caller):
        assert (await caller.data(update, id="V2ViaG9vazox"))["errors"][0]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("version", VERSIONS)
async def test_apps_report_problems_since_3_22(version: str, key: SigningKey) -> None:
    async with _version(version, key) as (saleor, _):
        answer = await Caller(saleor, saleor.app().token).ask("{app{problems{key}}}")
    assert ("errors" in answer) == (version < "3.22")


@pytest.mark.parametrize("version", VERSIONS)
async def test_no_app_holds_manage_apps_since_3_24(version: str, key: SigningKey) -> None:
    async with _version(version, key) as (_, caller):
        created = await caller.data(CREATE, i={"name": "a", "permissions": ["MANAGE_APPS"]})
    codes = [error["code"] for error in created["errors"]]
    assert codes == (["OUT_OF_SCOPE_PERMISSION"] if version >= "3.24" else [])


def test_the_part_of_the_schema_is_saleors_own() -> None:
    schema = cut((3, 23))
    kept = fields_by_type()
    for name, fields in kept.items():
        members = getattr(schema.type_map[name], "fields", None)
        if members is not None:
            assert set(members) == fields
    assert all(path.split(".")[0] in schema.type_map for paths in NEWER.values() for path in paths)


async def test_only_graphql_with_its_slash_answers(saleor: SaleorTwin) -> None:
    async with ClientSession() as session:
        async with session.post(saleor.api_url.rstrip("/"), json={"query": WHO}) as response:
            assert response.status == 404
        async with session.get(saleor.api_url) as response:
            assert response.content_type == "text/html"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no json",
        "{}",
        "3",
        '{"query": ""}',
        '{"query": "{"}',
        '{"query": "{shop{name}}", "variables": [1]}',
        '{"query": "query A{shop{name}}", "operationName": "B"}',
        '{"query": "subscription{event{issuedAt}}"}',
    ],
)
async def test_a_request_that_is_none_gets_a_400(saleor: SaleorTwin, body: str) -> None:
    async with Caller(saleor).post(body) as response:
        assert response.status == 400
        assert "errors" in await response.json()


async def test_a_shop_closed_to_storefronts_answers_apps_and_staff_only(
    saleor: SaleorTwin,
) -> None:
    saleor.staff()
    saleor.state.site.allow_storefront_traffic = False
    async with Caller(saleor).post(json.dumps({"query": "{shop{name}}"})) as response:
        assert response.status == 401
    assert await Caller(saleor).code("{shop{name}}") == "STOREFRONT_TRAFFIC_NOT_ALLOWED"
    assert await Caller(saleor, saleor.app().token).data("{shop{name}}")


async def test_passwords_may_be_switched_off(saleor: SaleorTwin) -> None:
    saleor.staff()
    saleor.state.site.password_login_mode = "DISABLED"
    errors = (await _login(saleor))["errors"]
    assert errors[0]["code"] == "DISABLED_AUTHENTICATION_METHOD"


async def test_logins_fail_on_demand(saleor: SaleorTwin) -> None:
    saleor.staff()
    saleor.fail(login_error="INVALID_CREDENTIALS")
    assert (await _login(saleor))["errors"][0]["code"] == "INVALID_CREDENTIALS"
    saleor.heal()
    assert (await _login(saleor))["errors"] == []


async def test_the_api_goes_down_on_demand(saleor: SaleorTwin) -> None:
    saleor.fail(graphql_down=True)
    with pytest.raises(ClientConnectionError):
        await Caller(saleor).ask(WHO)
    saleor.heal()
    assert await Caller(saleor).data("{shop{name}}")


async def test_the_api_answers_as_a_broken_proxy_on_demand(saleor: SaleorTwin) -> None:
    saleor.fail(graphql_status=502)
    async with Caller(saleor).post("{}") as response:
        assert (response.status, response.content_type) == (502, "text/html")


async def test_the_api_answers_plain_text_on_demand(saleor: SaleorTwin) -> None:
    saleor.fail(graphql_plain_text=True)
    async with Caller(saleor).post("{}") as response:
        assert (response.status, response.content_type) == (200, "text/plain")


async def test_the_api_is_slow_on_demand(saleor: SaleorTwin) -> None:
    saleor.fail(graphql_delay=30)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await Caller(saleor).ask(WHO)


async def test_an_answer_is_lost_on_demand_though_the_mutation_was_carried_out(
    saleor: SaleorTwin,
) -> None:
    caller = Caller(saleor, saleor.state.accounts.access_token(saleor.staff()))
    saleor.fail(lose_answer_to="appCreate")
    with pytest.raises(ClientConnectionError):
        await caller.ask(CREATE, i={"name": "ours"})
    assert [app.name for app in saleor.apps] == ["ours"]
    assert saleor.mutations == ["appCreate"]
    assert await caller.data("{shop{name}}")


async def test_the_key_set_goes_down_on_demand(saleor: SaleorTwin) -> None:
    saleor.fail(jwks_down=True)
    async with ClientSession() as session, session.get(saleor.jwks_url) as response:
        assert response.status == 503


@pytest.mark.parametrize("fault", [{"nonsense": True}, {"graphql_status": "502"}])
def test_a_fault_that_is_none_is_refused(saleor: SaleorTwin, fault: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match="fault"):
        saleor.fail(**fault)

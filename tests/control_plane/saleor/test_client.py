"""Each way a call can fail, in each of its three layers, and what it means for the user."""

import asyncio
import gzip
import socket
import ssl
import traceback
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor import Saleor, StaffCredentials, Version, WebhookDraft
from saleor_segment_server.contract import Event
from saleor_segment_server.outbound import Guard
from tests.control_plane.saleor.scripted import Api, Clock

STAFF = StaffCredentials("staff@example.com", "hunter2")
TOKEN = "app-token-0123456789abcdefghij"
V3_23 = Version.parse("3.23.28")
DRAFT = WebhookDraft(
    event=Event.ORDER_CREATED,
    name="ours",
    identifier="ours",
    target_url="https://hooks.example.com/1",
    query="subscription { event { __typename } }",
)
Call = Callable[[Saleor], Awaitable[object]]

CALLS: dict[str, Call] = {
    "version": lambda saleor: saleor.version(TOKEN),
    "own app": lambda saleor: saleor.own_app(TOKEN),
    "find apps": lambda saleor: saleor.find_apps(STAFF, marker="ours"),
    "create app": lambda saleor: saleor.create_app(
        STAFF, name="n", marker="ours", uid="u", permissions=["MANAGE_ORDERS"]
    ),
    "adopt app": lambda saleor: saleor.adopt_app(STAFF, "QXBwOjU=", uid="u"),
    "create token": lambda saleor: saleor.create_token(STAFF, "QXBwOjU=", name="n"),
    "delete app": lambda saleor: saleor.delete_app(STAFF, "QXBwOjU="),
    "create webhook": lambda saleor: saleor.create_webhook(TOKEN, DRAFT, version=V3_23),
    "update webhook": lambda saleor: saleor.update_webhook(TOKEN, "V", DRAFT, version=V3_23),
    "switch webhooks": lambda saleor: saleor.set_webhooks_active(TOKEN, ["V"], True),
    "delete webhook": lambda saleor: saleor.delete_webhook(TOKEN, "V"),
}


async def failure(saleor: Saleor, call: str) -> Blocked | Unavailable:
    with pytest.raises((Blocked, Unavailable)) as caught:
        await CALLS[call](saleor)
    error = caught.value
    assert isinstance(error, Blocked | Unavailable)
    text = str(error)
    assert "\n" not in text
    for secret in (STAFF.email, STAFF.password, TOKEN):
        assert secret not in text
    return error


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Shop.example.com/", "https://shop.example.com"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("", None),
        (None, None),
        (7, None),
        ("shop.example.com", None),
        ("ftp://shop.example.com/", None),
        ("https://", None),
        ("https://user:word@shop.example.com/", None),
        ("https://shop.example.com/?a=b", None),
        ("https://shop.example.com:port/", None),
        ("https://shop.\nexample.com/", None),
        ("https://shop example.com/", None),
        ("https://" + "a" * 300, None),
    ],
)
async def test_what_is_no_address_of_a_shop_counts_as_not_known(
    api: Api, saleor: Saleor, url: object, origin: str | None
) -> None:
    api.answers = [web.json_response({"data": {"shop": {"domain": {"url": url}}}})]
    assert await saleor.own_url(TOKEN) == origin


CAPTURED = [
    # What Saleor says of the caller.
    ("version", "error.expired-jwt", Reason.TOKEN_REJECTED, "token"),
    ("version", "app.self.inactive", Reason.TOKEN_REJECTED, "active app"),
    ("create webhook", "webhookCreate.anon", Reason.TOKEN_REJECTED, "active app"),
    ("update webhook", "appInstall.badjwt", Reason.TOKEN_REJECTED, "active app"),
    ("create app", "appCreate.app-token", Reason.PERMISSION_MISSING, "no staff user"),
    (
        "create app",
        "appInstall.staff-without-manage-apps",
        Reason.PERMISSION_MISSING,
        "MANAGE_APPS",
    ),
    ("adopt app", "updatePrivateMetadata.other-app", Reason.PERMISSION_MISSING, "MANAGE_APPS"),
    ("delete app", "appDelete.self-without-manage-apps", Reason.PERMISSION_MISSING, "MANAGE_APPS"),
    # What mutations refuse.
    (
        "delete app",
        "appDelete.out-of-scope-app",
        Reason.PERMISSION_MISSING,
        "permissions that the user lacks",
    ),
    (
        "create token",
        "appTokenCreate.out-of-scope-app",
        Reason.PERMISSION_MISSING,
        "permissions that the user lacks",
    ),
    (
        "update webhook",
        "webhookUpdate.operator-app-on-other-app",
        Reason.WEBHOOKS_INCOMPLETE,
        "changed meanwhile",
    ),
    (
        "create webhook",
        "webhookCreate.duplicate-identifier",
        Reason.WEBHOOKS_INCOMPLETE,
        "changed meanwhile",
    ),
    (
        "create webhook",
        "webhookCreate.bad-url",
        Reason.WEBHOOK_REFUSED,
        "https://hooks.example.com/1",
    ),
    ("create webhook", "webhookCreate.bad-query", Reason.WEBHOOK_REFUSED, "query: GRAPHQL_ERROR"),
    ("create webhook", "webhookCreate.bad-syntax", Reason.WEBHOOK_REFUSED, "query: SYNTAX"),
    ("create webhook", "webhookCreate.no-events", Reason.WEBHOOK_REFUSED, "query: MISSING_EVENT"),
    ("create webhook", "webhookCreate.bad-headers", Reason.WEBHOOK_REFUSED, "customHeaders"),
    # What it does not understand.
    ("create webhook", "webhookCreate.unknown-event", Reason.SALEOR_REFUSED, "3.20"),
    ("version", "error.unknown-field", Reason.SALEOR_REFUSED, "3.20"),
    ("version", "error.syntax", Reason.SALEOR_REFUSED, "3.20"),
    ("version", "error.missing-variable", Reason.SALEOR_REFUSED, "3.20"),
    ("switch webhooks", "limit.mutation-count", Reason.SALEOR_REFUSED, "3.20"),
    ("find apps", "limit.page-size", Reason.SALEOR_REFUSED, "3.20"),
    ("delete webhook", "error.bad-global-id", Reason.SALEOR_REFUSED, "3.20"),
    # A well-formed answer to another question.
    ("own app", "shop.app-token", Reason.NOT_SALEOR, "/graphql/"),
    ("version", "shop.anonymous", Reason.NOT_SALEOR, "/graphql/"),
]


@pytest.mark.parametrize(("call", "name", "reason", "words"), CAPTURED)
async def test_what_a_real_saleor_answered_becomes_a_reason_and_a_remedy(
    api: Api, saleor: Saleor, call: str, name: str, reason: str, words: str
) -> None:
    api.answers = [api.captured(name)]
    error = await failure(saleor, call)
    kind = Unavailable if reason == Reason.WEBHOOKS_INCOMPLETE else Blocked
    assert (type(error), error.reason) == (kind, reason)
    assert words in str(error)
    assert api.url in str(error)


async def test_the_permission_that_a_staff_user_cannot_give_is_named(
    api: Api, saleor: Saleor
) -> None:
    refusal = api.captured("appInstall.staff-out-of-scope-permission")
    assert isinstance(refusal.body, bytes)
    text = refusal.body.decode().replace("appInstall", "appCreate")
    api.answers = [web.Response(text=text, content_type="application/json")]
    error = await failure(saleor, "create app")
    assert (type(error), error.reason) == (Blocked, Reason.PERMISSION_MISSING)
    assert "lacks MANAGE_ORDERS" in str(error)


@pytest.mark.parametrize("name", ["app.self.inactive", "app.self.deleted-token", "app.self-anon"])
async def test_a_token_that_saleor_does_not_know_has_no_app(
    api: Api, saleor: Saleor, name: str
) -> None:
    api.answers = [api.captured(name)]
    assert await saleor.own_app(TOKEN) is None


async def test_a_staff_token_is_no_apps(api: Api, saleor: Saleor) -> None:
    api.answers = [api.captured("shop.app-token"), api.captured("app.deleted")]
    assert await saleor.own_app(TOKEN) is None


async def test_blocked_storefront_traffic_shows_that_a_token_is_not_known(
    api: Api, saleor: Saleor
) -> None:
    api.answers = [refusal("STOREFRONT_TRAFFIC_NOT_ALLOWED", status=401)]
    assert await saleor.own_app(TOKEN) is None


@pytest.mark.parametrize("token", ["two\nlines", "ключ", "tab\t", "\x00"])
async def test_a_token_that_fits_in_no_header_is_not_sent(
    api: Api, saleor: Saleor, token: str
) -> None:
    assert await saleor.own_app(token) is None
    assert api.requests == []


async def test_an_older_saleor_is_asked_as_such_once_it_did_not_understand(
    api: Api, saleor: Saleor
) -> None:
    app = {"id": "QXBwOjU=", "name": "n", "identifier": "ours", "isActive": True}
    fields = {"permissions": [{"code": "MANAGE_ORDERS"}], "metafield": None, "webhooks": []}
    api.answers = [
        api.captured("shop.app-token"),
        api.captured("error.unknown-field"),
        web.json_response({"data": {"shop": {"version": "3.22.67"}}}),
        web.json_response({"data": {"app": app | fields}}),
    ]
    assert (await failure(saleor, "own app")).reason == Reason.SALEOR_REFUSED
    own = await saleor.own_app(TOKEN)
    assert own is not None
    assert own.permissions == {"MANAGE_ORDERS"}
    newer, older = [one["query"] for one in api.requests if "OwnApp" in one["query"]]
    assert newer.count("identifier") == older.count("identifier") + 1


async def test_an_app_that_is_gone_is_deleted(api: Api, saleor: Saleor) -> None:
    api.answers = [api.captured("appDelete.again")]
    await saleor.delete_app(STAFF, "QXBwOjEx")


@pytest.mark.parametrize(
    "name", ["webhookDelete.operator-app-on-other-app", "webhookDelete.missing-identifier"]
)
async def test_a_webhook_that_is_gone_is_deleted(api: Api, saleor: Saleor, name: str) -> None:
    api.answers = [api.captured(name)]
    await saleor.delete_webhook(TOKEN, "V2ViaG9vazo1Ng==")


async def test_a_webhook_that_is_being_sent_to_is_deleted_later(api: Api, saleor: Saleor) -> None:
    error = {"field": None, "code": "DELETE_FAILED", "message": "couldn't be deleted"}
    api.answers = [web.json_response({"data": {"webhookDelete": {"errors": [error]}}})]
    answer = await failure(saleor, "delete webhook")
    assert isinstance(answer, Unavailable)
    assert answer.retry_after is not None


async def test_an_error_inside_saleor_may_pass(api: Api, saleor: Saleor) -> None:
    api.answers = [refusal("OperationalError")]
    error = await failure(saleor, "version")
    assert (type(error), error.reason) == (Unavailable, Reason.SALEOR_BUSY)
    assert "OperationalError" in str(error)


def refusal(code: object, *, status: int = 200, message: str = "secret words") -> web.Response:
    error = {"message": message, "extensions": {"exception": {"code": code}}}
    return web.json_response({"errors": [error], "data": None}, status=status)


NOT_SALEOR = [
    web.Response(text="It works!"),
    web.Response(text="<html>hello</html>", content_type="text/html"),
    web.Response(text="<html>hello</html>", content_type="text/html", status=401),
    web.Response(text="<html>hello</html>", content_type="text/html", status=400),
    web.Response(text="<html>hello</html>", content_type="text/html", status=404),
    web.Response(text="", status=204),
    web.Response(text="", status=301, headers={"Location": "https://secret.example.com"}),
    web.Response(text="", status=302, headers={"Location": "/graphql/"}),
    web.Response(body=b"\xff\xfe\xfa", content_type="application/json"),
    web.Response(body=b"{}", headers={"Content-Type": "application/json; charset=nonsense"}),
    web.Response(body=b"[" * 200_000, content_type="application/json"),
    web.json_response(None),
    web.json_response(7),
    web.json_response("data errors"),
    web.json_response([{"data": {}}]),
    web.json_response({"kind": "Status", "message": "secret words"}),
    web.json_response({"data": None}),
    web.json_response({"data": []}),
    web.json_response({"data": {"shop": None}}),
    web.json_response({"data": {"shop": {"version": 3}}}),
    web.json_response({"data": {"shop": {"version": "secret words"}}}),
    web.json_response({"data": {"shop": ["version"]}}),
]


@pytest.mark.parametrize("answer", NOT_SALEOR)
async def test_what_is_no_saleor_is_said_to_be_none(
    api: Api, saleor: Saleor, answer: web.Response
) -> None:
    api.answers = [answer]
    error = await failure(saleor, "version")
    assert (type(error), error.reason) == (Blocked, Reason.NOT_SALEOR)
    assert api.url in str(error)
    assert "spec.saleor.apiUrl" in str(error)
    assert "secret" not in str(error)
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    "errors",
    ["secret", {"message": "secret"}, [7], [{"message": ["secret"]}], [{"extensions": "secret"}]],
)
async def test_errors_of_a_strange_shape_are_a_refusal(
    api: Api, saleor: Saleor, errors: object
) -> None:
    api.answers = [web.json_response({"errors": errors})]
    error = await failure(saleor, "version")
    assert (type(error), error.reason) == (Blocked, Reason.SALEOR_REFUSED)
    assert "secret" not in str(error)


@pytest.mark.parametrize("code", ["secret words", 7, "x" * 100])
async def test_only_what_looks_like_a_code_is_shown(api: Api, saleor: Saleor, code: object) -> None:
    api.answers = [refusal(code)]
    assert "secret" not in str(await failure(saleor, "version"))


async def test_an_endless_answer_is_not_read(api: Api, saleor: Saleor) -> None:
    body = gzip.compress(b" " * (64 * 2**20))
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    api.answers = [web.Response(body=body, headers=headers)]
    assert (await failure(saleor, "version")).reason == Reason.NOT_SALEOR


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (403, Blocked, Reason.SALEOR_REFUSED),
        (405, Blocked, Reason.NOT_SALEOR),
        (408, Unavailable, Reason.SALEOR_BUSY),
        (413, Blocked, Reason.SALEOR_REFUSED),
        (429, Unavailable, Reason.SALEOR_BUSY),
        (500, Unavailable, Reason.SALEOR_BUSY),
        (503, Unavailable, Reason.SALEOR_BUSY),
        (521, Unavailable, Reason.SALEOR_BUSY),
    ],
)
@pytest.mark.parametrize("call", ["version", "find apps", "create webhook"])
async def test_each_http_status_has_a_meaning(
    api: Api, saleor: Saleor, call: str, status: int, kind: type[Exception], reason: str
) -> None:
    api.answers = [web.json_response({"data": {}}, status=status)]
    error = await failure(saleor, call)
    assert (type(error), error.reason) == (kind, reason)
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("999999", 3600.0), ("soon", None), ("-5", None), ("²", None)],
)
async def test_a_wait_that_is_asked_for_is_passed_on(
    api: Api, saleor: Saleor, header: str, seconds: float | None
) -> None:
    headers = {"Retry-After": header.encode().decode("latin-1")}
    api.answers = [web.Response(status=503, headers=headers)]
    error = await failure(saleor, "version")
    assert isinstance(error, Unavailable)
    assert error.retry_after == seconds


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/graphql/"


async def unreachable(url: str, clock: Clock, *, patience: float = 5) -> Blocked | Unavailable:
    guard = Guard(allow_loopback=True)
    async with Saleor(url, guard=guard, clock=clock, timeout=patience) as saleor:
        error = await failure(saleor, "version")
        assert url in str(error)
        return error


async def test_a_refused_connection_may_pass(clock: Clock) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = await unreachable(f"http://127.0.0.1:{unused.getsockname()[1]}/graphql/", clock)
    assert (type(error), error.reason) == (Unavailable, Reason.SALEOR_UNREACHABLE)
    assert "refused" in str(error)


async def test_silence_ends(silent: str, clock: Clock) -> None:
    error = await unreachable(silent, clock, patience=0.05)
    assert (type(error), error.reason) == (Unavailable, Reason.SALEOR_UNREACHABLE)
    assert "in time" in str(error)


async def test_a_name_that_dns_does_not_know_may_become_known(clock: Clock) -> None:
    error = await unreachable("http://shop.invalid/graphql/", clock)
    assert (type(error), error.reason) == (Unavailable, Reason.SALEOR_UNREACHABLE)
    assert "DNS" in str(error)


async def test_plain_text_where_tls_should_be_is_said_so(api: Api, clock: Clock) -> None:
    error = await unreachable(api.url.replace("http:", "https:"), clock)
    assert (type(error), error.reason) == (Unavailable, Reason.SALEOR_UNREACHABLE)
    assert "TLS" in str(error)


async def test_a_certificate_that_nobody_trusts_is_named(clock: Clock, tmp_path: Path) -> None:
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=self_signed(tmp_path)
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        error = await unreachable(f"https://127.0.0.1:{port}/graphql/", clock)
    assert (type(error), error.reason) == (Unavailable, Reason.SALEOR_UNREACHABLE)
    assert "certificate" in str(error)


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / "server.pem"
    file.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_an_address_that_the_guard_refuses_is_not_called(
    api: Api, clock: Clock, host: str
) -> None:
    url = api.url.replace("127.0.0.1", host)
    async with Saleor(url, guard=Guard(), clock=clock) as saleor:
        error = await failure(saleor, "version")
    assert (type(error), error.reason) == (Blocked, Reason.ADDRESS_REFUSED)
    assert "--allow-loopback" in str(error)
    assert "mend spec.saleor.apiUrl" in str(error)
    assert api.requests == []


async def test_a_redirect_does_not_carry_the_token_away(api: Api, saleor: Saleor) -> None:
    api.answers = [web.Response(status=307, headers={"Location": api.url})]
    await failure(saleor, "version")
    assert len(api.requests) == 1


async def test_a_list_of_apps_without_end_is_given_up(api: Api, saleor: Saleor) -> None:
    page = {"edges": [], "pageInfo": {"hasNextPage": True, "endCursor": "again"}}
    api.answers = [web.json_response({"data": {"apps": page}})]
    assert (await failure(saleor, "find apps")).reason == Reason.SALEOR_REFUSED


async def test_what_an_address_answered_is_in_no_traceback(api: Api, saleor: Saleor) -> None:
    api.answers = [web.Response(text="secret words")]
    error = await failure(saleor, "version")
    assert "secret" not in "".join(traceback.format_exception(error))


async def test_cookies_are_not_kept(api: Api, saleor: Saleor) -> None:
    answer = api.captured("shop.app-token")
    answer.set_cookie("session", "1")
    api.answers = [answer]
    await saleor.version(TOKEN)
    await saleor.version(TOKEN)
    assert len(api.requests) == 2
    assert api.cookies == [None, None]

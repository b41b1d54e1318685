"""Signatures that are not the shop's, whatever they say of themselves, and deliveries of others."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from tests.data_plane.receiving import APP_ID, PIPELINE_ID, Shop
from tests.fault.wire import Answer, address_of, ask, delivery
from tests.signing import Signer, b64
from tests.system.programs import until
from tests.system.serving import Serving, Stand, document

KEYS, STRANGER = Signer.new(), Signer.new()
BODY = b'{"__typename": "OrderCreated", "order": {"id": "order-1", "lines": []}}'
OTHER_APP, OTHER_SHOP = PIPELINE_ID[:-1] + "2", PIPELINE_ID[:-1] + "3"


@dataclass
class House:
    """A server with three Pipelines: two apps of one shop, and another shop's."""

    serving: Serving
    internal: "Internal"

    async def post(self, body: bytes, *signatures: str, to: str = PIPELINE_ID) -> Answer:
        request = delivery(body, *signatures)
        path = f"/webhooks/{to}/order_created"
        answer = await ask(address_of(self.serving.url), request.at(path))
        assert answer is not None
        return answer


@dataclass
class Internal:
    """What only a careless server would fetch a key from."""

    url: str = ""
    asked: int = 0

    async def hear(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        writer.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        folder = tmp_path_factory.mktemp("hostile")
        internal = Internal()
        server = await asyncio.start_server(internal.hear, "127.0.0.1", 0)
        await stack.enter_async_context(server)
        internal.url = "http://127.0.0.1:{1}/keys".format(*server.sockets[0].getsockname())
        stand = await stack.enter_async_context(Stand.up(folder, KEYS))
        other = await stack.enter_async_context(Shop(STRANGER).serving())
        saleor = {"apiUrl": stand.shop.url + "/graphql/"}
        stand.write_all(
            document(stand, saleor=saleor | {"appIds": [APP_ID]}),
            document(stand, id=OTHER_APP, saleor=saleor | {"appIds": ["QXBwOjY="]}),
            document(stand, id=OTHER_SHOP, saleor={"apiUrl": other.url + "/graphql/"}),
        )
        serving = await stack.enter_async_context(stand.serving())
        yield House(serving, internal)


def signed(**header: object) -> Callable[[], str]:
    """Sign with the shop's own key, under a header that Saleor would not send."""
    return lambda: Signer(KEYS.pem, header).sign(BODY)


def by_stranger(**header: object) -> Callable[[], str]:
    """Sign with another key under the shop's key id."""
    claimed = {"kid": KEYS.jwk()["kid"]} | header
    return lambda: Signer(STRANGER.pem, claimed).sign(BODY)


def by_secret() -> str:
    """Sign as HS256, with the public key, which everybody knows, as the secret."""
    protected = Signer(KEYS.pem, {"alg": "HS256"}).protected()
    pem = KEYS.key().public_key()
    secret = pem.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    value = hmac.new(secret, f"{protected}.".encode() + BODY, hashlib.sha256).digest()
    return f"{protected}..{b64(value)}"


def by_digest(name: str, digest: hashes.HashAlgorithm, *, pss: bool = False) -> str:
    """Sign with the shop's key by another algorithm, which the header names."""
    protected = Signer(KEYS.pem, {"alg": name}).protected()
    scheme = padding.PSS(padding.MGF1(digest), digest.digest_size) if pss else padding.PKCS1v15()
    value = KEYS.key().sign(f"{protected}.".encode() + BODY, scheme, digest)
    return f"{protected}..{b64(value)}"


def unsigned() -> str:
    return Signer(KEYS.pem, {"alg": "none"}).protected() + ".."


def attached() -> str:
    """Sign an encoded payload that goes along, as a JWT is signed."""
    protected = Signer(KEYS.pem, {"b64": None, "crit": None}).protected()
    signing_input = f"{protected}.{b64(BODY)}"
    value = KEYS.key().sign(signing_input.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signing_input}.{b64(value)}"


def with_payload() -> str:
    protected, _, value = KEYS.sign(BODY).split(".")
    return f"{protected}.{b64(BODY)}.{value}"


def of_another_body() -> str:
    return KEYS.sign(json.dumps(json.loads(BODY), separators=(",", ":")).encode())


def in_standard_base64() -> str:
    protected, _, _ = KEYS.sign(BODY).split(".")
    return f"{protected}..{base64.b64encode(bytes(256)).decode()}"


MALFORMED, WRONG = "signature_malformed", "signature_wrong"


@pytest.mark.parametrize(
    ("signature", "error"),
    [
        pytest.param(unsigned, MALFORMED, id="alg none, and no signature"),
        pytest.param(signed(alg="none"), MALFORMED, id="alg none"),
        pytest.param(by_secret, MALFORMED, id="HS256 with the public key as secret"),
        pytest.param(lambda: by_digest("RS512", hashes.SHA512()), MALFORMED, id="RS512"),
        pytest.param(lambda: by_digest("PS256", hashes.SHA256(), pss=True), MALFORMED, id="PS256"),
        pytest.param(lambda: by_digest("RS256", hashes.SHA512()), WRONG, id="RS512 called RS256"),
        pytest.param(signed(alg=None), MALFORMED, id="no alg"),
        pytest.param(signed(alg=["RS256"]), MALFORMED, id="a list of algs"),
        pytest.param(signed(b64=None), MALFORMED, id="no b64"),
        pytest.param(signed(b64=True), MALFORMED, id="b64 true"),
        pytest.param(signed(b64="false"), MALFORMED, id="b64 as a text"),
        pytest.param(signed(crit=None), MALFORMED, id="no crit"),
        pytest.param(signed(crit=[]), MALFORMED, id="crit empty"),
        pytest.param(signed(crit=["b64", "exp"]), MALFORMED, id="crit with more"),
        pytest.param(signed(crit=["b64", "b64"]), MALFORMED, id="crit with one twice"),
        pytest.param(signed(crit="b64"), MALFORMED, id="crit as a text"),
        pytest.param(signed(kid=None), MALFORMED, id="no kid"),
        pytest.param(signed(kid=[KEYS.jwk()["kid"]]), MALFORMED, id="a list of kids"),
        pytest.param(attached, MALFORMED, id="a JWT with its payload"),
        pytest.param(with_payload, MALFORMED, id="a payload part"),
        pytest.param(of_another_body, WRONG, id="the same JSON spelled otherwise"),
        pytest.param(in_standard_base64, WRONG, id="zeros"),
        pytest.param(by_stranger(), WRONG, id="another key under the shop's key id"),
        pytest.param(by_stranger(jwk=STRANGER.jwk()), WRONG, id="jwk"),
        pytest.param(by_stranger(x5c=["MIIB"]), WRONG, id="x5c"),
        pytest.param(signed(kid="../../jwks.json"), "key_unknown", id="a path as kid"),
        pytest.param(signed(kid="' OR 1=1 --"), "key_unknown", id="SQL as kid"),
        pytest.param(signed(kid=STRANGER.jwk()["kid"]), "key_unknown", id="another shop's kid"),
        pytest.param(lambda: STRANGER.sign(BODY), "key_unknown", id="another shop's key"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_signature_that_is_not_exactly_the_shops_is_refused(
    house: House, signature: Callable[[], str], error: str
) -> None:
    answer = await house.post(BODY, signature())
    status = 503 if error == "key_unknown" else 401
    assert (answer.status, answer.error) == (status, error)


@pytest.mark.asyncio(loop_scope="module")
async def test_keys_at_an_address_that_a_signature_names_are_never_fetched(house: House) -> None:
    for name in ("jku", "x5u"):
        for key_id in (KEYS.jwk()["kid"], "new"):
            forger = Signer(STRANGER.pem, {"kid": key_id, name: house.internal.url})
            assert (await house.post(BODY, forger.sign(BODY))).status in {401, 503}
    assert house.internal.asked == 0


@pytest.mark.asyncio(loop_scope="module")
async def test_a_body_that_is_not_to_the_byte_what_was_signed_is_refused(house: House) -> None:
    signature = KEYS.sign(BODY)
    for body in (BODY + b"\n", b" " + BODY, BODY + b"\0", BODY[:-1], b64(BODY).encode(), b""):
        assert (await house.post(body, signature)).error == WRONG
    assert (await house.post(BODY, signature, signature)).error == "signature_missing"
    assert (await house.post(BODY)).error == "signature_missing"


@pytest.mark.asyncio(loop_scope="module")
async def test_what_was_sent_to_one_integration_reaches_no_other_by_replay(house: House) -> None:
    letter = house.serving.stand.letter(KEYS)
    assert (await house.post(letter.body, letter.signature, to=OTHER_SHOP)).status == 503
    assert (await house.post(letter.body, letter.signature, to=OTHER_APP)).status == 200
    reports = await house.serving.reports()
    assert reports[OTHER_APP]["deadWhy"] == "it was meant for another app"
    assert {reports[OTHER_APP]["pending"], reports[OTHER_APP]["delivered"]} == {0}
    assert {reports[OTHER_SHOP][name] for name in ("pending", "dead", "delivered")} == {0}
    assert (await house.post(letter.body, letter.signature)).status == 200
    await until(lambda: letter.order_id in house.serving.stand.arrived())
    for _ in range(2):
        assert (await house.post(letter.body, letter.signature)).status == 200
    inbox = house.serving.stand.segment.inbox
    assert len(list(inbox.messages())) == 1
    assert inbox.totals()["doubled"] == 0

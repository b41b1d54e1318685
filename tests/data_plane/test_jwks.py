"""The shops' keys: when they are asked for, how long they are believed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from saleor_segment_server.contract import SaleorSource
from saleor_segment_server.errors import TryLater
from saleor_segment_server.jwks import KeyStore
from saleor_segment_server.outbound import Guard
from tests.data_plane.receiving import Clock, Shop
from tests.signing import Signer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    connector = Guard(allow_loopback=True).connector()
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


@pytest.fixture
def keys(session: aiohttp.ClientSession, clock: Clock, tmp_path: Path) -> KeyStore:
    return KeyStore(session=session, path=tmp_path / "jwks.json", clock=clock)


@pytest.fixture
def source(shop: Shop) -> SaleorSource:
    return SaleorSource(api_url=shop.url + "/graphql/")


def kid(signer: Signer) -> str:
    return str(signer.jwk()["kid"])


async def test_many_who_ask_at_once_cause_one_fetch(
    keys: KeyStore, source: SaleorSource, shop: Shop, signer: Signer
) -> None:
    found = await asyncio.gather(*(keys.fetch(source, kid(signer)) for _ in range(20)))
    assert {key.public_numbers() for key in found} == {signer.key().public_key().public_numbers()}
    assert shop.asked == 1


async def test_unknown_key_ids_cause_one_fetch_in_five_seconds(
    keys: KeyStore, source: SaleorSource, shop: Shop, clock: Clock
) -> None:
    for number in range(50):
        with pytest.raises(TryLater, match="does not hold"):
            await keys.fetch(source, f"kid-{number}")
    assert shop.asked == 1
    clock.now += 5
    with pytest.raises(TryLater):
        await keys.fetch(source, "kid-50")
    assert shop.asked == 2


async def test_a_key_that_was_rotated_away_verifies_for_ten_minutes(
    keys: KeyStore,
    source: SaleorSource,
    shop: Shop,
    clock: Clock,
    signer: Signer,
    stranger: Signer,
) -> None:
    await keys.fetch(source, kid(signer))
    shop.key_set = stranger.jwks()
    clock.now += 5
    await keys.fetch(source, kid(stranger))
    clock.now += 600
    assert keys.find(source, kid(signer)) is not None
    clock.now += 1
    assert keys.find(source, kid(signer)) is None


async def test_a_clock_that_is_put_back_neither_stops_the_asking_nor_revives_an_old_key(
    keys: KeyStore,
    source: SaleorSource,
    shop: Shop,
    clock: Clock,
    signer: Signer,
    stranger: Signer,
) -> None:
    await keys.fetch(source, kid(signer))
    shop.key_set = stranger.jwks()
    clock.now -= 86400
    assert (await keys.fetch(source, kid(stranger))).key_size == 2048
    assert keys.find(source, kid(signer)) is not None
    clock.now -= 86400
    assert keys.find(source, kid(signer)) is None
    await keys.confirm(source, kid(stranger))
    assert shop.asked == 3


async def test_keys_outlive_the_process(
    keys: KeyStore,
    source: SaleorSource,
    shop: Shop,
    session: aiohttp.ClientSession,
    signer: Signer,
    tmp_path: Path,
) -> None:
    await keys.fetch(source, kid(signer))
    again = KeyStore(session=session, path=tmp_path / "jwks.json", clock=Clock())
    await again.load()
    assert again.find(source, kid(signer)) is not None
    assert shop.asked == 1


async def test_a_key_that_is_gone_stays_gone_over_a_restart_and_whatever_a_pipeline_brings(
    keys: KeyStore,
    source: SaleorSource,
    shop: Shop,
    session: aiohttp.ClientSession,
    clock: Clock,
    signer: Signer,
    stranger: Signer,
    tmp_path: Path,
) -> None:
    await keys.fetch(source, kid(signer))
    shop.key_set = stranger.jwks()
    clock.now += 5
    await keys.fetch(source, kid(stranger))
    again = KeyStore(session=session, path=tmp_path / "jwks.json", clock=clock)
    await again.load()
    again.seed(source.model_copy(update={"jwks": signer.jwks()}))
    assert again.find(source, kid(signer)) is not None
    clock.now += 601
    assert again.find(source, kid(signer)) is None
    assert again.find(source, kid(stranger)) is not None
    with pytest.raises(TryLater, match="does not hold"):
        await again.fetch(source, kid(signer))
    again.seed(source.model_copy(update={"jwks": signer.jwks()}))
    assert again.find(source, kid(signer)) is None


async def test_a_key_that_no_pipeline_of_the_shop_brings_any_more_is_gone_as_well(
    keys: KeyStore,
    source: SaleorSource,
    shop: Shop,
    clock: Clock,
    signer: Signer,
    stranger: Signer,
) -> None:
    old = source.model_copy(update={"jwks": signer.jwks()})
    new = source.model_copy(update={"jwks": stranger.jwks()})
    elsewhere = SaleorSource(api_url="https://other.example.com/graphql/", jwks=signer.jwks())
    keys.seed(old, elsewhere)
    keys.seed(new, old, elsewhere)
    clock.now += 601
    assert keys.find(source, kid(signer)) is not None
    keys.seed(new, elsewhere)
    keys.seed(source, elsewhere)  # without keys it says nothing about them
    clock.now += 600
    assert keys.find(source, kid(signer)) is not None
    clock.now += 1
    assert keys.find(source, kid(signer)) is None
    assert keys.find(source, kid(stranger)) is not None
    assert keys.find(elsewhere, kid(signer)) is not None
    assert shop.asked == 0


async def test_a_page_that_is_no_key_set_takes_no_key_away(
    keys: KeyStore, source: SaleorSource, shop: Shop, clock: Clock, signer: Signer
) -> None:
    await keys.fetch(source, kid(signer))
    pages: list[object] = [{"status": "maintenance"}, {"keys": []}, [], None]
    for page in pages:
        shop.key_set = page
        clock.now += 601
        with pytest.raises(TryLater, match="cannot be read"):
            await keys.fetch(source, "another")
    assert keys.find(source, kid(signer)) is not None


async def test_a_shop_that_shows_ever_new_keys_is_bounded(
    keys: KeyStore, source: SaleorSource, shop: Shop, clock: Clock, signer: Signer
) -> None:
    jwk = signer.jwk()
    for number in range(4):
        ids = [f"kid-{number}-{place}" for place in range(40)]
        shop.key_set = {"keys": [jwk | {"kid": each} for each in ids]}
        clock.now += 5
        await keys.fetch(source, ids[0])
    known = [f"kid-{n}-{p}" for n in range(4) for p in range(40)]
    held = [each for each in known if keys.find(source, each)]
    assert len(held) == 64
    assert set(ids) <= set(held)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"x": 1}', b'{"x": {"keys": [{}]}}'])
async def test_a_damaged_file_of_keys_counts_as_none(
    keys: KeyStore, source: SaleorSource, signer: Signer, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "jwks.json").write_bytes(content)
    await keys.load()
    assert keys.find(source, kid(signer)) is None
    assert (await keys.fetch(source, kid(signer))).key_size == 2048


async def test_a_fresh_key_is_confirmed_without_asking_and_an_old_one_by_asking(
    keys: KeyStore, source: SaleorSource, shop: Shop, clock: Clock, signer: Signer
) -> None:
    await keys.fetch(source, kid(signer))
    assert await keys.confirm(source, kid(signer)) is not None
    assert shop.asked == 1
    clock.now += 3601
    assert await keys.confirm(source, kid(signer)) is not None
    assert shop.asked == 2


async def test_a_key_the_shop_no_longer_shows_is_not_confirmed(
    keys: KeyStore, source: SaleorSource, shop: Shop, signer: Signer, stranger: Signer
) -> None:
    keys.seed(source.model_copy(update={"jwks": signer.jwks()}))
    shop.key_set = stranger.jwks()
    with pytest.raises(TryLater, match="does not hold"):
        await keys.confirm(source, kid(signer))


def without(**changes: Any) -> dict[str, Any]:
    jwk = Signer.new().jwk() | {"kid": "the-key"} | changes
    return {name: value for name, value in jwk.items() if value is not None}


@pytest.mark.parametrize(
    "key",
    [
        without(kty="EC"),
        without(use="enc"),
        without(alg="RS512"),
        without(kid=None),
        without(n=None),
        without(n="%%"),
        without(e="AA"),
        without(e="_" * 86),
        Signer.new(bits=1024).jwk() | {"kid": "the-key"},
        "the-key",
    ],
)
async def test_a_key_that_is_no_rsa_signing_key_is_passed_over(
    keys: KeyStore, source: SaleorSource, shop: Shop, signer: Signer, key: object
) -> None:
    shop.key_set = {"keys": [key, signer.jwk()]}
    assert (await keys.fetch(source, kid(signer))).key_size == 2048
    assert keys.find(source, "the-key") is None


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_an_answer_that_is_not_200_is_no_key_set(
    keys: KeyStore, source: SaleorSource, shop: Shop, signer: Signer, status: int
) -> None:
    shop.status = status
    with pytest.raises(TryLater, match="cannot be read"):
        await keys.fetch(source, kid(signer))


async def test_a_key_set_without_end_is_not_read(
    keys: KeyStore, source: SaleorSource, shop: Shop, signer: Signer
) -> None:
    shop.key_set = {"keys": [signer.jwk()], "padding": "x" * 65536}
    assert len(orjson.dumps(shop.key_set)) > 65536
    with pytest.raises(TryLater, match="cannot be read"):
        await keys.fetch(source, kid(signer))


async def test_an_address_that_is_guarded_is_not_asked(
    clock: Clock, shop: Shop, signer: Signer, tmp_path: Path, source: SaleorSource
) -> None:
    async with aiohttp.ClientSession(connector=Guard().connector()) as session:
        keys = KeyStore(session=session, path=tmp_path / "jwks.json", clock=clock)
        with pytest.raises(TryLater, match="cannot be read"):
            await keys.fetch(source, kid(signer))
    assert shop.asked == 0

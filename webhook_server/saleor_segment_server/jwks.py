"""The shops' public keys: seeded, fetched when an unknown one is named, kept across restarts.

A key is *fresh* while a fetch of the last hour showed it in the shop's key set. A wrong signature
is final (401) only under a fresh key; under any other the set is read again first, and if it cannot
be read, or no longer holds the key, the answer is 503, so that Saleor sends the delivery again.

What a fetch said outlives a restart, above all that a key is gone: it may have leaked.

The clock may be put back meanwhile: a moment that lies in the future is as far away as one that
long ago.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from saleor_segment_server.contract import SaleorSource
from saleor_segment_server.errors import TryLater
from saleor_segment_server.files import read, write

_FRESH = 3600.0
_KEPT = 600.0  # Saleor's retries last 310 s
_PAUSE = 5.0
_TIMEOUT = aiohttp.ClientTimeout(total=2)
_LARGEST = 64 * 2**10
_KEY_BITS = range(2048, 8192 + 1)
_LARGEST_EXPONENT = 2**64  # a tenant's key must not make verifying slow for all
_MOST_KEYS = 64

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Key:
    public: RSAPublicKey
    document: Mapping[str, Any]
    confirmed_at: float | None = None
    """When a fetch last showed it; ``None``: only seeded."""
    gone_at: float | None = None
    """When a fetch first lacked it."""


@dataclass(slots=True)
class _Issuer:
    url: str
    keys: dict[str, _Key] = field(default_factory=dict)
    was_read: bool = False
    """Whether a fetch ever told its keys: from then on nobody else does."""
    asked_at: float = float("-inf")
    fetch: asyncio.Task[bool] | None = None


class KeyStore:
    """Public keys by key set address and key id.

    Args:
        session: A client whose connector is guarded.
        path: File that the keys are kept in.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, *, session: aiohttp.ClientSession, path: Path, clock: Callable[[], float]
    ) -> None:
        self._session = session
        self._path = path
        self._clock = clock
        self._issuers: dict[str, _Issuer] = {}
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """Read what an earlier process kept; a file that cannot be read counts as none."""
        try:
            stored = orjson.loads(await read(self._path) or b"{}")
            for url, document in stored.items():
                issuer = self._issuer(url)
                gone = document.get("gone", {})
                for key_id, key in _usable(document):
                    issuer.keys[key_id] = replace(key, gone_at=gone.get(key_id))
                issuer.was_read = bool(issuer.keys)
        except (OSError, orjson.JSONDecodeError, AttributeError):
            log.warning("kept_keys_unreadable", path=str(self._path))

    def seed(self, *sources: SaleorSource) -> None:
        """Take up the keys all Pipelines bring along, until the shop itself has told its keys.

        One that no Pipeline of the shop brings any more is gone, as if the shop had said so.
        """
        brought: dict[str, dict[str, _Key]] = {}
        for source in sources:
            brought.setdefault(source.key_set_url, {}).update(_usable(source.jwks))
        for url, keys in brought.items():
            issuer = self._issuer(url)
            if keys and not issuer.was_read:
                self._replace(issuer, keys)

    def find(self, source: SaleorSource, key_id: str) -> RSAPublicKey | None:
        """Return the key if it is known; what the hot path asks."""
        issuer = self._issuers.get(source.key_set_url)
        key = issuer.keys.get(key_id) if issuer else None
        return key.public if key and not self._is_past(key) else None

    async def fetch(self, source: SaleorSource, key_id: str) -> RSAPublicKey:
        """Return the key, asking the shop for it where that was not done just now.

        Raises:
            TryLater: The shop does not show it, or does not answer.
        """
        answered = await self._refresh(self._issuer(source.key_set_url))
        found = self.find(source, key_id)
        if found is None:
            raise _unknown() if answered else _unreachable()
        return found

    async def confirm(self, source: SaleorSource, key_id: str) -> RSAPublicKey:
        """Return the key as the shop shows it now or showed it within the hour.

        Raises:
            TryLater: The shop no longer shows it, or that cannot be told now.
        """
        issuer = self._issuer(source.key_set_url)
        key = issuer.keys.get(key_id)
        if not self._is_fresh(key):
            if not await self._refresh(issuer):
                raise _unreachable()
            key = issuer.keys.get(key_id)
        if key is None or key.gone_at is not None:
            raise _unknown()
        return key.public

    def _is_fresh(self, key: _Key | None) -> bool:
        if key is None or key.gone_at is not None or key.confirmed_at is None:
            return False
        return self._since(key.confirmed_at) < _FRESH

    def _is_past(self, key: _Key) -> bool:
        return key.gone_at is not None and self._since(key.gone_at) > _KEPT

    def _since(self, moment: float) -> float:
        return abs(self._clock() - moment)

    def _issuer(self, url: str) -> _Issuer:
        return self._issuers.setdefault(url, _Issuer(url))

    async def _refresh(self, issuer: _Issuer) -> bool:
        """Read the key set, once for all who wait and not again within 5 s; tell if it answered."""
        fetch = issuer.fetch
        if fetch is None or (fetch.done() and self._since(issuer.asked_at) >= _PAUSE):
            issuer.asked_at = self._clock()
            fetch = issuer.fetch = asyncio.create_task(self._read(issuer))
        return await asyncio.shield(fetch)

    async def _read(self, issuer: _Issuer) -> bool:
        try:
            self._take(issuer, await self._get(issuer.url))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            problem = str(error) or type(error).__name__
            log.warning("key_set_unreadable", url=issuer.url, problem=problem)
            return False
        async with self._turn:  # two shops may be read at once, and share the file
            await self._keep()
        return True

    async def _get(self, url: str) -> object:
        async with self._session.get(url, allow_redirects=False, timeout=_TIMEOUT) as response:
            if response.status != 200:  # noqa: PLR2004 - HTTP's OK
                raise ValueError(f"status {response.status}")
            body = await response.content.read(_LARGEST + 1)
            while not response.content.at_eof() and len(body) <= _LARGEST:
                body += await response.content.read(_LARGEST + 1)
        if len(body) > _LARGEST:
            raise ValueError("too large")
        return orjson.loads(body)

    def _take(self, issuer: _Issuer, document: object) -> None:
        now = self._clock()
        shown = {key_id: replace(key, confirmed_at=now) for key_id, key in _usable(document)}
        if not shown:  # a page of maintenance, say: no shop has no key
            raise ValueError("it holds no RSA signing key")
        self._replace(issuer, shown)
        issuer.was_read = True

    def _replace(self, issuer: _Issuer, shown: dict[str, _Key]) -> None:
        """Take these for the shop's keys; those it had stay for a while."""
        now = self._clock()
        for key_id, key in issuer.keys.items():
            if key_id not in shown and not self._is_past(key):
                shown[key_id] = replace(key, gone_at=now if key.gone_at is None else key.gone_at)
        if shown.keys() != issuer.keys.keys():
            log.info("key_set_changed", url=issuer.url, keys=sorted(shown))
        issuer.keys = dict(islice(shown.items(), _MOST_KEYS))

    async def _keep(self) -> None:
        stored = {
            issuer.url: {
                "keys": [dict(key.document) for key in issuer.keys.values()],
                "gone": {kid: key.gone_at for kid, key in issuer.keys.items() if key.gone_at},
            }
            for issuer in self._issuers.values()
            if issuer.was_read
        }
        try:
            await write(self._path, orjson.dumps(stored))
        except OSError as error:
            log.warning("keys_not_kept", path=str(self._path), error=error.strerror)


def _unknown() -> TryLater:
    return TryLater("key_unknown", "the shop's key set does not hold the signing key")


def _unreachable() -> TryLater:
    return TryLater("jwks_unreachable", "the shop's key set cannot be read now")


def _usable(document: object) -> Iterator[tuple[str, _Key]]:
    """Yield the RSA signing keys of a JWK set (RFC 7517); others are passed over."""
    keys = document.get("keys") if isinstance(document, dict) else None
    for entry in keys if isinstance(keys, list) else ():
        if not isinstance(entry, dict) or entry.get("kty") != "RSA":
            continue
        if entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
            continue
        key_id, public = entry.get("kid"), _public(entry)
        if isinstance(key_id, str) and key_id and public:
            kept = {name: entry[name] for name in ("kty", "kid", "n", "e")}
            yield key_id, _Key(public, kept)


def _public(entry: Mapping[str, Any]) -> RSAPublicKey | None:
    try:
        exponent, modulus = _number(entry["e"]), _number(entry["n"])
        if modulus.bit_length() not in _KEY_BITS or exponent > _LARGEST_EXPONENT:
            return None
        return RSAPublicNumbers(exponent, modulus).public_key()
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))

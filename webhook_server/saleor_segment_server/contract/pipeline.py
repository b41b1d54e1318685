"""A Pipeline: one shop's events to one Segment source, and all the server needs to know of it."""

import hashlib
import re
from datetime import datetime
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from saleor_segment_server.contract.events import Event
from saleor_segment_server.contract.model import Model
from saleor_segment_server.contract.tracking import Tracking

US_ENDPOINT = "https://api.segment.io"
EU_ENDPOINT = "https://events.eu1.segmentapis.com"

_PORT = "[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_HOST = rf"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:({_PORT}))?"
_REST = "([/?#]([!-$&-~]|%[0-9A-Fa-f]{2})*)?"
ABSOLUTE_URL = rf"^(?i:https?)://([^/?#]*@)?{_HOST}{_REST}$"
"""An http or https URL in ASCII, as Python's ``re`` and RE2 understand it alike."""


def _plain_url(url: str) -> str:
    absolute = re.fullmatch(ABSOLUTE_URL, url)
    try:
        parts = urlsplit(url) if absolute else None
    except ValueError:  # brackets around what is no IPv6 address
        parts = None
    if parts is None:
        raise ValueError("must be an absolute http or https URL")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise ValueError("must not hold credentials, a query or a fragment")
    return url


def _graphql_url(url: str) -> str:
    if not urlsplit(_plain_url(url)).path.endswith("/graphql/"):
        raise ValueError("must end in /graphql/, with the slash: it is Saleor's API address")
    return url


def _base_url(url: str) -> str:
    return _plain_url(url).rstrip("/")


_LENGTH = Field(max_length=2048)
PlainUrl = Annotated[str, _LENGTH, AfterValidator(_plain_url)]
"""An absolute URL without userinfo, query or fragment."""
GraphqlUrl = Annotated[str, _LENGTH, AfterValidator(_graphql_url)]
"""A Saleor API address, ending in ``/graphql/``."""
BaseUrl = Annotated[str, _LENGTH, AfterValidator(_base_url)]
"""An absolute URL that paths are appended to; a trailing slash is dropped."""


@lru_cache(maxsize=1024)
def origin(url: str) -> str:
    """Return scheme, host and port of ``url``, as in ``https://shop.example.com``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


class PipelineState(StrEnum):
    """What the server does with a Pipeline's events."""

    ACTIVE = "Active"
    """Accept and send."""
    PAUSED = "Paused"
    """Accept and keep; send nothing."""
    DRAINING = "Draining"
    """Accept and send; once the Pipeline is gone its webhooks are answered 404."""


class SaleorSource(Model):
    """Where the events come from, and how they are told genuine."""

    api_url: GraphqlUrl
    """Saleor's GraphQL endpoint as the operator calls it."""
    public_url: BaseUrl | None = None
    """The origin Saleor calls itself in ``Saleor-Api-Url``, where it is not ``api_url``'s."""
    jwks_url: PlainUrl | None = None
    """Saleor's public keys; default ``/.well-known/jwks.json`` at ``api_url``'s origin."""
    jwks: dict[str, Any] | None = None
    """The last known key set (RFC 7517), so that a start works while Saleor is down."""
    app_ids: tuple[str, ...] = ()
    """Global ids of the apps whose deliveries are meant for us; empty: not checked."""

    @cached_property
    def key_set_url(self) -> str:
        """The address of the JWKS, given or derived."""
        return self.jwks_url or origin(self.api_url) + "/.well-known/jwks.json"

    @cached_property
    def shop_url(self) -> str:
        """The shop's own origin, without a trailing slash: an event's ``source``."""
        return origin(self.public_url or self.api_url)

    @cached_property
    def claimed_api_url(self) -> str:
        """The ``Saleor-Api-Url`` header genuine deliveries carry."""
        return self.shop_url + urlsplit(self.api_url).path


class SegmentTarget(Model):
    """Where the messages go."""

    endpoint: BaseUrl = US_ENDPOINT
    """Base of the Tracking API; ``/v1/batch`` is appended."""
    write_key: SecretStr | None = None
    """The source's write key; absent only while the Pipeline is Paused."""

    @field_validator("write_key")
    @classmethod
    def _no_blank_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not key.get_secret_value().strip():
            raise ValueError("is empty: put the Segment source's write key there")
        return key


class Pipeline(Model):
    """One shop's events to one Segment source."""

    version: Literal[1] = 1
    """Version of this contract."""
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    """The integration's uid; part of the webhook's path and of every message id."""
    saleor: SaleorSource
    events: tuple[Event, ...]
    """The events that are forwarded; others are kept and buried."""
    segment: SegmentTarget
    tracking: Tracking = Tracking()
    salt: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    """16 bytes in hex, unique to the installation: Segment dedups across all workspaces."""
    since: AwareDatetime | None = None
    """When the Pipeline began: an older order's refunds may be partly unknown to it."""
    state: PipelineState = PipelineState.ACTIVE

    @model_validator(mode="after")
    def _active_needs_a_key(self) -> "Pipeline":
        if self.segment.write_key is None and self.state is not PipelineState.PAUSED:
            raise ValueError(f"segment.writeKey is missing, and state is {self.state}, not Paused")
        return self

    def document(self) -> dict[str, Any]:
        """Return it as plain data with the write key in the clear: for its Secret or file only."""
        data = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        if self.segment.write_key is not None:
            data["segment"]["writeKey"] = self.segment.write_key.get_secret_value()
        return data

    def fingerprint(self) -> str:
        """Return the SHA-256, in hex, of its canonical JSON: how a holder proves what it holds."""
        canonical = orjson.dumps(self.document(), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(canonical).hexdigest()

    def is_newer_than(self, created: datetime) -> bool:
        """Tell whether something created then is older than the Pipeline."""
        return self.since is not None and created < self.since

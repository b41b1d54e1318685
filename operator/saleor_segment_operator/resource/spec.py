"""The spec of a ``SaleorSegmentIntegration``: what the user asks for.

These models are the source of the custom resource's schema; each docstring is a description there.
"""

import re
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from saleor_segment_server.contract import Event, Tracking
from saleor_segment_server.contract.model import Model
from saleor_segment_server.contract.pipeline import (
    EU_ENDPOINT,
    US_ENDPOINT,
    BaseUrl,
    GraphqlUrl,
)
from saleor_segment_server.contract.texts import Form


def _origin(url: str) -> str:
    if urlsplit(url).path:
        raise ValueError("must be an origin without a path, as in https://shop.example.com")
    return url


API_PATH = "^[^/]*//[^/]+/(.*/)?v1(/(batch|track|identify|page|screen|group|alias|import))?/*$"
"""A URL that ends in a path of the Tracking API, as Python's ``re`` and RE2 understand it alike."""


def _segment_url(url: str) -> str:
    if re.search(API_PATH, url):
        raise ValueError("must not end in a path of the API: leave /v1/batch out, it is appended")
    return url


_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SECRET_NAME = Form(
    rf"^{_LABEL}(\.{_LABEL})*$",
    "must be the name of a Secret: lower-case letters, digits, - and ., as in segment-key",
)
SECRET_KEY = Form(
    r"^\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$",
    "must be a key of a Secret: letters, digits, -, _ and ., as in writeKey",
)
SecretName = Annotated[
    str, Field(min_length=1, max_length=253), AfterValidator(SECRET_NAME.checked)
]
"""The name of a Secret in the integration's namespace: a DNS subdomain."""
SecretKey = Annotated[str, Field(min_length=1, max_length=253), AfterValidator(SECRET_KEY.checked)]
"""A key of a Secret's data, as the API server allows them: not ``..`` and what begins with it."""
Origin = Annotated[BaseUrl, AfterValidator(_origin)]
"""Scheme, host and port."""
SegmentUrl = Annotated[BaseUrl, AfterValidator(_segment_url)]
"""What the paths of the Tracking API are appended to."""


class CredentialsRef(Model):
    """Names the Secret with a staff user's ``email`` and ``password``."""

    name: SecretName
    """Name of the Secret, which lies in the integration's namespace and has the keys email and
    password."""


class TokenRef(Model):
    """Names the Secret with an app's token."""

    name: SecretName
    """Name of the Secret, which lies in the integration's namespace."""
    key: SecretKey = "token"
    """Key of the Secret that holds the token."""


class WriteKeyRef(Model):
    """Names the Secret with a Segment source's write key."""

    name: SecretName
    """Name of the Secret, which lies in the integration's namespace."""
    key: SecretKey = "writeKey"
    """Key of the Secret that holds the write key."""


class ManagedApp(Model):
    """An app that the operator creates, and deletes by ``deletionPolicy``."""

    credentials_secret_ref: CredentialsRef
    """The Secret with email and password of a staff user of the shop, who is used to create, adopt
    and delete the app. The user needs the permission MANAGE_APPS and those that the events need,
    which the app is given: MANAGE_ORDERS for those of orders."""


class ExistingApp(Model):
    """An app that exists: the operator manages its own webhooks on it and nothing else."""

    token_secret_ref: TokenRef
    """The Secret with the token of an active app. It needs the permissions that the events need:
    MANAGE_ORDERS for those of orders."""


class AppSpec(Model):
    """The app that stands for the integration in Saleor: exactly one of these."""

    managed: ManagedApp | None = None
    """Let the operator create the app, with a staff user's login, and keep it as it should be.
    deletionPolicy says what becomes of it."""
    existing: ExistingApp | None = None
    """Use an app that exists, with its token. The operator manages its own webhooks on it and
    nothing else: no staff user is needed, and the app is never deleted."""

    @model_validator(mode="after")
    def _exactly_one(self) -> "AppSpec":
        if (self.managed is None) == (self.existing is None):
            raise ValueError("must have exactly one of managed and existing")
        return self


class SaleorSpec(Model):
    """The shop."""

    api_url: GraphqlUrl
    """Address of Saleor's GraphQL API as the operator calls it. It ends in /graphql/, as in
    https://shop.example.com/graphql/, and is immutable."""
    public_url: Origin | None = None
    """Origin by which the shop calls itself, as in https://shop.example.com. Needed only where it
    is not the origin of apiUrl, as with an address inside the cluster. Immutable."""
    app: AppSpec
    """The app that stands for the integration in Saleor: exactly one of managed and existing. The
    choice is immutable."""


class Region(StrEnum):
    """Where a Segment workspace lives."""

    US = "US"
    EU = "EU"


class SegmentSpec(Model):
    """The Segment source."""

    write_key_secret_ref: WriteKeyRef
    """The Secret with the source's write key. To rotate the key, change the Secret: the new value
    is in use within seconds, and nothing is lost."""
    region: Region | None = None
    """Where the Segment workspace lives: US or EU. US if neither region nor endpoint is given."""
    endpoint: SegmentUrl | None = None
    """Base address of a Tracking API of your own, such as a proxy, instead of a region's; /v1/batch
    is appended."""

    @model_validator(mode="after")
    def _at_most_one(self) -> "SegmentSpec":
        if self.region is not None and self.endpoint is not None:
            raise ValueError("must have region or endpoint, not both")
        return self

    @property
    def base_url(self) -> str:
        """The base of the Tracking API, given or of the region."""
        return self.endpoint or (EU_ENDPOINT if self.region is Region.EU else US_ENDPOINT)


class DeletionPolicy(StrEnum):
    """What becomes of a managed app when its integration is deleted."""

    DELETE = "Delete"
    """The app is deleted from Saleor."""
    ORPHAN = "Orphan"
    """The app stays in Saleor, its webhooks disabled."""


class Spec(Model):
    """What you ask for: a shop, a Segment source, and what is sent to it."""

    saleor: SaleorSpec
    """The Saleor shop whose orders are tracked."""
    segment: SegmentSpec
    """The Segment source that the orders go to."""
    events: Annotated[tuple[Event, ...], Field(json_schema_extra={"minItems": 1})] = (
        Event.ORDER_CREATED,
        Event.ORDER_UPDATED,
        Event.ORDER_CANCELLED,
        Event.ORDER_FULLY_PAID,
        Event.ORDER_REFUNDED,
    )
    """The events that are tracked, each once, and each with a webhook of its own in Saleor. By
    default ORDER_CREATED, ORDER_UPDATED, ORDER_CANCELLED, ORDER_FULLY_PAID and ORDER_REFUNDED. Of
    orders there are also ORDER_CONFIRMED, ORDER_PAID, ORDER_FULFILLED, ORDER_EXPIRED,
    FULFILLMENT_CREATED and FULFILLMENT_CANCELED. CHECKOUT_CREATED, CHECKOUT_UPDATED and
    CHECKOUT_FULLY_PAID need the permission MANAGE_CHECKOUTS, CUSTOMER_CREATED and CUSTOMER_UPDATED
    need MANAGE_USERS, all others MANAGE_ORDERS."""
    tracking: Tracking = Tracking()
    """How orders become Segment messages. Every default is the documented behaviour; a change takes
    effect on events that come after it."""
    suspend: Annotated[bool, Field(strict=True)] = False
    """Stop sending to Segment and change nothing in Saleor, while events are still accepted and
    kept. They are sent once it is false again."""
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """What becomes of a managed app when the integration is deleted. Delete removes it from Saleor;
    Orphan leaves it there with its webhooks disabled. An existing app is never deleted, only the
    operator's webhooks on it."""

    @field_validator("events")
    @classmethod
    def _some_and_unique(cls, events: tuple[Event, ...]) -> tuple[Event, ...]:
        if not events:
            raise ValueError("must name at least one event; leave it out for the default")
        if len(set(events)) < len(events):
            raise ValueError("must name each event once")
        return events

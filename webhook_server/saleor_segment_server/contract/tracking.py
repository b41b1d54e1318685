"""How deliveries become Segment messages: the options of ``spec.tracking``.

What may not be sent is not asked for either: privacy and the metadata keys shape the subscriptions
in ``events``.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from saleor_segment_server.contract.events import Event, Subject
from saleor_segment_server.contract.model import Model
from saleor_segment_server.contract.texts import (
    PRODUCT_URL,
    Category,
    ChannelSlug,
    EventName,
    MetadataKey,
    Slug,
)

ORDER_COMPLETED: Final = "Order Completed"
"""What Segment's spec calls the one message that counts an order."""


class Naming(StrEnum):
    """Whose names messages have."""

    SALEOR = "Saleor"
    """Those of Saleor's own Segment app, as in Saleor Order Created."""
    SPEC = "Spec"
    """Those of Segment's e-commerce spec, which the presets of destinations match."""


class CompletedOn(StrEnum):
    """Which event makes an order a completed one."""

    CREATED = "Created"
    CONFIRMED = "Confirmed"
    FULLY_PAID = "FullyPaid"


COMPLETING: Mapping[CompletedOn, Event] = MappingProxyType(
    {
        CompletedOn.CREATED: Event.ORDER_CREATED,
        CompletedOn.CONFIRMED: Event.ORDER_CONFIRMED,
        CompletedOn.FULLY_PAID: Event.ORDER_FULLY_PAID,
    }
)
"""The event that each chooses."""


class Updates(StrEnum):
    """Which updates of an order are sent."""

    ALL = "All"
    CHANGED = "Changed"
    """Those in which something that is sent has changed."""


class UserIdSource(StrEnum):
    """What the ``userId`` of a customer with an account is."""

    SALEOR_ID = "SaleorId"
    NAMESPACED = "Namespaced"
    """The shop's host before Saleor's id, since ids repeat between shops."""
    EMAIL = "Email"


class GuestId(StrEnum):
    """What identifies a customer without an account."""

    EMAIL = "Email"
    ANONYMOUS = "Anonymous"


class EmailPrivacy(StrEnum):
    """What is sent of an email address."""

    PLAIN = "Plain"
    HASHED = "Hashed"
    """A keyed hash of it as ``userId``, and the address nowhere."""
    OMIT = "Omit"


class Disclosure(StrEnum):
    """Whether something personal is sent."""

    OMIT = "Omit"
    PLAIN = "Plain"


class UnknownConsent(StrEnum):
    """What is done with the events of somebody whose consent is not recorded."""

    SEND = "Send"
    """Sent without a consent object: Segment treats them as if there were no consent management."""
    DENY = "Deny"
    """Sent with every category denied."""
    DROP = "Drop"
    """Not sent."""


class Privacy(Model):
    """What of a customer may be sent; what may not is not asked of Saleor either."""

    email: EmailPrivacy = EmailPrivacy.PLAIN
    """Email addresses: Plain; Hashed, a keyed hash as userId and the address nowhere, though Saleor
    is asked for it and it is stored until the event is sent; or Omit."""
    name: Disclosure = Disclosure.OMIT
    """First and last name of a customer: Omit or Plain."""
    phone: Disclosure = Disclosure.OMIT
    """Phone number of a customer: Omit or Plain."""
    address: Disclosure = Disclosure.OMIT
    """Address of a customer: Omit or Plain."""

    @property
    def tells_nothing(self) -> bool:
        """Whether no trait is left that could be sent."""
        others = (self.name, self.phone, self.address)
        return self.email is not EmailPrivacy.PLAIN and Disclosure.PLAIN not in others


def _some_categories(given: object) -> object:
    if given == {}:
        raise ValueError("must have at least one category, as in Advertising: ads")
    return given


class Consent(Model):
    """Where the storefront records consent, and what its categories are called in Segment."""

    metadata_key: MetadataKey
    """Key of the order's metadata with the categories agreed to: a JSON list, a JSON object of
    true and false, or names separated by commas."""
    categories: Annotated[
        Mapping[Category, Category],
        Field(min_length=1, max_length=64),
        BeforeValidator(_some_categories),
    ]
    """Categories in Segment, each with the name under which the storefront records it, as in
    Advertising: ads."""
    unknown: UnknownConsent = UnknownConsent.SEND
    """Where nothing is recorded: Send without consent, Deny all categories, or Drop the event."""


def _product_url(text: str) -> str:
    if "{slug}" not in text and "{id}" not in text:
        raise ValueError("must hold {slug} or {id}, which tell one product from another")
    return text


class ProductOptions(Model):
    """What is said of products besides what every line holds."""

    url: (
        Annotated[
            str,
            Field(max_length=2048),
            AfterValidator(PRODUCT_URL.checked),
            AfterValidator(_product_url),
        ]
        | None
    ) = None
    """Address of a product's page, as in https://shop.example.com/{channel}/{slug}."""
    brand_attribute: Slug | None = None
    """Slug of the product attribute that holds the brand."""


class Tracking(Model):
    """Options of the mapping; every default is the documented behaviour."""

    naming: Naming = Naming.SALEOR
    """Names of the messages: Saleor, as its own Segment app has them, or Spec, Segment's
    e-commerce events, which destinations understand."""
    completed_on: CompletedOn = CompletedOn.CREATED
    """With naming Spec, which event is sent as Order Completed: Created, Confirmed or FullyPaid.
    Confirmed and FullyPaid subscribe to their event by themselves; Created is sent where
    ORDER_CREATED is in events."""
    names: Annotated[Mapping[Event, EventName], Field(max_length=len(Event))] = {}
    """Names of your own, by Saleor's event, as in ORDER_FULLY_PAID: Paid; they win over naming.
    Customers' events have none, and Order Completed is chosen with completedOn."""
    updates: Updates = Updates.ALL
    """Which ORDER_UPDATED are sent: All, or those in which something sent has Changed."""
    privacy: Privacy = Privacy()
    """What of a customer may be sent. What may not is not asked of Saleor either."""
    identify: Annotated[bool, Field(strict=True)] = False
    """Send an identify before a customer's message when their traits changed."""
    user_id: UserIdSource = UserIdSource.SALEOR_ID
    """The userId of customers with an account: SaleorId, Namespaced (host of the shop, a colon, the
    id) or Email."""
    guest: GuestId = GuestId.EMAIL
    """Customers without an account: their Email as userId, as far as privacy.email lets it be, or
    Anonymous."""
    anonymous_id_key: MetadataKey = "segment_anonymous_id"
    """Key of the order's metadata under which the storefront left Segment's anonymous id."""
    channels: Annotated[tuple[ChannelSlug, ...], Field(max_length=100)] = ()
    """Slugs of the channels whose orders are sent, each once; empty for all."""
    consent: Consent | None = None
    """Where the customer's consent is recorded, for context.consent of every message. Left out,
    none is sent."""
    products: ProductOptions = ProductOptions()
    """What is said of products besides what every order line holds."""

    @field_validator("channels")
    @classmethod
    def _once(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(channels)) < len(channels):
            raise ValueError("must name each channel once")
        return channels

    @field_validator("completed_on")
    @classmethod
    def _named(cls, completed_on: CompletedOn, info: ValidationInfo) -> CompletedOn:
        if completed_on is not CompletedOn.CREATED and info.data.get("naming") is Naming.SALEOR:
            raise ValueError(
                "must have naming: Spec beside it, whose Order Completed it chooses; "
                "or leave it out"
            )
        return completed_on

    @field_validator("names")
    @classmethod
    def _nameable(cls, names: Mapping[Event, str], info: ValidationInfo) -> Mapping[Event, str]:
        if any(event.subject is Subject.CUSTOMER for event in names):
            raise ValueError(
                "must not name CUSTOMER_CREATED and CUSTOMER_UPDATED: they are sent as identify, "
                "which has no name"
            )
        chosen = info.data.get("completed_on") if info.data.get("naming") is Naming.SPEC else None
        completing = COMPLETING[chosen] if chosen is not None else None
        if any(name == ORDER_COMPLETED and event != completing for event, name in names.items()):
            raise ValueError(
                "must not have Order Completed, which is sent once for each order: choose it with "
                "completedOn and naming: Spec"
            )
        return names

    @field_validator("identify")
    @classmethod
    def _telling(cls, identify: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's
        privacy = info.data.get("privacy")
        if identify and privacy is not None and privacy.tells_nothing:
            raise ValueError(
                "must have a trait to tell: let email, name, phone or address of privacy be Plain"
            )
        return identify

    @field_validator("user_id")
    @classmethod
    def _sendable(cls, user_id: UserIdSource, info: ValidationInfo) -> UserIdSource:
        privacy = info.data.get("privacy")
        hidden = privacy is not None and privacy.email is EmailPrivacy.OMIT
        if user_id is UserIdSource.EMAIL and hidden:
            raise ValueError(
                "must not be Email while privacy.email is Omit: let that be Plain or Hashed, or "
                "choose SaleorId"
            )
        return user_id

    @field_validator("consent")
    @classmethod
    def _apart(cls, consent: Consent | None, info: ValidationInfo) -> Consent | None:
        if consent is not None and consent.metadata_key == info.data.get("anonymous_id_key"):
            raise ValueError(
                "must have another metadataKey than anonymousIdKey: one record of consent would be "
                "everybody's id"
            )
        return consent

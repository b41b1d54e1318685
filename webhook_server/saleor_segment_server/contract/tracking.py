"""How deliveries become Segment messages: the options of ``spec.tracking``.

What may not be sent is not asked for either: privacy and the metadata keys shape the subscriptions
in ``events``.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from saleor_segment_server.contract.events import Event
from saleor_segment_server.contract.model import Model

MetadataKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]+$", min_length=1, max_length=128)]
"""A key of Saleor's metadata; the pattern keeps it a plain GraphQL string."""
Slug = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]+$", min_length=1, max_length=255)]
"""A slug, as Saleor makes them of names."""
EventName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^\S(.*\S)?$")]
"""What a message is called in Segment."""
Category = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^\S+$")]
"""A key of a consent category, in Segment or in the shop."""


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
    """Email addresses: Plain, Hashed (a keyed hash as userId; Saleor is asked for the address, and
    it is stored until the event is sent) or Omit."""
    name: Disclosure = Disclosure.OMIT
    """First and last name: Omit or Plain."""
    phone: Disclosure = Disclosure.OMIT
    """Phone number: Omit or Plain."""
    address: Disclosure = Disclosure.OMIT
    """Address: Omit or Plain."""


class Consent(Model):
    """Where the storefront records consent, and what its categories are called in Segment."""

    metadata_key: MetadataKey
    """Key of the order's metadata with the categories agreed to: a JSON list, a JSON object of
    true and false, or names separated by commas."""
    categories: Annotated[Mapping[Category, Category], Field(min_length=1, max_length=64)]
    """Category in Segment to the name under which the storefront records it."""
    unknown: UnknownConsent = UnknownConsent.SEND
    """Where nothing is recorded: Send without consent, Deny all categories, or Drop the event."""


def _template(text: str) -> str:
    allowed = {"channel", "slug", "id"}
    rest = text
    for name in allowed:
        rest = rest.replace("{" + name + "}", "x")
    if "{" in rest or "}" in rest:
        raise ValueError("may hold {channel}, {slug} and {id}, and no other braces")
    if urlsplit(rest).scheme not in {"http", "https"} or not urlsplit(rest).hostname:
        raise ValueError("must be an absolute http or https URL with {slug} or {id} in it")
    return text


class ProductOptions(Model):
    """What is said of products besides what every line holds."""

    url: Annotated[str, AfterValidator(_template), Field(max_length=2048)] | None = None
    """Address of a product's page, as in https://shop.example.com/{channel}/{slug}."""
    brand_attribute: Slug | None = None
    """Slug of the product attribute that holds the brand."""


class Tracking(Model):
    """Options of the mapping; every default is the documented behaviour."""

    naming: Naming = Naming.SALEOR
    """Names of the messages: Saleor, as its own Segment app has them, or Spec, Segment's
    e-commerce events, which destinations understand."""
    names: Annotated[Mapping[Event, EventName], Field(max_length=len(Event))] = {}
    """Names of your own, by Saleor's event; they win over naming."""
    completed_on: CompletedOn = CompletedOn.CREATED
    """With naming Spec, which event is sent as Order Completed: Created, Confirmed or FullyPaid."""
    updates: Updates = Updates.ALL
    """Which ORDER_UPDATED are sent: All, or those in which something sent has Changed."""
    identify: bool = False
    """Send an identify before a customer's message when their traits changed."""
    user_id: UserIdSource = UserIdSource.SALEOR_ID
    """userId of customers with an account: SaleorId, Namespaced (host of the shop, a colon, the id)
    or Email."""
    guest: GuestId = GuestId.EMAIL
    """Customers without an account: their Email as userId, or Anonymous."""
    anonymous_id_key: MetadataKey = "segment_anonymous_id"
    """Key of the order's metadata under which the storefront left Segment's anonymous id."""
    channels: Annotated[tuple[Slug, ...], Field(max_length=100)] = ()
    """Slugs of the channels whose orders are sent; empty for all."""
    privacy: Privacy = Privacy()
    """What of a customer may be sent."""
    consent: Consent | None = None
    """Where the customer's consent is recorded, for context.consent."""
    products: ProductOptions = ProductOptions()
    """What is said of products besides."""

    @model_validator(mode="after")
    def _consistent(self) -> "Tracking":
        if self.completed_on is not CompletedOn.CREATED and self.naming is not Naming.SPEC:
            raise ValueError("completedOn needs naming: Spec, whose Order Completed it chooses")
        if self.user_id is UserIdSource.EMAIL and self.privacy.email is EmailPrivacy.OMIT:
            raise ValueError(
                "userId: Email needs privacy.email to be Plain or Hashed"
            )
        if self.identify and self.privacy.email is EmailPrivacy.OMIT and self._nothing_to_tell:
            raise ValueError("identify has no trait to tell: allow email, name, phone or address")
        return self

    @property
    def _nothing_to_tell(self) -> bool:
        told = (self.privacy.name, self.privacy.phone, self.privacy.address)
        return all(each is Disclosure.OMIT for each in told)

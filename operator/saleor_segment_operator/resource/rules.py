"""What the API server checks beyond the types: rules in CEL whose messages say what to do.

They say what the validators of the models say, so that a spec is refused when it is applied, and
not by a condition later; the cluster tests hold them together. Three things shape them:

- They stand at the object and point to its field. The API server prints a value that it refuses,
  and a URL with a password in it, or a token given for a Secret's name, is nothing to print.
- Their patterns look at a value as a whole. The API server takes no rule that searches the parts of
  ``url(self)``, whose length it cannot bound.
- They call what Kubernetes 1.29 knows: an older API server refuses a definition with any other
  function as a whole.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from saleor_segment_operator.resource.spec import API_PATH, SECRET_KEY, SECRET_NAME
from saleor_segment_server.contract import Event, Subject
from saleor_segment_server.contract.pipeline import ABSOLUTE_URL
from saleor_segment_server.contract.texts import (
    CATEGORY,
    CHANNEL,
    EVENT_NAME,
    METADATA_KEY,
    PRODUCT_URL,
    SLUG,
    Form,
)
from saleor_segment_server.contract.tracking import COMPLETING, ORDER_COMPLETED


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of ``x-kubernetes-validations``."""

    rule: str
    """The CEL expression; one that speaks of ``oldSelf`` is checked at changes only."""
    message: str
    """What is wanted; the API server puts the field's path before it."""
    field: str = ""
    """The field that is at fault; empty for the object itself."""

    def document(self) -> dict[str, str]:
        """Return the entry."""
        entry = {"rule": self.rule, "message": self.message}
        return {**entry, "fieldPath": f".{self.field}"} if self.field else entry

    def at(self, field: str, *, required: bool) -> "Rule":
        """Return this rule about a value as one about an object's field, where it is there."""
        rule = self.rule.replace("self", f"self.{field}")
        absent = "" if required else f"!has(self.{field}) || "
        return Rule(f"{absent}{rule}", self.message, field)


def _field(name: str, *rules: Rule, required: bool = True) -> tuple[Rule, ...]:
    return tuple(rule.at(name, required=required) for rule in rules)


def _among(events: Iterable[Event]) -> str:
    return "event in [{}]".format(", ".join(f"'{event}'" for event in events))


def _matching(pattern: str) -> str:
    return "matches('{}')".format(pattern.replace("\\", r"\\"))


def _matches(pattern: str) -> str:
    return f"self.{_matching(pattern)}"


def _formed(form: Form) -> Rule:
    return Rule(_matches(form.pattern), form.wanted)


def _absolute(example: str) -> Rule:
    message = f"must be an absolute http or https URL, as in {example}"
    return Rule(f"isURL(self) && {_matches(ABSOLUTE_URL)}", message)


_PLAIN = Rule(
    "!(self.matches('^[^/?#]*//[^/?#]*@') || self.contains('?') || self.contains('#'))",
    "must not hold credentials, a query or a fragment: leave them out",
)
_GRAPHQL = Rule(
    f"(!isURL(self) || {_matches('^[^/]*//[^/?#]+/([^?#]*/)?graphql/([?#].*)?$')})",
    "must end in /graphql/, with the slash: it is Saleor's API address",
)
_ORIGIN = Rule(
    f"(!isURL(self) || {_matches('^[^/]*//[^/?#]+/*([?#].*)?$')})",
    "must be an origin without a path, as in https://shop.example.com",
)
_BASE = Rule(
    f"!{_matches(API_PATH)}",
    "must not end in a path of the API: leave /v1/batch out, it is appended",
)
_SECRET_NAME = _formed(SECRET_NAME)
_SECRET_KEY = _formed(SECRET_KEY)
_METADATA_KEY = _formed(METADATA_KEY)
_EVENT_NAMED = Rule(
    f"self.all(event, {_among(Event)})",
    "must have events of Saleor as its keys, as in ORDER_FULLY_PAID: Paid",
)
_NAMELESS = Rule(
    f"self.all(event, !({_among(e for e in Event if e.subject is Subject.CUSTOMER)}))",
    "must not name CUSTOMER_CREATED and CUSTOMER_UPDATED: they are sent as identify, which has no "
    "name",
)
_EVENT_NAMES = Rule(
    f"self.all(event, self[event].{_matching(EVENT_NAME.pattern)})", EVENT_NAME.wanted
)
_CATEGORIES = Rule(
    f"self.all(name, name.{_matching(CATEGORY.pattern)} && size(name) <= 128"
    f" && self[name].{_matching(CATEGORY.pattern)})",
    CATEGORY.wanted,
)
_SLUG = _formed(SLUG)
_SLUGS = Rule(f"self.all(slug, slug.{_matching(CHANNEL.pattern)})", CHANNEL.wanted)
_PRODUCT_URL = _formed(PRODUCT_URL)
_PRODUCT = Rule(
    "(self.contains('{slug}') || self.contains('{id}'))",
    "must hold {slug} or {id}, which tell one product from another",
)
_COMPLETES = " || ".join(
    f"(self.completedOn == '{chosen}' && event == '{event}')"
    for chosen, event in COMPLETING.items()
)
_AS_NAMED = "is immutable: delete this integration and create it anew with the right {}"

RULES: Mapping[str, tuple[Rule, ...]] = {
    "spec.saleor": (
        *_field("apiUrl", _absolute("https://shop.example.com/graphql/"), _PLAIN, _GRAPHQL),
        Rule("self.apiUrl == oldSelf.apiUrl", _AS_NAMED.format("apiUrl"), "apiUrl"),
        *_field(
            "publicUrl", _absolute("https://shop.example.com"), _PLAIN, _ORIGIN, required=False
        ),
        Rule(
            "has(self.publicUrl) == has(oldSelf.publicUrl)"
            " && (!has(self.publicUrl) || self.publicUrl == oldSelf.publicUrl)",
            _AS_NAMED.format("publicUrl"),
            "publicUrl",
        ),
    ),
    "spec.saleor.app": (
        Rule(
            "has(self.managed) != has(self.existing)",
            "must have exactly one of managed and existing",
        ),
        Rule(
            "has(self.managed) == has(oldSelf.managed)",
            "must stay managed or existing, as it was: delete this integration and create it anew",
        ),
    ),
    "spec.saleor.app.managed.credentialsSecretRef": _field("name", _SECRET_NAME),
    "spec.saleor.app.existing.tokenSecretRef": (
        *_field("name", _SECRET_NAME),
        *_field("key", _SECRET_KEY, required=False),
    ),
    "spec.segment": (
        Rule(
            "!(has(self.region) && has(self.endpoint))",
            "must have region or endpoint, not both: leave one out",
        ),
        *_field(
            "endpoint", _absolute("https://segment.example.com"), _PLAIN, _BASE, required=False
        ),
    ),
    "spec.segment.writeKeySecretRef": (
        *_field("name", _SECRET_NAME),
        *_field("key", _SECRET_KEY, required=False),
    ),
    "spec.tracking": (
        *_field("anonymousIdKey", _METADATA_KEY, required=False),
        *_field("names", _EVENT_NAMED, _NAMELESS, _EVENT_NAMES, required=False),
        *_field("channels", _SLUGS, required=False),
        Rule(
            "!has(self.completedOn) || self.completedOn == 'Created' || self.naming == 'Spec'",
            "must have naming: Spec beside it, whose Order Completed it chooses; or leave it out",
            "completedOn",
        ),
        Rule(
            f"!has(self.names) || self.names.all(event, self.names[event] != '{ORDER_COMPLETED}'"
            f" || (self.naming == 'Spec' && ({_COMPLETES})))",
            "must not have Order Completed, which is sent once for each order: choose it with "
            "completedOn and naming: Spec",
            "names",
        ),
        Rule(
            "!has(self.identify) || !self.identify || self.privacy.email == 'Plain'"
            " || self.privacy.name == 'Plain' || self.privacy.phone == 'Plain'"
            " || self.privacy.address == 'Plain'",
            "must have a trait to tell: let email, name, phone or address of privacy be Plain",
            "identify",
        ),
        Rule(
            "!has(self.userId) || self.userId != 'Email' || self.privacy.email != 'Omit'",
            "must not be Email while privacy.email is Omit: let that be Plain or Hashed, or "
            "choose SaleorId",
            "userId",
        ),
        Rule(
            "!has(self.consent) || self.consent.metadataKey != self.anonymousIdKey",
            "must have another metadataKey than anonymousIdKey: one record of consent would be "
            "everybody's id",
            "consent",
        ),
    ),
    "spec.tracking.consent": (
        *_field("metadataKey", _METADATA_KEY),
        *_field("categories", _CATEGORIES),
    ),
    "spec.tracking.products": (
        *_field("url", _PRODUCT_URL, _PRODUCT, required=False),
        *_field("brandAttribute", _SLUG, required=False),
    ),
}
"""The rules by the path of the object they are about."""

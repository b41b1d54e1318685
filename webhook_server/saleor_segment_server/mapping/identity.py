"""Whom a message is about.

The shop's account if there is one, else the email typed at the checkout, else an anonymous id
that is derived from the order and therefore the same in each of its messages. What the storefront
left in the order's metadata is sent along, so that the visitor's web session meets the order.

``privacy.email: Hashed`` puts in the place of an email the lower-case hex of HMAC-SHA256 over the
address in UTF-8, trimmed and in lower case; the key is the installation's salt, as 16 bytes.

A checkout does not tell an app with MANAGE_CHECKOUTS alone whether it is an account's. Its email
is an id only where it is that of accounts and of guests alike: else a customer would be two people.
"""

import hmac
import uuid
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.contract.tracking import EmailPrivacy, GuestId, UserIdSource
from saleor_segment_server.mapping.consent import consented
from saleor_segment_server.mapping.fields import Fields, child, text
from saleor_segment_server.mapping.traits import Traits, traits

# Bound once: in Python 3.11 a look at a member costs as much as a call.
_SALEOR_ID, _PLAIN = UserIdSource.SALEOR_ID, EmailPrivacy.PLAIN
_LONGEST_ID = 255  # visitors can write checkout metadata: what is longer was not made by Segment


class Person(NamedTuple):
    """The ids of a person, and what may be told of them; at least one id is set."""

    user_id: str | None
    anonymous_id: str | None
    email: str | None
    """The account's, else the one typed for this order; ``None`` too where privacy forbids it."""
    order_email: str | None
    """The one typed for this order, where it is not the account's."""
    traits: Traits
    """What is told of them beyond this order.

    Its email is an account's, or that of a guest. Staff type customers' addresses into orders of
    their own account: as a trait such an address would merge strangers.
    """
    consent: Mapping[str, bool] | None
    """What they agreed to by Segment's category; ``None``: nothing is said of consent."""
    withheld: bool
    """Whether nothing may be sent of them: consent is unknown, or they are staff."""


def identify(order: Fields, pipeline: Pipeline) -> Person:
    """Tell whom an order belongs to, by the delivery alone: accounts come and go."""
    return _buyer(order, "userEmail", pipeline, knows_accounts=True)


def identify_checkout(checkout: Fields, pipeline: Pipeline) -> Person:
    """Tell whom a checkout belongs to."""
    return _buyer(checkout, "email", pipeline, knows_accounts="user" in checkout)


def identify_customer(user: Fields, pipeline: Pipeline) -> Person:
    """Tell who a customer with an account is.

    Staff are no customers, though Saleor calls them so when they change their own account.
    """
    email = _email(user, "email")
    told = email if pipeline.tracking.privacy.email is _PLAIN else None
    person_traits = traits(told, user, {}, pipeline.tracking, joined=True)
    preferences, withheld = consented(user, pipeline.tracking.consent)
    user_id = _account_id(user, email, pipeline)
    withheld = withheld or user.get("isStaff") is True
    return Person(user_id, None, told, None, person_traits, preferences, withheld)


def _buyer(subject: Fields, email_key: str, pipeline: Pipeline, *, knows_accounts: bool) -> Person:
    tracking = pipeline.tracking
    user = child(subject, "user")
    account, typed = _email(user, "email"), _email(subject, email_key)
    user_id = _account_id(user, account, pipeline)
    if user_id is None and (knows_accounts or tracking.user_id is UserIdSource.EMAIL):
        user_id = _guest_id(account or typed, pipeline)
    anonymous_id = _storefront_id(subject, pipeline)
    if user_id is None and anonymous_id is None:
        anonymous_id = str(uuid.uuid5(uuid.UUID(pipeline.salt), subject["id"]))
    if tracking.privacy.email is not _PLAIN:
        account = typed = None
    own_email = account if user else typed
    billing = child(subject, "billingAddress")
    told = traits(own_email, user, billing, tracking, joined=tracking.identify)
    preferences, withheld = consented(subject, tracking.consent)
    another = account and typed and typed != account and typed.lower() != account.lower()
    return Person(
        user_id,
        anonymous_id,
        account or typed,
        typed if another else None,
        told,
        preferences,
        withheld,
    )


def _account_id(user: Fields, email: str | None, pipeline: Pipeline) -> str | None:
    """Return the id of an account; one without an email goes by Saleor's id in any case."""
    saleor_id = text(user, "id")
    source = pipeline.tracking.user_id
    if saleor_id is None or source is _SALEOR_ID:
        return saleor_id
    if source is UserIdSource.NAMESPACED:
        return f"{urlsplit(pipeline.saleor.shop_url).hostname}:{saleor_id}"
    return _email_id(email, pipeline) or saleor_id


def _guest_id(email: str | None, pipeline: Pipeline) -> str | None:
    return _email_id(email, pipeline) if pipeline.tracking.guest is GuestId.EMAIL else None


def _email_id(email: str | None, pipeline: Pipeline) -> str | None:
    privacy = pipeline.tracking.privacy.email
    if email is None or privacy is EmailPrivacy.OMIT:
        return None
    address = email.lower()
    if privacy is _PLAIN:
        return address
    return hmac.digest(bytes.fromhex(pipeline.salt), address.encode(), "sha256").hex()


def _email(parent: Fields, key: str) -> str | None:
    """Return an email as typed; one that Saleor obfuscated (``a...@example.com``) is absent."""
    typed = text(parent, key)
    if typed is None or "...@" in typed:
        return None
    return typed.strip() or None


def _storefront_id(subject: Fields, pipeline: Pipeline) -> str | None:
    """Return the anonymous id the storefront left; an address in its place is one all the same."""
    tracking = pipeline.tracking
    left = child(subject, "metafields")
    if not left:
        return None
    anonymous_id = (text(left, tracking.anonymous_id_key) or "").strip()
    if "@" in anonymous_id and tracking.privacy.email is not _PLAIN:
        return None
    return anonymous_id if 0 < len(anonymous_id) <= _LONGEST_ID else None

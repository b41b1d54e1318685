"""Whom a message is about.

The shop's account if there is one, else the email typed at the checkout, else an anonymous id
that is derived from the order and therefore the same in each of its messages. What the storefront
left in the order's metadata is sent along, so that the visitor's web session meets the order.
"""

import uuid
from typing import NamedTuple

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.mapping.fields import Fields, child, text

_LONGEST_ID = 255  # visitors can write checkout metadata: what is longer was not made by Segment


class Person(NamedTuple):
    """The ids of a person and the emails known of them; at least one id is set."""

    user_id: str | None
    anonymous_id: str | None
    email: str | None
    """The account's, else the one typed for this order."""
    order_email: str | None
    """The one typed for this order, where it is not the account's."""
    own_email: str | None
    """The one that is theirs beyond this order.

    An account's; or a guest's, whose id it is. Staff type customers' addresses into orders of
    their own account: as a trait such an address would merge strangers.
    """


def identify(order: Fields, pipeline: Pipeline) -> Person:
    """Tell whom an order belongs to, by the delivery alone: accounts come and go."""
    user = child(order, "user")
    account, typed = _email(user, "email"), _email(order, "userEmail")
    email = account or typed
    user_id = text(user, "id") or (email.lower() if email else None)
    anonymous_id = _storefront_id(order, pipeline)
    if user_id is None and anonymous_id is None:
        anonymous_id = str(uuid.uuid5(uuid.UUID(pipeline.salt), order["id"]))
    return Person(
        user_id,
        anonymous_id,
        email,
        typed if account and typed and typed.lower() != account.lower() else None,
        account if user else typed,
    )


def _email(parent: Fields, key: str) -> str | None:
    """Return an email as typed; one that Saleor obfuscated (``a...@example.com``) is absent."""
    email = (text(parent, key) or "").strip()
    return email if email and "...@" not in email else None


def _storefront_id(order: Fields, pipeline: Pipeline) -> str | None:
    anonymous_id = text(child(order, "metafields"), pipeline.tracking.anonymous_id_key)
    anonymous_id = (anonymous_id or "").strip()
    return anonymous_id if 0 < len(anonymous_id) <= _LONGEST_ID else None

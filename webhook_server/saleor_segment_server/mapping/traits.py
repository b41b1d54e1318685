"""What is told of a customer: Segment's reserved traits, as far as privacy lets them be told.

An account is described by what it holds itself, its names and its default billing address, never
by the address typed for one order: staff type customers' addresses into orders of their own
account. So an account has the same traits in an order as in an event of the customer. A guest has
nothing but the order's billing address.
"""

import hashlib
from typing import Any

import orjson

from saleor_segment_server.contract.tracking import Disclosure, Tracking
from saleor_segment_server.mapping.fields import Fields, child, present, text, timestamp

Traits = dict[str, Any]
"""The ``traits`` of a person, without a null: Segment reads that as the wish to erase."""

# Bound once: in Python 3.11 a look at a member costs as much as a call.
_PLAIN = Disclosure.PLAIN
_LONGEST = 256  # Saleor's own limit of each; it keeps an identify far below Segment's


def traits(
    email: str | None, user: Fields, billing: Fields, tracking: Tracking, *, joined: bool
) -> Traits:
    """Return what may be told of a person.

    Args:
        email: What ``privacy.email`` leaves of their address.
        user: Saleor's ``User``; without fields for a guest.
        billing: A guest's billing address; an account's own is read from ``user``.
        tracking: The options.
        joined: Whether to tell when the account was made, beside anything else: alone it tells
            nothing of a person.
    """
    told: Traits = {} if email is None else {"email": email}
    privacy = tracking.privacy
    if privacy.name is _PLAIN:
        told |= _names(user or billing)
    if privacy.phone is _PLAIN or privacy.address is _PLAIN:
        address = child(user, "defaultBillingAddress") if user else billing
        if privacy.phone is _PLAIN:
            told |= present({"phone": _text(address, "phone")})
        if privacy.address is _PLAIN:
            told |= present({"address": _address(address) or None})
    if told and joined and (created := timestamp(user, "dateJoined")) is not None:
        told["createdAt"] = created
    return told


def digest(told: Traits) -> str:
    """Return the SHA-256, in hex, of the traits' canonical JSON: tells whether they changed."""
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _names(holder: Fields) -> Traits:
    first, last = _text(holder, "firstName"), _text(holder, "lastName")
    whole = " ".join(name for name in (first, last) if name)
    return present({"firstName": first, "lastName": last, "name": whole or None})


def _address(address: Fields) -> dict[str, str]:
    lines = (_text(address, "streetAddress1"), _text(address, "streetAddress2"))
    return present(
        {
            "street": ", ".join(line for line in lines if line) or None,
            "city": _text(address, "city"),
            "state": _text(address, "countryArea"),
            "postalCode": _text(address, "postalCode"),
            "country": _text(child(address, "country"), "code"),
        }
    )


def _text(parent: Fields, key: str) -> str | None:
    """Return a text; absent too is one that Saleor obfuscated (``A...``) or could not hold."""
    value = (text(parent, key) or "").strip()
    return value if 0 < len(value) <= _LONGEST and value[1:] != "..." else None

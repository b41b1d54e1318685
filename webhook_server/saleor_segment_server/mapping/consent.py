"""What a customer agreed to, as the storefront recorded it in metadata.

The value may be a JSON list of the names agreed to, a JSON object of names and booleans, or names
separated by commas, one of which is configured at least: text without any is as likely ``null`` or
``false`` as a record. Whatever is none of these records nothing: consent then is unknown, and never
taken for given.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import orjson

from saleor_segment_server.contract.tracking import Consent, UnknownConsent
from saleor_segment_server.mapping.fields import Fields, child


class Consented(NamedTuple):
    """What follows for a message from what is recorded."""

    preferences: Mapping[str, bool] | None = None
    """``context.consent.categoryPreferences``, each category of Segment; ``None``: not sent."""
    withheld: bool = False
    """Whether the message must not be sent."""


_NOT_ASKED = Consented()


def consented(subject: Fields, consent: Consent | None) -> Consented:
    """Return what an order's, a checkout's or a customer's metadata allows."""
    if consent is None:
        return _NOT_ASKED
    value = child(subject, "metafields").get(consent.metadata_key)
    agreed = _agreed(value, consent) if type(value) is str else None
    if agreed is not None:
        return Consented(_preferences(agreed, consent))
    if consent.unknown is UnknownConsent.DENY:
        return Consented(_preferences((), consent))
    return Consented(withheld=consent.unknown is UnknownConsent.DROP)


def _preferences(agreed: Collection[str], consent: Consent) -> dict[str, bool]:
    return {category: name in agreed for category, name in consent.categories.items()}


def _agreed(value: str, consent: Consent) -> Collection[str] | None:
    """Return the names agreed to; ``None``: the value is no record of consent."""
    value = value.strip()
    if not value.startswith(("[", "{", '"')):
        return _known(value.split(","), consent)
    try:
        recorded = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return _known([recorded], consent) if type(recorded) is str else _names(recorded)


def _known(parts: Collection[str], consent: Consent) -> Collection[str] | None:
    """Return what of text is a name that is configured."""
    return {part.strip() for part in parts}.intersection(consent.categories.values()) or None


def _names(recorded: Any) -> Collection[str] | None:
    if type(recorded) is list and all(type(name) is str for name in recorded):
        return {name.strip() for name in recorded}
    if type(recorded) is dict and all(type(agreed) is bool for agreed in recorded.values()):
        return {name.strip() for name, agreed in recorded.items() if agreed}
    return None

"""What the servers need so that they can take a shop's deliveries for genuine: pure.

Webhooks are not enabled without it: what cannot be checked is refused, and Saleor gives up after
310 s; what names another shop is buried.
"""

from saleor_segment_operator.reconcile.state import Desired, Observed, Problem
from saleor_segment_operator.resource import Reason
from saleor_segment_server.contract import Pipeline
from saleor_segment_server.contract.pipeline import origin


def public_url(desired: Desired, seen: Observed) -> str | None:
    """Return the origin the shop gives itself in deliveries, where it is not that of ``apiUrl``."""
    saleor = desired.spec.saleor
    if saleor.public_url is not None:
        return saleor.public_url
    if seen.own_url is None:
        return seen.pipeline.saleor.public_url if seen.pipeline else None
    return None if seen.own_url == origin(saleor.api_url) else seen.own_url


def obstacle(desired: Desired, seen: Observed, pipeline: Pipeline | None) -> Problem | None:
    """Tell why no delivery would be accepted under this Pipeline, if that is so."""
    given = desired.spec.saleor.public_url
    if given is not None and seen.own_url is not None and origin(given) != seen.own_url:
        return _mismatch(given, seen.own_url)
    if pipeline is not None and pipeline.saleor.jwks is None:
        return _no_keys(pipeline.saleor.key_set_url)
    return None


def _mismatch(given: str, own: str) -> Problem:
    message = (
        f"spec.saleor.publicUrl is {given}, but the shop calls itself {own} in its deliveries, so "
        f"none would be accepted: make the integration anew with {own} there, or set the shop's "
        "PUBLIC_URL."
    )
    return Problem(Reason.PUBLIC_URL_MISMATCH, message)


def _no_keys(url: str) -> Problem:
    message = (
        f"The shop's public keys at {url} cannot be read, so no delivery could be checked: "
        "tried again by itself; let the operator through to it if it stays."
    )
    return Problem(Reason.KEYS_UNREADABLE, message, heals=True)

"""Webhooks: what is sent to Saleor, and what its refusals mean."""

from collections.abc import Iterator, Sequence
from typing import Any

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor.documents import (
    WITH_IDENTIFIERS,
    WITHOUT_IDENTIFIERS,
    WebhookDocuments,
)
from saleor_segment_operator.saleor.models import WebhookDraft
from saleor_segment_operator.saleor.refusals import MutationRefused
from saleor_segment_operator.saleor.version import Version

SWITCHES = ("first", "second", "third", "fourth")
"""The mutations of ``SwitchWebhooks``: as many as Saleor takes in a request."""
EMPTIED = {"customHeaders": "{}", "secretKey": ""}
"""Input that takes away what a hand may have added; with a secret Saleor would sign otherwise."""
_PAUSE = 10.0


def documents_for(version: Version) -> WebhookDocuments:
    """Return the operations this version understands."""
    return WITH_IDENTIFIERS if version.has_webhook_identifiers else WITHOUT_IDENTIFIERS


def webhook_input(draft: WebhookDraft, version: Version) -> dict[str, Any]:
    """Return the input that makes a webhook what ``draft`` says, enabled or not as it is.

    The event goes with the query every time: a query alone brings its own events.
    """
    values: dict[str, Any] = {
        "name": draft.name,
        "targetUrl": draft.target_url,
        "asyncEvents": [draft.event.value],
        "query": draft.query,
    }
    if version.has_webhook_identifiers:
        values["identifier"] = draft.identifier
    return values


def switches(ids: Sequence[str]) -> Iterator[dict[str, str]]:
    """Deal ``ids`` into requests; the last is filled up with its own last, once more."""
    for start in range(0, len(ids), len(SWITCHES)):
        some = ids[start : start + len(SWITCHES)]
        padded = [*some, *[some[-1]] * (len(SWITCHES) - len(some))]
        yield dict(zip(SWITCHES, padded, strict=True))


def is_gone(refused: MutationRefused) -> bool:
    """Tell whether the webhook that was to be deleted does not exist.

    Saleor says so with a code of its own, or with ``GRAPHQL_ERROR`` and words.
    """
    return all(
        error.code == "NOT_FOUND"
        or (
            error.code == "GRAPHQL_ERROR" and error.message.startswith("Couldn't resolve to a node")
        )
        for error in refused.errors
    )


def refusal(refused: MutationRefused, api_url: str, target_url: str = "") -> Blocked | Unavailable:
    """Tell what it means that a mutation of a webhook was refused."""
    where = f"Saleor at {api_url}"
    if refused.codes & {"NOT_FOUND", "UNIQUE"}:
        message = f"The webhooks in {where} have changed meanwhile: looked at again."
        return Unavailable(Reason.WEBHOOKS_INCOMPLETE, message)
    if "DELETE_FAILED" in refused.codes:
        message = f"{where} is still sending to a webhook that is to be deleted: tried again."
        return Unavailable(Reason.WEBHOOKS_INCOMPLETE, message, retry_after=_PAUSE)
    if any(error.field == "targetUrl" for error in refused.errors):
        message = f"{where} refuses the webhook address {target_url}: mend the public URL."
        return Blocked(Reason.WEBHOOK_REFUSED, message)
    return Blocked(Reason.WEBHOOK_REFUSED, f"{where} refuses a webhook ({refused}).")

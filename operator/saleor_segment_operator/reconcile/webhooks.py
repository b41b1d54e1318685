"""Our webhooks in Saleor against those that should be."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from saleor_segment_operator.saleor import Webhook, WebhookDraft, drift
from saleor_segment_server.contract import Event


@dataclass(frozen=True, slots=True)
class Change:
    """A webhook of ours that is not as it should be."""

    webhook: Webhook
    draft: WebhookDraft
    fields: tuple[str, ...]
    """What differs."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is to be done so that there is one webhook per event, as it should be."""

    missing: tuple[WebhookDraft, ...]
    changed: tuple[Change, ...]
    surplus: tuple[Webhook, ...]
    """Ours, but for an event that is not wanted, or the second for one that is."""
    kept: tuple[tuple[Event, Webhook], ...]
    """The one for each event, as it is now."""

    @property
    def disabled(self) -> tuple[tuple[Event, Webhook], ...]:
        """Those that Saleor does not deliver to."""
        return tuple((event, webhook) for event, webhook in self.kept if not webhook.is_active)

    @property
    def in_place(self) -> bool:
        """Whether all are as they should be, enabled or not."""
        return not (self.missing or self.changed or self.surplus)


def ours(webhooks: Iterable[Webhook], *, marker: str, url: str) -> tuple[Webhook, ...]:
    """Return those that we made: by identifier, by name, or by an address with our uid in it."""
    prefix = f"{marker}/"
    return tuple(
        webhook
        for webhook in webhooks
        if (webhook.identifier or "").startswith(prefix)
        or webhook.name.startswith(prefix)
        or webhook.target_url.startswith(f"{url}/")
    )


def compare(drafts: Sequence[WebhookDraft], webhooks: Iterable[Webhook]) -> Comparison:
    """Set ``webhooks``, all of them ours, against ``drafts``."""
    taken, surplus = _assign(drafts, webhooks)
    pairs = [(draft, taken[draft.event]) for draft in drafts if draft.event in taken]
    changes = [Change(webhook, draft, drift(draft, webhook)) for draft, webhook in pairs]
    return Comparison(
        missing=tuple(draft for draft in drafts if draft.event not in taken),
        changed=tuple(change for change in changes if change.fields),
        surplus=surplus,
        kept=tuple((draft.event, webhook) for draft, webhook in pairs),
    )


_SIGNS: tuple[Callable[[WebhookDraft, Webhook], bool], ...] = (
    lambda draft, webhook: draft.identifier == webhook.identifier,
    lambda draft, webhook: draft.name == webhook.name,
    lambda draft, webhook: draft.target_url == webhook.target_url,
)
"""What tells which event a webhook is for, the surest first: a hand may have changed some."""


def _assign(
    drafts: Sequence[WebhookDraft], webhooks: Iterable[Webhook]
) -> tuple[dict[Event, Webhook], tuple[Webhook, ...]]:
    left = sorted(webhooks, key=lambda webhook: webhook.id)
    taken: dict[Event, Webhook] = {}
    for sign in _SIGNS:
        for draft in drafts:
            found = next((webhook for webhook in left if sign(draft, webhook)), None)
            if found is not None and draft.event not in taken:
                taken[draft.event] = found
                left.remove(found)
    return taken, tuple(left)

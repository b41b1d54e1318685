"""What people do by hand in Saleor's dashboard to an app that is ours."""

from collections.abc import Callable

from tests.cluster.site import Site
from tests.twins.saleor.api.subscription import Subscription
from tests.twins.saleor.apps import Webhook

_QUERY = "subscription { event { ... on OrderCreated { order { id } } } }"


def _disable(tenant: Site, webhook: Webhook) -> None:
    webhook.is_active = False


def _retarget(tenant: Site, webhook: Webhook) -> None:
    webhook.target_url = "https://elsewhere.example.com/"


def _rename(tenant: Site, webhook: Webhook) -> None:
    webhook.name = "my own name"


def _ask_for_less(tenant: Site, webhook: Webhook) -> None:
    webhook.subscription = Subscription.parse(_QUERY, tenant.saleor.state.schema)


def _delete(tenant: Site, webhook: Webhook) -> None:
    webhook.app.webhooks.remove(webhook)


CHANGES: dict[str, Callable[[Site, Webhook], None]] = {
    "disabled": _disable,
    "target URL": _retarget,
    "name": _rename,
    "query": _ask_for_less,
    "deleted": _delete,
}
"""Changes to a webhook, by the words in which its Event tells of them."""


def webhooks(tenant: Site) -> list[tuple[object, ...]]:
    """Return all that matters of the webhooks that the shop has."""
    return sorted(
        (hook.events, hook.name, hook.target_url, hook.subscription_query, hook.is_active)
        for app in tenant.saleor.apps
        for hook in app.webhooks
    )

"""The shops in which the captured GraphQL pairs were captured, as far as each pair needs one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.twins.saleor.accounts import ACCESS_SECONDS
from tests.twins.saleor.api.subscription import Subscription
from tests.twins.saleor.apps import App, Webhook
from tests.twins.saleor.ids import key_of
from tests.twins.saleor.sending.deliveries import Attempt, Delivery
from tests.twins.saleor.shop.orders import Order
from tests.twins.saleor.twin import SaleorTwin

_QUERY = "subscription{event{... on OrderCreated{order{id}}}}"
_EVENTS = (
    "ORDER_CREATED",
    "ORDER_CONFIRMED",
    "ORDER_PAID",
    "ORDER_FULLY_PAID",
    "ORDER_REFUNDED",
    "ORDER_FULLY_REFUNDED",
    "ORDER_UPDATED",
    "ORDER_CANCELLED",
    "ORDER_FULFILLED",
    "ORDER_EXPIRED",
    "ORDER_METADATA_UPDATED",
)
_ALL = ("MANAGE_APPS", "MANAGE_ORDERS", "MANAGE_USERS", "MANAGE_CHECKOUTS")


class World:
    """A shop whose staff, apps and webhooks have the numbers of the captured ones."""

    def __init__(self, saleor: SaleorTwin) -> None:
        self.saleor = saleor
        self.variables: dict[str, Any] = {}
        """What replaces captured variables: ids and tokens of this world."""
        self.staff = {
            "admin": saleor.staff("admin@example.com", "admin", _ALL, superuser=True),
            "full": saleor.staff("op-full@example.com", "x", ("MANAGE_APPS", "MANAGE_ORDERS")),
            "apps-only": saleor.staff("apps@example.com", "x", ("MANAGE_APPS",)),
            "orders-only": saleor.staff("orders@example.com", "x", ("MANAGE_ORDERS",)),
        }
        self.apps: dict[int, App] = {}
        self.deleted_token = ""
        """A token that app 5 had once."""

    def app(self, pk: int, name: str, permissions: str = "", identifier: str = "") -> App:
        """Add an app with this number, and its token with the same."""
        app = self.saleor.state.apps.create(
            name, pk=pk, permissions=permissions.split(), identifier=identifier or None
        )
        app.tokens[0].pk = pk
        self.apps[pk] = app
        return app

    def webhook(self, app: App, pk: int, name: str, query: str = _QUERY, **more: Any) -> Webhook:
        """Add a webhook with this number."""
        subscription = Subscription.parse(query, self.saleor.state.schema)
        members = {
            "name": name,
            "target_url": f"http://127.0.0.1:58080/wh/{name}",
            "events": subscription.events,
        }
        return self.saleor.state.apps.add_webhook(app, subscription, pk=pk, **(members | more))

    def token(self, caller: str) -> str:
        """Return a token: of the staff by name, of an app by its number, or one gone bad."""
        if caller == "deleted":
            return self.deleted_token
        accounts = self.saleor.state.accounts
        if caller == "expired":
            return accounts.access_token(self.staff["admin"], age=ACCESS_SECONDS)
        if caller in self.staff:
            return accounts.access_token(self.staff[caller])
        return self.apps[int(caller)].token


Prepare = Callable[[World], None]
"""Brings a world to where a pair was captured."""


def usual(world: World) -> None:
    """Most pairs: the operator's app 6, and app 5 that it manages, with all its webhooks."""
    segment = world.app(5, "Segment operator", "MANAGE_ORDERS", "org.example.segment-operator")
    for pk, event in enumerate(_EVENTS, 45):
        world.webhook(segment, pk, event, identifier=event.lower(), is_active=False)
    world.app(6, "operator", "MANAGE_APPS MANAGE_ORDERS", "org.example.operator")
    world.app(7, "operator2", "MANAGE_APPS")
    world.app(8, "wide", "MANAGE_ORDERS MANAGE_USERS MANAGE_CHECKOUTS")
    world.app(11, "eleven", "MANAGE_ORDERS")
    world.app(20, "powerless", "MANAGE_ORDERS")
    installed = world.app(13, "st2", "", "org.example.st2")
    for pk, event in enumerate(_EVENTS, 60):
        world.webhook(installed, pk, event, is_active=False)


def app_deleted(world: World) -> None:
    """App 11 was deleted."""
    usual(world)
    world.apps[11].removed_at = world.saleor.state.time.now()


def app_inactive(world: World) -> None:
    """App 5 is inactive."""
    usual(world)
    world.apps[5].is_active = False


def token_deleted(world: World) -> None:
    """App 5 has lost a token."""
    usual(world)
    world.deleted_token = world.apps[5].tokens.pop().secret


def second_token(world: World) -> None:
    """App 5 has another token, number 8."""
    usual(world)
    world.apps[8].tokens.clear()
    world.saleor.state.apps.issue_token(world.apps[5], "more").pk = 8


def metadata_set(world: World) -> None:
    """App 5 has metadata."""
    usual(world)
    world.apps[5].metadata["operator"] = "x"
    world.apps[5].private_metadata["operator"] = '{"generation":3}'


def mine(world: World) -> None:
    """App 5 has the webhook ``mine``."""
    usual(world)
    headers = {"x-foo": "bar", "authorization-extra": "z"}
    world.webhook(world.apps[5], 56, "mine", identifier="mine", headers=headers)


def mine_twice(world: World) -> None:
    """App 5 has two webhooks ``mine``, one of them without an identifier."""
    mine(world)
    world.webhook(world.apps[5], 57, "mine")


def mine_changed(world: World) -> None:
    """The webhook ``mine`` has the query that a later pair expects."""
    mine(world)
    query = "subscription{event{... on OrderCreated{order{id number}}}}"
    world.apps[5].webhooks[-1].subscription = Subscription.parse(query, world.saleor.state.schema)


def pe_note(world: World) -> None:
    """App 5 has the webhook ``pe-note``, which selects ORDER_PAID."""
    usual(world)
    query = "subscription{event{... on OrderPaid{order{id}}}}"
    world.webhook(world.apps[5], 156, "pe-note", query, identifier="pe-note")


def problem(world: World) -> None:
    """App 5 has reported a problem."""
    usual(world)
    _report(world, "Segment rejected an event")


def problem_twice(world: World) -> None:
    """App 5 has reported a problem twice, which made it critical."""
    problem(world)
    _report(world, "Segment rejected an event (again)")
    world.apps[5].problems[0].is_critical = True


def problem_dismissed(world: World) -> None:
    """App 5 has dismissed its problem."""
    problem(world)
    world.apps[5].problems[0].dismissed_by = "APP"


def login_failed(world: World) -> None:
    """Somebody has just typed a wrong password at this address."""
    world.saleor.state.accounts.throttle.failed("127.0.0.1", "admin@example.com")


def refresh_token(world: World) -> None:
    """The pair's variable is a refresh token."""
    session = world.saleor.state.accounts.login("op-full@example.com", "x", "127.0.0.1")
    world.variables = {"r": session.refresh_token}


def access_token(world: World) -> None:
    """The pair's variable is an access token."""
    world.variables = {"t": world.token("full")}


def app_token(world: World) -> None:
    """The pair's variable is an app's token."""
    usual(world)
    world.variables = {"t": world.apps[5].token}


def order(world: World) -> None:
    """There is an order of a customer, with two lines, and webhook 107 would hear of it."""
    usual(world)
    shop = world.saleor.shop
    placed = shop.place_order(items=2 * shop.basket(lines=1), email="customer01@example.com")
    world.webhook(world.apps[11], 107, "bystaff", is_active=False)
    world.variables = {"o": placed.id}


def delivery_failed(world: World) -> None:
    """A delivery has failed."""
    order(world)
    (placed,) = world.saleor.shop.orders.values()
    world.variables = {"id": _fail(world, world.apps[11].webhooks[0], placed, attempts=1).id}


def listed(world: World, nodes: Sequence[Mapping[str, Any]]) -> None:
    """Make every app that a captured answer lists, with its webhooks and their deliveries."""
    placed = world.saleor.shop.place_order()
    for number, node in enumerate(nodes, 30):
        permissions = " ".join(one["code"] for one in node.get("permissions", ()))
        pk = int(key_of(node.get("id", ""), "App") or number)
        app = world.app(pk, node.get("name", f"{pk}"), permissions, node.get("identifier", ""))
        app.type, app.version = node.get("type", "LOCAL"), node.get("version")
        app.manifest_url, app.is_active = node.get("manifestUrl"), node.get("isActive", True)
        for at, hook in enumerate(node["webhooks"] or ()):
            webhook = world.webhook(
                app,
                int(key_of(hook.get("id", ""), "Webhook") or 100 * number + at),
                hook.get("name", ""),
                identifier=hook.get("identifier"),
                events=tuple(event["eventType"] for event in hook.get("asyncEvents", ())),
                is_active=hook.get("isActive", True),
            )
            for edge in hook.get("eventDeliveries", {"edges": ()})["edges"]:
                _fail(world, webhook, placed, attempts=len(edge["node"]["attempts"]["edges"]))


def _fail(world: World, webhook: Webhook, placed: Order, *, attempts: int) -> Delivery:
    delivery = world.saleor.state.outbox.deliver(webhook, "ORDER_CREATED", placed)
    delivery.outcome = "failed"
    delivery.attempts = [
        Attempt(pk, placed.created, delivery.task_id, 0.0, "{}", "") for pk in range(attempts)
    ]
    return delivery


def _report(world: World, message: str) -> None:
    world.saleor.state.apps.report(world.apps[5], "segment-delivery", message, minutes=60)

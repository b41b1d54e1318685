"""The twin's own API, for a demo that runs it as a process: ``/_twin/...``."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.twins.saleor.sending.deliveries import Delivery
from tests.twins.saleor.shop.totals import Figures, per_currency, per_day

if TYPE_CHECKING:
    from tests.twins.saleor.twin import SaleorTwin


class Control:
    """Reads and drives a twin over HTTP."""

    def __init__(self, twin: "SaleorTwin") -> None:
        self._twin = twin

    def routes(self) -> list[web.RouteDef]:
        """Return what it answers."""
        return [
            web.get("/_twin/state", self._state),
            web.get("/_twin/deliveries", self._deliveries),
            web.get("/_twin/webhooks", self._webhooks),
            web.get("/_twin/orders", self._orders),
            web.post("/_twin/day", self._day),
            web.post("/_twin/faults", self._faults),
            web.post("/_twin/rotate-key", self._rotate_key),
        ]

    async def _state(self, _request: web.Request) -> web.Response:
        twin, orders = self._twin, list(self._twin.shop.orders.values())
        day = twin.day
        return web.json_response(
            {
                "settled": twin.is_settled,
                "day": day
                and {"orders": day.orders, "placed": day.placed, "finished": day.finished},
                "events": twin.state.outbox.counts(),
                "totals": _documents(per_currency(orders)),
                "days": {day: _documents(sums) for day, sums in per_day(orders).items()},
            }
        )

    async def _deliveries(self, _request: web.Request) -> web.Response:
        return web.json_response([_delivery(one) for one in self._twin.deliveries])

    async def _webhooks(self, _request: web.Request) -> web.Response:
        return web.json_response(
            [
                {
                    "app": hook.app.identifier,
                    "id": hook.id,
                    "name": hook.name,
                    "events": hook.events,
                    "targetUrl": hook.target_url,
                    "isActive": hook.is_active and hook.app.works,
                }
                for hook in self._twin.state.apps.webhooks()
            ]
        )

    async def _orders(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                order.id: {
                    "currency": order.currency,
                    "channel": order.channel.slug,
                    **Figures.of(order).document(),
                }
                for order in self._twin.shop.orders.values()
            }
        )

    async def _day(self, request: web.Request) -> web.Response:
        given = await request.json()
        try:
            day = self._twin.start_day(int(given["orders"]), float(given["seconds"]))
        except (KeyError, ValueError) as error:
            return _bad(error)
        return web.json_response({"orders": day.orders}, status=202)

    async def _faults(self, request: web.Request) -> web.Response:
        """Set the faults that are given; an empty object heals all."""
        given = await request.json()
        try:
            if given:
                self._twin.fail(**given)
            else:
                self._twin.heal()
        except (TypeError, ValueError) as error:
            return _bad(error)
        return web.json_response(vars(self._twin.state.faults))

    async def _rotate_key(self, _request: web.Request) -> web.Response:
        self._twin.rotate_key()
        return web.json_response({"kid": self._twin.state.accounts.key.kid})


def _documents(sums: Mapping[str, Figures]) -> dict[str, Any]:
    return {currency: figures.document() for currency, figures in sums.items()}


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "app": delivery.webhook.app.name,
        "event": delivery.event,
        "order": delivery.order_id,
        "issuedAt": json.loads(delivery.payload).get("issuedAt") if delivery.payload else None,
        "outcome": delivery.outcome,
        "statuses": delivery.statuses,
        "bodySha256": hashlib.sha256(delivery.body).hexdigest() if delivery.payload else None,
    }


def _bad(error: Exception) -> web.Response:
    return web.json_response({"error": str(error)}, status=400)

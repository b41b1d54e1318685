"""Saleor's workers: they render deliveries, sign and post them, and try again on its schedule."""

import asyncio
import json
from collections.abc import Callable
from io import BytesIO
from itertools import count
from random import Random

import aiohttp
from multidict import CIMultiDict

from tests.twins.saleor.api.requests import Request
from tests.twins.saleor.api.subscription import Occurrence, body_of, type_name
from tests.twins.saleor.sending.deliveries import Attempt, Delivery
from tests.twins.saleor.sending.headers import delivery_headers, recorded
from tests.twins.saleor.state import State

RETRY_DELAYS = (10, 20, 40, 80, 160)
"""Seconds after each failed attempt: attempts at 0, 10, 30, 70, 150 and 310 s."""
_CONNECT_SECONDS, _READ_SECONDS = 2.0, 18.0
SHUFFLED = 4
"""A worker takes any of this many waiting deliveries: Saleor keeps no order."""
_KEPT_CHARACTERS = 1024


class Courier:
    """Sends deliveries with a bounded number of workers."""

    def __init__(
        self,
        *,
        rng: Random,
        time_scale: float,
        least_timeout: float,
        shuffled: int,
        keep_alive: bool,
        changed: Callable[[], None],
    ) -> None:
        self._rng = rng
        self._keep_alive = keep_alive
        self._scale = time_scale
        self._shuffled = shuffled
        self._timeout = aiohttp.ClientTimeout(
            sock_connect=max(_CONNECT_SECONDS / time_scale, least_timeout),
            sock_read=max(_READ_SECONDS / time_scale, least_timeout),
        )
        self._changed = changed
        self._ready: list[Delivery] = []
        self._wake = asyncio.Event()
        self._timers = set[asyncio.TimerHandle]()
        self._pks = count(1)

    def submit(self, delivery: Delivery) -> None:
        """Put a delivery before the workers."""
        self._ready.append(delivery)
        self.wake()

    def wake(self) -> None:
        """Let the workers look again, as after a fault has ended."""
        self._wake.set()
        self._changed()

    def stop(self) -> None:
        """Forget the retries that wait for their time."""
        for timer in self._timers:
            timer.cancel()

    async def work(self, state: State) -> None:
        """Send deliveries, one after another, until cancelled."""
        # Saleor opens a connection for each request, and says keep-alive all the same.
        connector = aiohttp.TCPConnector(force_close=not self._keep_alive)
        async with aiohttp.ClientSession(
            connector=connector, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            while True:
                delivery = await self._next(state)
                delivery.in_flight = True
                self._changed()
                try:
                    await self._send(state, session, delivery)
                finally:
                    delivery.in_flight = False
                self._changed()

    async def _next(self, state: State) -> Delivery:
        while not self._ready or state.faults.hold_deliveries:
            self._wake.clear()
            await self._wake.wait()
        return self._ready.pop(self._rng.randrange(min(self._shuffled, len(self._ready))))

    async def _send(self, state: State, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        webhook = delivery.webhook
        if delivery.outcome != "pending":
            return
        if not (webhook.is_active and webhook.app.works):
            delivery.outcome = "failed"
            return
        if not render(state, delivery):
            delivery.outcome = "stuck"
            return
        attempt = await self._post(state, session, delivery)
        self._judge(delivery, attempt)
        if attempt.succeeded and state.faults.deliver_twice:
            await self._post(state, session, delivery)

    def _judge(self, delivery: Delivery, attempt: Attempt) -> None:
        delivery.tries += 1
        if attempt.succeeded:
            delivery.outcome = "acknowledged"
        elif attempt.may_be_retried and delivery.tries <= len(RETRY_DELAYS):
            self._retry_after(RETRY_DELAYS[delivery.tries - 1] / self._scale, delivery)
        else:
            delivery.outcome = "failed"

    def _retry_after(self, seconds: float, delivery: Delivery) -> None:
        def resubmit() -> None:
            self._timers.discard(timer)
            self.submit(delivery)

        timer = asyncio.get_running_loop().call_later(seconds, resubmit)
        self._timers.add(timer)

    async def _post(
        self, state: State, session: aiohttp.ClientSession, delivery: Delivery
    ) -> Attempt:
        headers, loop = delivery_headers(state, delivery), asyncio.get_running_loop()
        begun, started = state.time.now(), loop.time()
        status, answer, answered = await _exchange(session, delivery, headers)
        if state.faults.lose_answers and self._rng.random() < state.faults.lose_answers:
            status, answer, answered = None, "ServerDisconnectedError: the answer was lost", None
        attempt = Attempt(
            pk=next(self._pks),
            created_at=begun,
            task_id=delivery.task_id,
            duration=loop.time() - started,
            request_headers=recorded(headers),
            response=answer[:_KEPT_CHARACTERS] + "..." * (len(answer) > _KEPT_CHARACTERS),
            response_headers=json.dumps(answered),
            response_status_code=status,
        )
        delivery.attempts.append(attempt)
        return attempt


def render(state: State, delivery: Delivery) -> bool:
    """Give a delivery its payload, once. False: its query does not select the event."""
    if delivery.payload is None:
        webhook = delivery.webhook
        occurrence = Occurrence(
            graphql_type=type_name(delivery.event),
            issued_at=state.time.now(),
            version=state.version.text,
            recipient=webhook.app,
            subject=delivery.subject,
        )
        payload, _denied = webhook.subscription.render(
            state.schema, occurrence, Request.of_app(state, webhook.app)
        )
        delivery.payload = body_of(payload) if payload else None
    return delivery.payload is not None


async def _exchange(
    session: aiohttp.ClientSession, delivery: Delivery, headers: CIMultiDict[str]
) -> tuple[int | None, str, dict[str, str] | None]:
    """Return status, body and headers of the answer; without one, the reason."""
    body = BytesIO(delivery.body)  # aiohttp warns of a MiB of bytes
    try:
        async with session.post(
            delivery.webhook.target_url, data=body, headers=headers, allow_redirects=False
        ) as response:
            text = (await response.read()).decode(errors="replace")
            return response.status, text, dict(response.headers)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return None, f"{type(error).__name__}: {error}", None

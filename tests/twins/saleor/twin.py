"""The twin itself: the shop, its API and its workers, listening on a real socket."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from random import Random
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.twins.saleor.accounts import Accounts
from tests.twins.saleor.api.endpoint import Endpoint
from tests.twins.saleor.api.resolve import executable
from tests.twins.saleor.api.subscription import Subscription
from tests.twins.saleor.apps import App, Apps, Webhook
from tests.twins.saleor.clock import Clock, Timekeeper
from tests.twins.saleor.control import Control
from tests.twins.saleor.faults import Faults
from tests.twins.saleor.ids import Names
from tests.twins.saleor.keys import SigningKey
from tests.twins.saleor.sending.courier import SHUFFLED, Courier, render
from tests.twins.saleor.sending.deliveries import Delivery
from tests.twins.saleor.sending.outbox import Outbox
from tests.twins.saleor.shop.catalogue import User
from tests.twins.saleor.shop.day import USUAL, Day, Kind, plan_day
from tests.twins.saleor.shop.operations import Shop
from tests.twins.saleor.state import State
from tests.twins.saleor.version import Version

_WORKERS = 8
_PATIENCE = 20.0
_CLOSING = 0.2


class SaleorTwin:
    """A Saleor shop for tests: ``async with SaleorTwin() as saleor``.

    ``clock`` gives the time of records, tokens and the login throttle. ``time_scale`` makes the
    workers' waits shorter: 20 sends the last retry after 15.5 s instead of 310. Shortened
    timeouts are never below ``least_timeout`` seconds, or a busy machine would look dead. Of
    ``shuffled`` waiting deliveries any may be sent next. ``keep_alive`` lets workers use
    their connections again, as Saleor never does: it makes a long day shorter. A ``key`` given
    is not made anew, which takes a tenth of a second.
    """

    def __init__(
        self,
        *,
        version: str = "3.23.28",
        seed: int = 0,
        clock: Clock = time.time,
        time_scale: float = 1.0,
        least_timeout: float = 0.5,
        workers: int = _WORKERS,
        shuffled: int = SHUFFLED,
        keep_alive: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        public_url: str | None = None,
        key: SigningKey | None = None,
    ) -> None:
        self._seed = seed
        self._host, self._port, self._workers = host, port, workers
        self._public_url = public_url
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._courier = Courier(
            rng=Random(f"{seed}/courier"),
            time_scale=time_scale,
            least_timeout=least_timeout,
            shuffled=shuffled,
            keep_alive=keep_alive,
            changed=self._tell,
        )
        self.state = self._build(
            Version.parse(version), Timekeeper(clock), key or SigningKey.generate()
        )
        self.origin = ""
        """Scheme, host and port it listens on."""
        self.day: Day | None = None
        """The day that was started last."""
        self._days = count(1)

    def _build(self, version: Version, moments: Timekeeper, key: SigningKey) -> State:
        names = Names(Random(f"{self._seed}/server"))
        apps = Apps(time=moments, names=names)
        outbox = Outbox(apps=apps, time=moments, names=names, send=self._send)
        return State(
            version=version,
            schema=executable(version.minor),
            time=moments,
            names=names,
            accounts=Accounts(time=moments, names=names, key=key),
            apps=apps,
            outbox=outbox,
            shop=Shop(rng=Random(f"{self._seed}/shop"), time=moments, emit=outbox.emit),
            faults=Faults(),
        )

    @property
    def api_url(self) -> str:
        """The address of the GraphQL API."""
        return f"{self.origin}/graphql/"

    @property
    def jwks_url(self) -> str:
        """The address of the public keys."""
        return f"{self.origin}/.well-known/jwks.json"

    @property
    def shop(self) -> Shop:
        """What happens in the shop."""
        return self.state.shop

    @property
    def deliveries(self) -> list[Delivery]:
        """Every delivery there was, oldest first."""
        return self.state.outbox.log

    @property
    def apps(self) -> list[App]:
        """The apps that are installed, by name."""
        return self.state.apps.installed()

    @property
    def mutations(self) -> list[str]:
        """Every mutation that was called, as in ``appCreate``, whatever it answered."""
        return self.state.mutations

    def staff(
        self,
        email: str = "staff@example.com",
        password: str = "password",
        permissions: Sequence[str] = ("MANAGE_APPS", "MANAGE_ORDERS"),
        *,
        superuser: bool = False,
    ) -> User:
        """Add a member of the staff, who may log in."""
        return self.state.accounts.add_staff(email, password, permissions, superuser=superuser)

    def app(
        self,
        name: str = "app",
        permissions: Sequence[str] = ("MANAGE_ORDERS",),
        identifier: str | None = None,
    ) -> App:
        """Add an app by hand; its ``token`` is in the open."""
        return self.state.apps.create(name, identifier=identifier, permissions=permissions)

    def webhook(
        self, app: App, event: str, target_url: str, query: str, *, is_active: bool = True
    ) -> Webhook:
        """Add a webhook by hand."""
        subscription = Subscription.parse(query, self.state.schema)
        return self.state.apps.add_webhook(
            app,
            subscription,
            name=event,
            target_url=target_url,
            events=(event,),
            is_active=is_active,
        )

    def fail(self, **faults: bool | float | str) -> None:
        """Let something go wrong until ``heal``: see ``Faults`` for what there is."""
        self.state.faults.change(**faults)
        self._courier.wake()

    def heal(self) -> None:
        """Set everything right."""
        self.state.faults.heal()
        self._courier.wake()

    def rotate_key(self) -> None:
        """Replace the private key: the old one is gone from the key set at once."""
        self.state.accounts.key = SigningKey.generate()

    def start_day(self, orders: int, seconds: float, kind: Kind = USUAL) -> Day:
        """Start a day of so many orders, spread over so many seconds."""
        if self.day is not None and not self.day.finished:
            raise ValueError("a day is running: wait for its end")
        day = self.day = Day(orders)
        plan = plan_day(Random(f"{self._seed}/day {next(self._days)}"), orders, kind)
        self._spawn(day.play(plan, self.shop, seconds))
        return day

    async def settled(self, patience: float = _PATIENCE) -> None:
        """Wait until the day is over and nothing is on its way."""
        await self.until(lambda: self.is_settled, patience)

    async def until(self, holds: Callable[[], bool], patience: float = _PATIENCE) -> None:
        """Wait until a condition on the twin holds: it is looked at whenever something changes.

        Raises ``TimeoutError`` after ``patience`` seconds.
        """
        try:
            async with asyncio.timeout(patience):
                while not holds():
                    self._raise_what_broke()
                    await self._changed.wait()
        except TimeoutError as error:
            raise TimeoutError(f"after {patience} s: {self.state.outbox.counts()}") from error

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(
            self._application(),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=_CLOSING,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.origin = f"http://{host}:{port}"
        self.state.public_url = (self._public_url or self.origin).rstrip("/")
        self.state.accounts.issuer = self.state.public_api_url
        for _ in range(self._workers):
            self._spawn(self._courier.work(self.state))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._courier.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runner.cleanup()
        self._raise_what_broke()

    def _application(self) -> web.Application:
        application = web.Application()
        endpoint = Endpoint(self.state, changed=self._tell)
        application.router.add_get("/graphql/", endpoint.handle)
        application.router.add_post("/graphql/", endpoint.handle)
        application.router.add_get("/.well-known/jwks.json", self._jwks)
        application.add_routes(Control(self).routes())
        return application

    async def _jwks(self, _request: web.Request) -> web.Response:
        if self.state.faults.jwks_down:
            return web.Response(status=503, text="Service Unavailable")
        return web.json_response(self.state.accounts.key.jwks)

    @property
    def is_settled(self) -> bool:
        """Whether no day is running and nothing is on its way."""
        return self.state.outbox.is_settled and (self.day is None or self.day.finished)

    def _send(self, delivery: Delivery) -> None:
        if not self.state.version.defers(delivery.event) and delivery.payload is None:
            render(self.state, delivery)
        self._courier.submit(delivery)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            report = {"message": "a part of the twin broke", "exception": error, "task": task}
            asyncio.get_running_loop().call_exception_handler(report)
        self._tell()

    def _raise_what_broke(self) -> None:
        """Raise what ended a worker or a day, if anything did."""
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

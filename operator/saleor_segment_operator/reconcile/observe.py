"""Looking at the world: our own stores first, then Saleor, Segment and the servers at once."""

import asyncio

from saleor_segment_operator.errors import Unavailable
from saleor_segment_operator.reconcile import credentials
from saleor_segment_operator.reconcile.ports import Integrations, Pipelines, Secrets
from saleor_segment_operator.reconcile.shop import Shop, look
from saleor_segment_operator.reconcile.state import Desired, Observed, Problem, WriteKey
from saleor_segment_operator.reconcile.write_keys import WriteKeys
from saleor_segment_operator.resource import Integration, Spec
from saleor_segment_operator.saleor import App, Saleor
from saleor_segment_operator.servers import Servers, Totals, Word, Words
from saleor_segment_server.contract import Pipeline

Heard = tuple[bool | Problem | None, Totals | Problem | None]
"""Whether every server holds the Pipeline, and what they have of its events; ``None`` where there
is no Pipeline."""


def understood(word: Word, fingerprint: str) -> Heard:
    """Return what the servers' word means for a Pipeline with this ``fingerprint``."""
    try:
        return word.held(fingerprint), word.totals()
    except Unavailable as error:  # one without the Pipeline does not hold it, and nothing worse
        return False, Problem.of(error)


def silent(problem: Problem) -> Heard:
    """Return what it means that the servers do not answer."""
    return problem, problem


class Observer:
    """Looks at what concerns one integration."""

    def __init__(
        self,
        *,
        integrations: Integrations,
        secrets: Secrets,
        pipelines: Pipelines,
        servers: Servers,
        write_keys: WriteKeys,
    ) -> None:
        """Look through these."""
        self._integrations = integrations
        self._secrets = secrets
        self._pipelines = pipelines
        self._servers = servers
        self._write_keys = write_keys

    async def observe(self, integration: Integration, desired: Desired, saleor: Saleor) -> Observed:
        """Look at all that a pass may depend on.

        Raises:
            Unavailable: Our own state cannot be read.
            Blocked: It will not be without a change.
        """
        uid, namespace = integration.uid, integration.key.namespace
        deleting = integration.deleting is not None
        record = await self._secrets.app(uid) if desired.managed else None
        login = await credentials.login(self._secrets, namespace, desired.spec, record)
        pipeline = await self._pipelines.get(uid)
        key = None if deleting else await self._write_key(namespace, desired.spec)
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(look(saleor, desired, login, deleting=deleting))
            asking = group.create_task(self._ask_servers(pipeline))
            judging = group.create_task(self._judge(uid, desired.spec, key))
        shop, (held, totals) = looking.result(), asking.result()
        return Observed(
            integration=integration,
            record=record,
            credentials=shop.credentials,
            staff=login.staff,
            token=login.token,
            version=shop.version,
            app=shop.app,
            found=shop.found,
            others=await self._others(uid, shop),
            write_key=judging.result(),
            jwks=shop.jwks,
            own_url=shop.own_url,
            pipeline=pipeline,
            held=held,
            totals=totals,
        )

    async def observe_key(self, integration: Integration, desired: Desired) -> Observed:
        """Look at the write key and the Pipeline as stored only."""
        uid = integration.uid
        pipeline = await self._pipelines.get(uid)
        key = await self._write_key(desired.namespace, desired.spec)
        judged = await self._judge(uid, desired.spec, key)
        return Observed(integration=integration, pipeline=pipeline, write_key=judged)

    async def observe_ours(
        self, integration: Integration, *, silence: Problem | None = None
    ) -> Observed:
        """Look at our own side only, where no valid spec says which shop it is.

        Args:
            integration: Whose.
            silence: Why the servers are not asked, where it is known that they do not answer.
        """
        pipeline = await self._pipelines.get(integration.uid)
        if pipeline is not None and silence is not None:
            held, totals = silent(silence)
        else:
            held, totals = await self._ask_servers(pipeline)
        return Observed(integration=integration, pipeline=pipeline, held=held, totals=totals)

    async def ask_about_all(self) -> Words | Problem:
        """Return what the servers say of all Pipelines, or why they are silent."""
        try:
            return await self._servers.ask_about_all()
        except Unavailable as error:
            return Problem.of(error)

    async def _write_key(self, namespace: str, spec: Spec) -> str | Problem:
        ref = spec.segment.write_key_secret_ref
        return await credentials.read(self._secrets, namespace, ref.name, ref.key)

    async def _judge(
        self, uid: str, spec: Spec, key: str | Problem | None
    ) -> WriteKey | Problem | None:
        if key is None or isinstance(key, Problem):
            return key
        return await self._write_keys.judge(uid, spec, key)

    async def _ask_servers(self, pipeline: Pipeline | None) -> Heard:
        if pipeline is None:
            return None, None
        try:
            word = await self._servers.ask(pipeline.id)
        except Unavailable as error:
            return silent(Problem.of(error))
        return understood(word, pipeline.fingerprint())

    async def _others(self, uid: str, shop: Shop) -> frozenset[str]:
        """Return the uids on the apps that are those of other integrations."""
        seen = (shop.app, *(shop.found or ()))
        owners = {app.uid for app in seen if isinstance(app, App) and app.uid not in {None, uid}}
        return frozenset([each for each in owners if each and await self._integrations.alive(each)])

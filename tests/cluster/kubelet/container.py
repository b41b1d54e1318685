"""One container: a process that is started again when it ends, as its Pod says."""

import asyncio
import datetime as dt
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from tests.cluster.kubelet import probes
from tests.cluster.kubelet.client import Object
from tests.cluster.kubelet.environment import Unready

Process = asyncio.subprocess.Process

_FIRST_BACKOFF_SECONDS = 0.1
_LONGEST_BACKOFF_SECONDS = 2.0
_AGAIN_SECONDS = 0.1
_KILLED = 128
"""An exit code above it says the number of the signal."""


class Container:
    """A container's process and what the Pod's status says of it."""

    def __init__(
        self,
        spec: Object,
        *,
        address: str,
        restart: str,
        grace: float,
        launch: Callable[[Object], Awaitable[Process]],
        changed: Callable[[], None],
    ) -> None:
        self.spec, self.name = spec, spec["name"]
        self.process: Process | None = None
        self.ready = self.started = False
        self.restarts = 0
        self.state: Object = {"waiting": {"reason": "ContainerCreating"}}
        self.last: Object = {}
        self._address, self._restart, self._grace = address, restart, grace
        self._launch, self._changed = launch, changed
        self._stopping = False

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.returncode is None

    async def run(self) -> int:
        """Run it until it has ended for good; return its exit code."""
        backoff = _FIRST_BACKOFF_SECONDS
        while True:
            code = await self._once()
            if self._stopping or not self._again(code):
                return code
            self.restarts += 1
            self.last = self.state
            self._set({"waiting": {"reason": "CrashLoopBackOff"}})
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, _LONGEST_BACKOFF_SECONDS)

    async def stop(self, seconds: float) -> None:
        """End it for good: gently, and after ``seconds`` at once."""
        self._stopping = True
        pause = self.spec.get("lifecycle", {}).get("preStop", {}).get("sleep", {})
        if self.running:
            await asyncio.sleep(min(pause.get("seconds", 0), seconds))
            await self._end(seconds - pause.get("seconds", 0))

    def send(self, number: int) -> None:
        """Send its process a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def status(self) -> Object:
        """Return its entry of ``containerStatuses``."""
        return {
            "name": self.name,
            "image": self.spec.get("image", ""),
            "imageID": "",
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self.last,
        }

    async def _once(self) -> int:
        self.process = await self._launched()
        began = now()
        self._set({"running": {"startedAt": began}})
        try:
            why = await self._attend()
        finally:
            _clear(self.process)
        code = self.process.returncode or 0
        code = code if code >= 0 else _KILLED - code
        self.ready = self.started = False
        told = {"exitCode": code, "reason": why, "startedAt": began, "finishedAt": now()}
        self._set({"terminated": told})
        return code

    async def _launched(self) -> Process:
        while True:
            try:
                return await self._launch(self.spec)
            except (Unready, ValueError) as why:
                told = {"reason": "CreateContainerConfigError", "message": str(why)}
                self._set({"waiting": told})
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _attend(self) -> str:
        assert self.process is not None
        ended = asyncio.create_task(self.process.wait())
        probing = asyncio.create_task(self._probe())
        try:
            await asyncio.wait({ended, probing}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                why = probing.result()
                self.ready = False
                await self._end(self._grace)
                return why
            return "Error" if self.process.returncode else "Completed"
        finally:
            probing.cancel()
            ended.cancel()

    async def _probe(self) -> str:
        return await probes.watch(
            self.spec, self._address, started=self._has_started, ready=self._is_ready
        )

    def _has_started(self) -> None:
        self.started = True
        self._changed()

    def _is_ready(self, ready: bool) -> None:  # noqa: FBT001 - a callback
        if ready != self.ready:
            self.ready = ready
            self._changed()

    async def _end(self, seconds: float) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), max(seconds, 0))
        except TimeoutError:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()

    def _again(self, code: int) -> bool:
        return self._restart == "Always" or (self._restart == "OnFailure" and code != 0)

    def _set(self, state: Object) -> None:
        if state != self.state:
            self.state = state
            self._changed()


def now() -> str:
    """Return the time as Kubernetes writes it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _clear(process: Any) -> None:
    """Kill what is left of its process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)

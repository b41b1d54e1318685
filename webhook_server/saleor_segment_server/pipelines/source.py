"""Where Pipelines come from: what a file and the Secrets of a release have in common."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from saleor_segment_server.pipelines.table import Table


class PipelineSource(Protocol):
    """Keeps a table in step with what somebody else writes.

    What cannot be read or reached leaves the last good Pipelines in force.
    """

    async def run(self, stop: asyncio.Event) -> None:
        """Look for changes until ``stop`` is set."""


OpenSource = Callable[[Table, Callable[[bool], None]], AbstractAsyncContextManager[PipelineSource]]
"""Opens a source for a table; the other argument is told whether something in it is unreadable.

Raises ``StartError`` on entering where only the user can mend what is the matter.
"""

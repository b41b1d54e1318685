"""Keeps what the statuses say of delivery fresh between passes, which look at far more."""

import asyncio

import structlog

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.reconcile.moment import is_set_within
from saleor_segment_operator.reconcile.ports import Integrations
from saleor_segment_operator.reconcile.reconciler import Reconciler

_EVERY = 60.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def keep_measuring(
    reconciler: Reconciler,
    integrations: Integrations,
    stop: asyncio.Event,
    *,
    interval: float = _EVERY,
) -> None:
    """Measure every integration once per ``interval`` seconds, until ``stop`` is set."""
    while not await is_set_within(stop, interval):
        try:
            await reconciler.measure_all(await integrations.keys())
        except (Blocked, Unavailable) as error:
            _log.warning("measuring_failed", reason=error.reason)
        except Exception:  # noqa: BLE001 - a bug here does not end what keeps Saleor in order
            _log.exception("measuring_failed")

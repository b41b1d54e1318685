"""Settings of reconciling; the composition roots fill them from their own flags."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSettings:
    """What the reconciler is told, in a cluster as outside of one."""

    public_url: str
    """Base of the address that Saleor calls, without a trailing slash; the installation's, never
    a tenant's."""
    allowed_endpoint_hosts: tuple[str, ...] = ()
    """Hosts that ``spec.segment.endpoint`` may name; empty for all."""
    resync: timedelta = timedelta(minutes=5)
    """How often each integration is compared with Saleor when nothing has happened, so that drift
    is corrected; spread by a tenth so that a restart does not make them all fall together."""

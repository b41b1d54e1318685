"""What a pass says of each condition: pure, from what was found, planned and failed."""

from collections.abc import Mapping

from saleor_segment_operator.reconcile import app as apps
from saleor_segment_operator.reconcile.plan import Plan
from saleor_segment_operator.reconcile.recovered import missing
from saleor_segment_operator.reconcile.state import (
    Desired,
    Observed,
    Problem,
)
from saleor_segment_operator.resource import (
    ConditionStatus,
    ConditionType,
    Finding,
    Integration,
    Invalid,
    Reason,
    RecoveryStatus,
    ready,
)
from saleor_segment_operator.servers import Totals
from saleor_segment_server.contract import PipelineState
from saleor_segment_server.outbound.write_key import WriteKeyVerdict

_TRUE, _FALSE, _UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN


def of(
    desired: Desired, seen: Observed, plan: Plan, failures: Mapping[ConditionType, Problem]
) -> tuple[Finding, ...]:
    """Return what is found of every condition, ``Ready`` first."""
    found = (
        _credentials(seen),
        _app(desired, seen, plan),
        _pipeline(seen, plan),
        _webhooks(desired, plan),
        _write_key(desired, seen),
        delivering(seen),
        recovered(seen.integration.status.recovery),
        suspended(seen.integration),
        public_url(seen, desired.webhook_url),
    )
    told = tuple(_failed(each, failures.get(each.type)) for each in found)
    return (_failed(ready(told), failures.get(ConditionType.READY)), *told)


def suspended(integration: Integration) -> Finding:
    """Say whether ``spec.suspend`` is set."""
    name = ConditionType.SUSPENDED
    if isinstance(integration.spec, Invalid):
        return Finding(name, _UNKNOWN, Reason.INVALID_SPEC, "The spec cannot be read.")
    if integration.spec.suspend:
        message = "Events are kept, none is sent and Saleor is left as it is: spec.suspend is set."
        return Finding(name, _TRUE, Reason.SUSPENDED, message)
    return Finding(name, _FALSE, Reason.NOT_SUSPENDED, "spec.suspend is not set.")


def _failed(finding: Finding, problem: Problem | None) -> Finding:
    """Let what kept it from being done speak, where something did."""
    if problem is None:
        return finding
    return Finding(finding.type, _FALSE, problem.reason, problem.message)


def _trouble(name: ConditionType, problem: Problem) -> Finding:
    """Say that what could not be read is not known, and what must be mended does not hold."""
    return Finding(name, _UNKNOWN if problem.heals else _FALSE, problem.reason, problem.message)


def _unknown(name: ConditionType, problem: Problem) -> Finding:
    return Finding(name, _UNKNOWN, problem.reason, problem.message)


def _waits(name: ConditionType, cause: ConditionType, *, known: bool = True) -> Finding:
    message = f"It waits for {cause}."
    return Finding(name, _FALSE if known else _UNKNOWN, Reason.WAITING, message)


def _credentials(seen: Observed) -> Finding:
    name = ConditionType.CREDENTIALS_VALID
    if seen.credentials is not None:
        return _trouble(name, seen.credentials)
    if seen.version is None and isinstance(seen.app, Problem):
        return _unknown(name, seen.app)  # Saleor tells its version to whom it knows
    return Finding(name, _TRUE, Reason.CREDENTIALS_ACCEPTED, "Saleor accepts them.")


def _app(desired: Desired, seen: Observed, plan: Plan) -> Finding:
    name = ConditionType.APP_REGISTERED
    match plan.app:
        case apps.Registered(app):
            message = f'App "{app.name}" stands for it in Saleor.'
            return Finding(name, _TRUE, Reason.APP_REGISTERED, message)
        case Problem() as problem if problem == seen.credentials:
            return _waits(name, ConditionType.CREDENTIALS_VALID, known=not problem.heals)
        case Problem() as problem:
            return _trouble(name, problem)
        case _ if desired.spec.suspend:
            return Finding(name, _FALSE, Reason.SUSPENDED, "Nothing is changed while suspended.")
        case _:
            return Finding(name, _FALSE, *_under_way(plan.app))


def _under_way(app: apps.AppState) -> tuple[Reason, str]:
    match app:
        case apps.Lacking(found, permissions):
            message = f'App "{found.name}" is being given {" and ".join(permissions)}.'
            return Reason.PERMISSION_MISSING, message
        case apps.Searching(seconds):
            message = f"Creating it was interrupted: Saleor is searched for {seconds:.0f} s more."
            return Reason.CREATE_PENDING, message
        case _:
            return Reason.CREATING, "The app is being created."


def _pipeline(seen: Observed, plan: Plan) -> Finding:
    name = ConditionType.PIPELINE_SYNCED
    if plan.pipeline is None:
        return _waits(name, ConditionType.APP_REGISTERED, known=not _passes(plan.app))
    if not plan.stored:
        return Finding(name, _FALSE, Reason.CREATING, "The Pipeline is being written.")
    if isinstance(seen.held, Problem):
        return _unknown(name, seen.held)
    if not seen.held:
        message = "Not every ready server holds the Pipeline yet."
        return Finding(name, _FALSE, Reason.PIPELINE_PENDING, message)
    return Finding(name, _TRUE, Reason.PIPELINE_HELD, "Every ready server holds the Pipeline.")


def _webhooks(desired: Desired, plan: Plan) -> Finding:
    name = ConditionType.WEBHOOKS_ENABLED
    comparison = plan.webhooks
    if comparison is None:
        return _waits(name, ConditionType.APP_REGISTERED, known=not _passes(plan.app))
    if plan.obstacle is not None:
        return Finding(name, _FALSE, plan.obstacle.reason, plan.obstacle.message)
    if comparison.in_place and not comparison.disabled:
        count = len(comparison.kept)
        return Finding(name, _TRUE, Reason.WEBHOOKS_ENABLED, f"{count} webhooks are enabled.")
    if desired.spec.suspend:
        message = "Webhooks are not as they should be, and are not changed while suspended."
        return Finding(name, _FALSE, Reason.SUSPENDED, message)
    if comparison.in_place and not plan.synced:
        return _waits(name, ConditionType.PIPELINE_SYNCED)
    message = "Webhooks are being created, changed or enabled."
    return Finding(name, _FALSE, Reason.WEBHOOKS_INCOMPLETE, message)


def _passes(app: apps.AppState) -> bool:
    return isinstance(app, Problem) and app.heals


def _write_key(desired: Desired, seen: Observed) -> Finding:
    name = ConditionType.WRITE_KEY_VALID
    key = seen.write_key
    if isinstance(key, Problem):
        return _trouble(name, key)
    if key is None:
        return Finding(name, _UNKNOWN, Reason.WAITING, "It was not looked at.")
    secret = desired.write_key_secret
    match key.verdict:
        case WriteKeyVerdict.VALID:
            return Finding(name, _TRUE, Reason.WRITE_KEY_ACCEPTED, "Segment knows the write key.")
        case WriteKeyVerdict.INVALID:
            message = (
                f"Segment does not know the write key of {secret}: store the source's key there. "
                "Events are kept meanwhile."
            )
            return Finding(name, _FALSE, Reason.WRITE_KEY_UNKNOWN, message)
        case WriteKeyVerdict.OTHER_REGION:
            message = (
                f"The write key of {secret} belongs to another region: change "
                "spec.segment.region. Events are kept meanwhile."
            )
            return Finding(name, _FALSE, Reason.REGION_MISMATCH, message)
        case WriteKeyVerdict.UNKNOWN:
            message = "Segment was not asked about the write key or did not answer; it is used."
            return Finding(name, _UNKNOWN, Reason.WRITE_KEY_UNVERIFIED, message)


def delivering(seen: Observed) -> Finding:
    """Say whether Segment accepts what is sent."""
    name = ConditionType.DELIVERING
    totals, pipeline = seen.totals, seen.pipeline
    if totals is None or pipeline is None:
        return _waits(name, ConditionType.PIPELINE_SYNCED, known=False)
    if isinstance(totals, Problem):
        return _unknown(name, totals)
    if totals.parked is not None:
        message = f"Events are kept until key or spec change: {totals.parked}"
        return Finding(name, _FALSE, Reason.PARKED, message)
    if pipeline.state is PipelineState.PAUSED:
        message = "Events are kept and none is sent: suspended, or without a valid write key."
        return Finding(name, _FALSE, Reason.PAUSED, message)
    if totals.waiting is not None:
        message = f"Events are kept and tried again by themselves: {totals.waiting}"
        return Finding(name, _FALSE, Reason.SEGMENT_UNAVAILABLE, message)
    return Finding(name, _TRUE, Reason.SENDING, _sending(totals))


def _sending(totals: Totals) -> str:
    if totals.delivered:
        return "Segment accepts what is sent."
    return "Events are being sent." if totals.pending else "Nothing waits to be sent."


def recovered(status: RecoveryStatus | None) -> Finding:
    """Say whether what Saleor gave up came back."""
    name = ConditionType.DELIVERIES_RECOVERED
    if status is None:
        message = "Saleor was not asked yet what it gave up."
        return Finding(name, _UNKNOWN, Reason.WAITING, message)
    if status.hindrance is not None:
        message = f"What Saleor gave up cannot be brought back now: {status.hindrance}"
        return Finding(name, _UNKNOWN, Reason.RECOVERY_HINDERED, message)
    if status.missing:
        message = missing(status.missing, status.why)
        return Finding(name, _FALSE, Reason.DELIVERIES_MISSING, message)
    if status.resending:
        message = f"Saleor sends again what it had given up, signed anew: {status.resending}."
        return Finding(name, _FALSE, Reason.RESENDING, message)
    message = "Nothing that Saleor gave up is missing, of the 14 days that it keeps."
    return Finding(name, _TRUE, Reason.NOTHING_MISSING, message)


def public_url(seen: Observed, webhook_url: str | None) -> Finding:
    """Say whether Saleor reaches the webhook URL: the proof is that it did."""
    name = ConditionType.PUBLIC_URL_REACHABLE
    status, totals = seen.integration.status, seen.totals
    before = status.condition(name)
    proven = before is not None and before.status is _TRUE and status.webhook_url == webhook_url
    if proven or (isinstance(totals, Totals) and totals.received):
        return Finding(name, _TRUE, Reason.DELIVERY_RECEIVED, "Deliveries of Saleor arrive.")
    message = f"No delivery has come to {webhook_url} yet."
    if status.recovery is not None and status.recovery.recovered:
        message += " What Saleor gave up was fetched from it: see that it reaches this address."
    return Finding(name, _UNKNOWN, Reason.NOTHING_RECEIVED, message)

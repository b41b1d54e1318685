"""What a pass can do, each a step that may be done twice without harm."""

from dataclasses import dataclass, field

from saleor_segment_operator.reconcile.ports import Announcement
from saleor_segment_operator.resource import ConditionType
from saleor_segment_operator.saleor import WebhookDraft
from saleor_segment_server.contract import Pipeline


@dataclass(frozen=True, slots=True)
class Hold:
    """Add the finalizer."""


@dataclass(frozen=True, slots=True)
class RegisterApp:
    """Note that an app is about to be created, create it, store its token."""


@dataclass(frozen=True, slots=True)
class RenewToken:
    """Make a token for an app of ours whose token is lost, and store it."""

    app_id: str


@dataclass(frozen=True, slots=True)
class AdoptApp:
    """Write our uid into the app, so that it is known to be ours."""

    app_id: str


@dataclass(frozen=True, slots=True)
class GrantPermissions:
    """Let the app have these permissions and no others."""

    app_id: str
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class CreateWebhook:
    """Create a webhook, not enabled yet."""

    draft: WebhookDraft


@dataclass(frozen=True, slots=True)
class UpdateWebhook:
    """Make a webhook what it should be, enabled or not as it is."""

    webhook_id: str
    draft: WebhookDraft


@dataclass(frozen=True, slots=True)
class SwitchWebhooks:
    """Enable or disable webhooks."""

    webhook_ids: tuple[str, ...]
    active: bool


@dataclass(frozen=True, slots=True)
class DeleteWebhook:
    """Delete a webhook; it may be gone already."""

    webhook_id: str


@dataclass(frozen=True, slots=True)
class PublishPipeline:
    """Store the Pipeline for the servers to read."""

    pipeline: Pipeline = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bury:
    """Have every server make dead letters of the Pipeline's events that still wait."""


@dataclass(frozen=True, slots=True)
class DeleteApp:
    """Delete an app, its webhooks and tokens with it; it may be gone already."""

    app_id: str


@dataclass(frozen=True, slots=True)
class ForgetPipeline:
    """Take the Pipeline from the servers."""


@dataclass(frozen=True, slots=True)
class ForgetApp:
    """Forget what we keep of the app."""


@dataclass(frozen=True, slots=True)
class Release:
    """Remove the finalizer: the integration goes."""


OurAction = Hold | PublishPipeline | Bury | ForgetPipeline | ForgetApp | Release
"""What changes our own state and the servers'."""
SaleorAction = (
    AdoptApp
    | GrantPermissions
    | CreateWebhook
    | UpdateWebhook
    | SwitchWebhooks
    | DeleteWebhook
    | DeleteApp
)
"""What changes Saleor."""
Action = OurAction | SaleorAction | RegisterApp | RenewToken
"""All there is; the last two change both sides, step by step."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Actions that follow one another: the first that fails ends the lane, and only it."""

    about: ConditionType
    """The condition that says so if one fails."""
    actions: tuple[Action, ...]
    announcement: Announcement | None = None
    """What is told once all are done."""

"""Saleor's admin API, as far as we use it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor import apps, deliveries, documents, own_url, webhooks
from saleor_segment_operator.saleor.client import Client, Data
from saleor_segment_operator.saleor.deliveries import Contents, DeliveryPage, DeliveryState
from saleor_segment_operator.saleor.login import Staff
from saleor_segment_operator.saleor.models import App, StaffCredentials, Webhook, WebhookDraft
from saleor_segment_operator.saleor.refusals import MutationRefused, Refused, payload
from saleor_segment_operator.saleor.version import Version
from saleor_segment_server.contract import SaleorSource
from saleor_segment_server.outbound import Guard

T = TypeVar("T")

_MOST_PAGES = 100
_LONGEST_KEY_SET = 64 * 2**10


class Saleor:
    """One Saleor, by its API address; use it as an async context manager.

    A staff user creates, adopts and deletes apps; an app's token manages the app's own webhooks.
    Methods raise ``Blocked`` where only the user can help and ``Unavailable`` where time may; the
    messages hold no credentials and nothing of what the address answered.

    Args:
        api_url: Saleor's GraphQL endpoint.
        guard: Judges the addresses that are connected to.
        clock: Seconds since the epoch.
        timeout: Seconds for a whole call.
    """

    def __init__(
        self, api_url: str, *, guard: Guard, clock: Callable[[], float], timeout: float = 15.0
    ) -> None:
        self._client = Client(api_url, guard=guard, timeout=timeout)
        self._staff = Staff(self._client, clock=clock)
        self._version: Version | None = None
        self._key_set_url = SaleorSource(api_url=api_url).key_set_url
        self._key_set: dict[str, Any] | None = None

    async def __aenter__(self) -> Self:
        """Open the session; connections are made when they are needed."""
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._client.__aexit__(kind, error, trace)

    async def version(self, caller: str | StaffCredentials) -> Version:
        """Return Saleor's version, which it tells apps (by token) and staff only."""

        def read(data: Data) -> Version:
            return Version.parse(data["shop"]["version"])

        if isinstance(caller, StaffCredentials):
            self._version = await self._staff.call(caller, documents.READ_VERSION, {}, read)
        else:
            self._version = await self._call(caller, documents.READ_VERSION, {}, read)
        return self._version

    async def own_url(self, token: str) -> str | None:
        """Return the origin the shop gives itself, as in ``Saleor-Api-Url``, to an app.

        ``None`` where it does not tell now, or tells no address. Both come from Saleor's PUBLIC_URL
        or, without it, from the domain of its site.
        """
        try:
            return await self._call(
                token,
                documents.READ_OWN_URL,
                {},
                lambda data: own_url.parse(data["shop"]["domain"]["url"]),
            )
        except (Blocked, Unavailable):
            return None

    async def own_app(self, token: str) -> App | None:
        """Return the app the token belongs to, with its webhooks.

        ``None`` where Saleor does not know the token: it was deleted, or its app was deleted or
        deactivated, or it never was an app's.
        """
        try:
            version = self._version or await self.version(token)
            document = webhooks.documents_for(version).own_app
            return await self._call(token, document, {}, apps.read_own)
        except Blocked as error:
            if error.reason == Reason.TOKEN_REJECTED:
                return None
            self._version = None  # it may be another by now, and spell webhooks otherwise
            raise

    async def find_apps(self, staff: StaffCredentials, *, marker: str) -> list[App]:
        """Return the apps with ``marker`` as their identifier, without their webhooks."""
        found: list[App] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            variables = {"after": cursor}
            page, cursor = await self._staff.call(
                staff, documents.FIND_APPS, variables, apps.read_page
            )
            found += [app for app in page if app.identifier == marker]
            if cursor is None:
                return found
        message = f"Saleor at {self._client.api_url} lists apps without end: delete unused ones."
        raise Blocked(Reason.SALEOR_REFUSED, message)

    async def create_app(
        self,
        staff: StaffCredentials,
        *,
        name: str,
        marker: str,
        uid: str,
        permissions: Sequence[str],
    ) -> tuple[App, str]:
        """Create an app, and return it with its token, which Saleor shows only now.

        Interrupted after the first of its two steps it leaves an app with our marker and no uid,
        which ``find_apps`` finds.

        Args:
            staff: Whose login is used.
            name: Its name in the dashboard, at most 60 characters.
            marker: Its identifier, at most 256 characters; Saleor does not check that it is new.
            uid: The integration it is for.
            permissions: What it may; the staff user must hold all of it.
        """
        fields = {"name": name, "identifier": marker, "permissions": list(permissions)}
        created, token = await self._manage(
            staff, documents.CREATE_APP, {"input": fields}, apps.read_created
        )
        await self.adopt_app(staff, created.id, uid=uid)
        return replace(created, uid=uid), token

    async def adopt_app(self, staff: StaffCredentials, app_id: str, *, uid: str) -> None:
        """Write into an app which integration it is for."""
        variables = {"id": app_id, "metadata": apps.metadata(uid)}
        await self._manage(staff, documents.MARK_APP, variables, _checked("updateMetadata"))

    async def grant(
        self, staff: StaffCredentials, app_id: str, *, permissions: Iterable[str]
    ) -> None:
        """Let an app have these permissions and no others; the staff user must hold them all."""
        variables = {"id": app_id, "input": {"permissions": sorted(permissions)}}
        await self._manage(staff, documents.GRANT_PERMISSIONS, variables, _checked("appUpdate"))

    async def create_token(self, staff: StaffCredentials, app_id: str, *, name: str) -> str:
        """Make another token for an app, and return it; those it has go on to work."""

        def read(data: Data) -> str:
            return str(payload(data, "appTokenCreate")["authToken"])

        variables = {"input": {"app": app_id, "name": name}}
        return await self._manage(staff, documents.CREATE_TOKEN, variables, read)

    async def delete_app(self, staff: StaffCredentials, app_id: str) -> None:
        """Delete an app with its webhooks and tokens; one that is gone already counts as done."""
        try:
            await self._manage(staff, documents.DELETE_APP, {"id": app_id}, _checked("appDelete"))
        except Unavailable as error:
            if error.reason != Reason.APP_GONE:
                raise

    async def create_webhook(self, token: str, draft: WebhookDraft, *, version: Version) -> Webhook:
        """Create a webhook of the app, not enabled."""
        fields = webhooks.webhook_input(draft, version) | {"isActive": False}
        document = webhooks.documents_for(version).create
        return await self._change(token, draft, document, {"input": fields}, "webhookCreate")

    async def update_webhook(
        self, token: str, webhook_id: str, draft: WebhookDraft, *, version: Version
    ) -> Webhook:
        """Make a webhook of the app what ``draft`` says; it stays enabled or not."""
        fields = webhooks.webhook_input(draft, version) | webhooks.EMPTIED
        variables = {"id": webhook_id, "input": fields}
        document = webhooks.documents_for(version).update
        return await self._change(token, draft, document, variables, "webhookUpdate")

    async def set_webhooks_active(self, token: str, ids: Sequence[str], active: bool) -> None:  # noqa: FBT001 - as Saleor's field
        """Enable or disable webhooks of the app, four a request."""
        for some in webhooks.switches(ids):
            await self._call(
                token,
                documents.SWITCH_WEBHOOKS,
                {"active": active, **some},
                _checked(*webhooks.SWITCHES),
            )

    async def delete_webhook(self, token: str, webhook_id: str) -> None:
        """Delete a webhook of the app; one that is gone already counts as done."""

        def read(data: Data) -> None:
            try:
                payload(data, "webhookDelete")
            except MutationRefused as refused:
                if not webhooks.is_gone(refused):
                    raise

        await self._call(token, documents.DELETE_WEBHOOK, {"id": webhook_id}, read)

    async def deliveries(
        self, token: str, webhook_id: str, state: DeliveryState, *, after: str | None = None
    ) -> DeliveryPage:
        """Return the app's deliveries in this state, newest first, a hundred at most.

        Args:
            token: The app's.
            webhook_id: The webhook they are of.
            state: Which of them.
            after: The cursor of the one that comes before these.
        """
        variables = deliveries.variables(
            webhook_id, state, first=deliveries.LARGEST_PAGE, after=after, whole=False
        )
        return await self._call(token, documents.READ_DELIVERIES, variables, deliveries.read_page)

    async def given_up(
        self, token: str, webhook_id: str, *, first: int, after: str | None
    ) -> dict[str, Contents]:
        """Return what the next ``first`` deliveries say that were given up, by their ids.

        Raises:
            Blocked: With the reason ``NOT_SALEOR`` also where that is more than 8 MiB.
        """
        state = DeliveryState.FAILED
        variables = deliveries.variables(webhook_id, state, first=first, after=after, whole=True)
        return await self._call(
            token, documents.READ_DELIVERIES, variables, deliveries.read_contents
        )

    async def retry_delivery(self, staff: StaffCredentials, delivery_id: str) -> None:
        """Have Saleor send a delivery again, signed anew, with all its retries."""
        variables = {"id": delivery_id}
        try:
            await self._staff.call(
                staff, documents.RETRY_DELIVERY, variables, deliveries.read_retried
            )
        except MutationRefused as refused:
            message = f"Saleor at {self._client.api_url} sends no delivery again ({refused})."
            raise Blocked(Reason.SALEOR_REFUSED, message) from refused

    async def jwks(self) -> dict[str, Any] | None:
        """Return the shop's public keys (RFC 7517), or those last seen if it is silent now."""
        document = await self._client.get_json(self._key_set_url, limit=_LONGEST_KEY_SET)
        if isinstance(document, dict) and document.get("keys"):
            self._key_set = document
        return self._key_set

    async def _manage(
        self, staff: StaffCredentials, document: str, variables: Data, read: Callable[[Data], T]
    ) -> T:
        """Have the staff user change an app."""
        try:
            return await self._staff.call(staff, document, variables, read)
        except MutationRefused as refused:
            raise apps.refusal(refused, self._client.api_url) from refused

    async def _change(
        self, token: str, draft: WebhookDraft, document: str, variables: Data, mutation: str
    ) -> Webhook:
        """Have the app make one of its webhooks what ``draft`` says."""

        def read(data: Data) -> Webhook:
            return Webhook.parse(payload(data, mutation)["webhook"])

        return await self._call(token, document, variables, read, target_url=draft.target_url)

    async def _call(
        self,
        token: str,
        document: str,
        variables: Data,
        read: Callable[[Data], T],
        *,
        target_url: str = "",
    ) -> T:
        """Call as the app."""
        if not (token.isascii() and token.isprintable()):  # it would not fit into a header
            raise self._rejected()
        try:
            return await self._client.call(document, variables, read, token=token)
        except Refused as refused:
            raise self._denied(refused) from refused
        except MutationRefused as refused:
            raise webhooks.refusal(refused, self._client.api_url, target_url) from refused

    def _denied(self, refused: Refused) -> Blocked:
        names = refused.permissions
        if refused.is_about_the_token or any(one.startswith("AUTHENTICATED_") for one in names):
            return self._rejected()
        missing = " or ".join(names) or "a permission"
        message = f"The app lacks {missing} in Saleor at {self._client.api_url}: grant it."
        return Blocked(Reason.PERMISSION_MISSING, message)

    def _rejected(self) -> Blocked:
        return Blocked(
            Reason.TOKEN_REJECTED,
            f"Saleor at {self._client.api_url} does not know the app token, or its app is not "
            "active: store a token of an active app.",
        )


def _checked(*mutations: str) -> Callable[[Data], None]:
    """Return a reader of mutations of which nothing matters but their errors."""

    def read(data: Data) -> None:
        for mutation in mutations:
            payload(data, mutation)

    return read

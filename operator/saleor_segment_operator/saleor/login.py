"""The staff user's session: one per credential, and never a login that is known to fail.

Saleor lets one address try one login at a time and doubles its wait with each wrong password, for
everybody behind that address. So logins go one by one, tokens are kept and refreshed, and what
Saleor refused is not tried again before it has changed or some minutes have passed.
"""

import asyncio
import base64
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

import orjson

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor import documents
from saleor_segment_operator.saleor.client import Client, Data
from saleor_segment_operator.saleor.models import StaffCredentials
from saleor_segment_operator.saleor.refusals import MutationRefused, Refused, payload

T = TypeVar("T")

_MARGIN = 30.0
"""Seconds before its end at which a token is renewed."""
_UNKNOWN_LIFE = 60.0
"""Seconds a token is kept that does not say how long it lives; Saleor's live 300."""
_KEPT = 3600.0
"""Seconds after which an unused session is forgotten."""
_REMEMBERED = 300.0
"""Seconds for which a refused login is not tried again."""
_LONGEST_WAIT = 3600.0
_UNKNOWN_WAIT = 60.0
_STAFF = "AUTHENTICATED_STAFF_USER"
"""What Saleor asks for beside permissions; under the ``passwordLoginMode`` CUSTOMERS_ONLY it takes
the staff's passwords and gives them sessions that lack it."""
_SUSPENDED_TILL = re.compile(r"till (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?)")


@dataclass(frozen=True, slots=True)
class _Session:
    token: str
    refresh_token: str
    renew_at: float


@dataclass(frozen=True, slots=True)
class _Refusal:
    reason: str
    message: str
    until: float


class Staff:
    """Calls Saleor as a staff user.

    Args:
        client: The connection to Saleor.
        clock: Seconds since the epoch.
    """

    def __init__(self, client: Client, *, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._one_login = asyncio.Lock()
        self._sessions: dict[str, _Session] = {}
        self._refusals: dict[str, _Refusal] = {}
        self._no_login_before = -math.inf

    async def call(
        self,
        staff: StaffCredentials,
        document: str,
        variables: Data,
        read: Callable[[Data], T],
    ) -> T:
        """Do as ``Client.call`` with the staff user's token, renewed once if Saleor refuses it.

        Raises:
            Blocked: The login is refused, or the user lacks a permission.
            Unavailable: As ``Client.call``; also while Saleor delays logins.
            MutationRefused: By ``read``.
        """
        token: str | None = None
        for _ in range(2):
            token = await self._token(staff, refused=token)
            try:
                return await self._client.call(document, variables, read, token=token)
            except Refused as refused:
                if _STAFF in refused.permissions:
                    raise self._no_longer_staff(staff) from refused
                if not refused.is_about_the_token:
                    raise self._denied(refused) from refused
        raise Unavailable(
            Reason.SALEOR_BUSY,
            f"Saleor at {self._client.api_url} refuses the session it just gave us: "
            "tried again by itself.",
        )

    def _denied(self, refused: Refused) -> Blocked:
        wanted = " or ".join(refused.permissions)
        where = f"in Saleor at {self._client.api_url}"
        message = (
            f"The staff user lacks {wanted} {where}: grant it through a permission group."
            if wanted
            else f"This is no staff user {where}: use one with MANAGE_APPS and MANAGE_ORDERS."
        )
        return Blocked(Reason.PERMISSION_MISSING, message)

    def _no_longer_staff(self, staff: StaffCredentials) -> Blocked:
        """Say so, and forget the session: what it is renewed to would stay a customer's."""
        self._sessions.pop(staff.digest, None)
        return Blocked(
            Reason.LOGIN_DISABLED,
            f"Saleor at {self._client.api_url} treats the staff user as a customer: set its "
            "passwordLoginMode to ENABLED if it is another, make the user staff again, or use "
            "spec.saleor.app.existing.",
        )

    async def _token(self, staff: StaffCredentials, *, refused: str | None) -> str:
        """Return a token that should be good: not over, and not the one refused."""
        session = self._sessions.get(staff.digest)
        if session is not None and self._is_good(session, refused):
            return session.token
        async with self._one_login:
            session = self._sessions.get(staff.digest)  # somebody may have renewed it meanwhile
            if session is None or not self._is_good(session, refused):
                renewed = await self._refresh(session) if session is not None else None
                session = renewed or await self._log_in(staff)
                self._keep(staff, session)
            return session.token

    def _is_good(self, session: _Session, refused: str | None) -> bool:
        return session.token != refused and self._clock() < session.renew_at

    def _keep(self, staff: StaffCredentials, session: _Session) -> None:
        oldest = self._clock() - _KEPT
        kept = {key: one for key, one in self._sessions.items() if one.renew_at > oldest}
        self._sessions = kept | {staff.digest: session}

    async def _refresh(self, session: _Session) -> _Session | None:
        variables = {"refreshToken": session.refresh_token}
        try:
            token = await self._client.call(
                documents.REFRESH,
                variables,
                lambda data: str(payload(data, "tokenRefresh")["token"]),
            )
        except (MutationRefused, Refused):
            return None
        return replace(session, token=token, renew_at=self._renew_at(token))

    async def _log_in(self, staff: StaffCredentials) -> _Session:
        self._heed_the_past(staff)
        variables = {"email": staff.email, "password": staff.password}
        try:
            token, refresh_token, is_staff = await self._client.call(
                documents.LOG_IN, variables, _granted
            )
        except MutationRefused as refused:
            raise self._refuse(staff, refused) from refused
        except Refused as refused:
            raise self._disabled() from refused
        if not is_staff:
            denied = self._denied(Refused("", ()))
            raise self._remember(staff, denied.reason, str(denied))
        return _Session(token, refresh_token, self._renew_at(token))

    def _heed_the_past(self, staff: StaffCredentials) -> None:
        """Raise what a login is bound to end in."""
        now = self._clock()
        self._refusals = {key: one for key, one in self._refusals.items() if now < one.until}
        if (past := self._refusals.get(staff.digest)) is not None:
            raise Blocked(past.reason, past.message)
        if now < self._no_login_before:
            raise self._throttled(self._no_login_before - now)

    def _refuse(self, staff: StaffCredentials, refused: MutationRefused) -> Blocked | Unavailable:
        where, codes = f"Saleor at {self._client.api_url}", refused.codes
        if "LOGIN_ATTEMPT_DELAYED" in codes:
            wait = self._wait(refused)
            self._no_login_before = self._clock() + wait
            return self._throttled(wait)
        if "DISABLED_AUTHENTICATION_METHOD" in codes:
            return self._disabled()
        if "INVALID_CREDENTIALS" in codes:
            message = f"{where} refuses email or password: mend the Secret."
        elif codes & {"INACTIVE", "ACCOUNT_NOT_CONFIRMED"}:
            message = f"{where} says that the staff user is not active: activate or confirm it."
        else:
            message = f"{where} refuses the login ({refused}): use another staff user."
        return self._remember(staff, Reason.CREDENTIALS_REJECTED, message)

    def _remember(self, staff: StaffCredentials, reason: str, message: str) -> Blocked:
        self._refusals[staff.digest] = _Refusal(reason, message, self._clock() + _REMEMBERED)
        return Blocked(reason, message)

    def _disabled(self) -> Blocked:
        return Blocked(
            Reason.LOGIN_DISABLED,
            f"Saleor at {self._client.api_url} lets no staff log in by password: set its "
            "passwordLoginMode to ENABLED and allowStorefrontTraffic to true, or use "
            "spec.saleor.app.existing.",
        )

    def _throttled(self, wait: float) -> Unavailable:
        return Unavailable(
            Reason.LOGIN_THROTTLED,
            f"Saleor at {self._client.api_url} delays logins after failed ones from our address: "
            f"tried again by itself in {math.ceil(wait)} s.",
            retry_after=wait,
        )

    def _wait(self, refused: MutationRefused) -> float:
        match = _SUSPENDED_TILL.search(" ".join(error.message for error in refused.errors))
        try:
            until = datetime.fromisoformat(match[1]).replace(tzinfo=UTC) if match else None
        except ValueError:
            until = None
        if until is None:
            return _UNKNOWN_WAIT
        return min(max(until.timestamp() - self._clock(), 1.0), _LONGEST_WAIT)

    def _renew_at(self, token: str) -> float:
        life = _lifetime(token)
        return self._clock() + max(life - _MARGIN, life / 2)


def _granted(data: Data) -> tuple[str, str, bool]:
    answer = payload(data, "tokenCreate")
    return str(answer["token"]), str(answer["refreshToken"]), bool(answer["user"]["isStaff"])


def _lifetime(token: str) -> float:
    """Return how long a JWT lives, by its own claims; its start is now, whatever its clock says."""
    try:
        claims = token.split(".")[1]
        document = orjson.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return float(document["exp"]) - float(document["iat"])
    except (IndexError, KeyError, TypeError, ValueError):
        return _UNKNOWN_LIFE

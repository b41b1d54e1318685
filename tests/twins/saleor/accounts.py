"""Users who log in: staff, their JWTs, and the throttle on logins (saleor/account)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from tests.twins.saleor.api.errors import UserError
from tests.twins.saleor.clock import Timekeeper
from tests.twins.saleor.ids import Names
from tests.twins.saleor.keys import ExpiredSignatureError, SigningKey, TokenError
from tests.twins.saleor.shop.catalogue import User

ACCESS_SECONDS = 300
"""Life of an access token (JWT_TTL_ACCESS)."""
REFRESH_SECONDS = 30 * 86_400
"""Life of a refresh token (JWT_TTL_REFRESH)."""
_LONGEST_DELAY = 3600


class InvalidTokenError(TokenError):
    """Raised when a genuine token was voided; the name is what Saleor answers as its code."""


class Throttle:
    """Delays logins per client address (saleor/account/throttling.py), by the clock."""

    def __init__(self, time: Timekeeper) -> None:
        self._time = time
        self._blocked_until: dict[str, float] = {}
        self._failures: dict[tuple[str, str], int] = {}

    def blocked_until(self, ip: str) -> float | None:
        """When this address may try again; ``None`` at once."""
        until = self._blocked_until.get(ip, 0.0)
        return until if until > self._time.clock() else None

    def failed(self, ip: str, known_email: str | None) -> None:
        """Note a failure: a second's delay, doubled by each for the same known account."""
        delay = 1
        if known_email is not None:
            failures = self._failures.get((ip, known_email), 0) + 1
            self._failures[ip, known_email] = failures
            delay = min(2 ** (failures - 1), _LONGEST_DELAY)
        self._blocked_until[ip] = self._time.clock() + delay

    def succeeded(self, ip: str, email: str) -> None:
        """Forget the failures from this address."""
        self._blocked_until.pop(ip, None)
        self._failures.pop((ip, email), None)


@dataclass(frozen=True)
class Session:
    """What a login gives."""

    user: User
    token: str
    refresh_token: str
    csrf_token: str


class Accounts:
    """The staff and their sessions. ``key`` and ``issuer`` are the shop's own of the moment."""

    def __init__(self, *, time: Timekeeper, names: Names, key: SigningKey) -> None:
        self.throttle = Throttle(time)
        self.key = key
        """The shop's one private key; it signs webhooks too."""
        self.issuer = ""
        """The API URL that tokens name."""
        self._time = time
        self._names = names
        self._pks = count(21)
        self._users: dict[str, User] = {}

    def add_staff(
        self, email: str, password: str, permissions: Sequence[str], *, superuser: bool = False
    ) -> User:
        """Add a member of the staff."""
        user = User(
            pk=next(self._pks),
            email=email,
            date_joined=self._time.now(),
            is_staff=True,
            is_superuser=superuser,
            permissions=tuple(permissions),
            password=password,
            jwt_token_key=self._names.token(12),
        )
        self._users[email] = user
        return user

    def login(self, email: str, password: str, ip: str) -> Session:
        """Check a password, unless the address has to wait."""
        if (until := self.throttle.blocked_until(ip)) is not None:
            raise UserError(None, _suspended(until), "LOGIN_ATTEMPT_DELAYED")
        user = self._users.get(email)
        if user is None or user.password != password or not user.is_active:
            self.throttle.failed(ip, user.email if user else None)
            raise UserError("email", "Please, enter valid credentials", "INVALID_CREDENTIALS")
        self.throttle.succeeded(ip, email)
        return Session(
            user, self.access_token(user), self._refresh_token(user), self._names.token(64)
        )

    def access_token(self, user: User, *, age: int = 0) -> str:
        """Return an access token issued so many seconds ago."""
        return self._token(user, "access", ACCESS_SECONDS - age)

    def void_tokens(self, user: User) -> None:
        """Void every token of a user (``tokensDeactivateAll``)."""
        user.jwt_token_key = self._names.token(12)

    def user_of(self, token: str, kind: str = "access") -> tuple[User, Mapping[str, Any]]:
        """Return whose a token is, and its claims. Raise ``TokenError`` if it is not accepted."""
        claims = self.key.claims(token, self._time.clock())
        user = self._users.get(claims["email"])
        if user is None or claims["token"] != user.jwt_token_key or claims["type"] != kind:
            raise InvalidTokenError("Invalid token. Create new one by using tokenCreate mutation.")
        return user, claims

    def checked(self, token: str, kind: str, field: str) -> tuple[User, Mapping[str, Any]]:
        """As ``user_of``, for mutations that take a token: raise ``UserError`` instead."""
        try:
            return self.user_of(token, kind)
        except ExpiredSignatureError as error:
            raise UserError(field, str(error), "JWT_SIGNATURE_EXPIRED") from error
        except InvalidTokenError as error:
            raise UserError(field, str(error), "JWT_INVALID_TOKEN") from error
        except TokenError as error:
            raise UserError(field, "Error decoding signature", "JWT_DECODE_ERROR") from error

    def _refresh_token(self, user: User) -> str:
        return self._token(user, "refresh", REFRESH_SECONDS)

    def _token(self, user: User, kind: str, seconds: int) -> str:
        now = int(self._time.clock())
        claims = {
            "iat": now,
            "owner": "saleor",
            "iss": self.issuer,
            "exp": now + seconds,
            "token": user.jwt_token_key,
            "email": user.email,
            "type": kind,
            "user_id": user.id,
            "is_staff": user.is_staff,
        }
        return self.key.jwt(claims)


def _suspended(until: float) -> str:
    moment = datetime.fromtimestamp(until, UTC)
    return (
        f"Logging has been suspended till {moment} due to too many logging attempts "
        "originating from the same IP address."
    )

"""Who calls, and what they may: the context of every resolver."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from tests.twins.saleor.api.errors import PermissionDenied, needs
from tests.twins.saleor.apps import App, Webhook
from tests.twins.saleor.keys import DecodeError
from tests.twins.saleor.shop.catalogue import User
from tests.twins.saleor.state import State

_STAFF_ONLY = "You need to be authenticated as a staff member to perform this action"


class Request:
    """One caller's request. Its token is looked at when a resolver first asks who calls."""

    def __init__(self, state: State, *, token: str | None = None, ip: str = "127.0.0.1") -> None:
        self.state = state
        self.ip = ip
        """The client's address, for the login throttle."""
        self.mutations: list[str] = []
        """The mutations it has called."""
        self._token = token

    @classmethod
    def of_app(cls, state: State, app: App) -> "Request":
        """Return the view an app has: what its webhooks' payloads are rendered with."""
        request = cls(state)
        request.__dict__["app"] = app
        return request

    @cached_property
    def app(self) -> App | None:
        """The app whose token it is."""
        return self.state.apps.by_token(self._token) if self._token else None

    @cached_property
    def user(self) -> User | None:
        """The user who calls. Raises ``TokenError`` for an expired or foreign token."""
        if self._token is None or self.app is not None:
            return None
        try:
            return self.state.accounts.user_of(self._token)[0]
        except DecodeError:
            return None  # garbage counts as no token

    @property
    def staff(self) -> User | None:
        """The member of the staff who calls."""
        if self.state.site.password_login_mode == "CUSTOMERS_ONLY":
            return None
        return self.user if self.user and self.user.is_staff else None

    @property
    def permissions(self) -> Sequence[str]:
        """What the caller may."""
        if self.app:
            return self.app.permissions
        return self.staff.permissions if self.staff else ()

    @property
    def is_superuser(self) -> bool:
        """Whether the caller may everything."""
        return self.staff is not None and self.staff.is_superuser

    def may(self, *one_of: str) -> bool:
        """Whether the caller holds one of these permissions."""
        kind = "AUTHENTICATED_APP" if self.app else "AUTHENTICATED_STAFF_USER"
        if kind in one_of and (self.app or self.staff):
            return True
        wanted = [name for name in one_of if not name.startswith("AUTHENTICATED")]
        return any(name in self.permissions for name in wanted) or bool(
            wanted and self.is_superuser
        )

    def demand(self, *one_of: str) -> None:
        """Raise ``PermissionDenied`` unless the caller holds one of these permissions."""
        if not self.may(*one_of):
            raise needs(*one_of)

    def demand_staff(self, permission: str) -> User:
        """Return the member of the staff who calls, if they hold this permission."""
        self.demand(permission)
        if not self.staff:
            raise PermissionDenied(_STAFF_ONLY)
        return self.staff

    def lacks(self, permissions: Sequence[str]) -> list[str]:
        """Those of these permissions that the caller does not hold."""
        if self.is_superuser:
            return []
        return [one for one in permissions if one not in self.permissions]

    def owns(self, node: App | Webhook) -> bool:
        """Whether the caller is this app, or the app of this webhook."""
        return self.app is not None and self.app is (
            node.app if isinstance(node, Webhook) else node
        )


def bearer(headers: Mapping[str, str]) -> str | None:
    """Return the token in the headers (saleor/core/auth.py); a bare one is ignored."""
    if own := headers.get("Authorization-Bearer"):
        return own
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() in {"bearer", "jwt"} and token.strip() else None

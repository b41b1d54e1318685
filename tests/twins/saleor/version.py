"""What differs between the Saleor versions an app meets (research: 3.20 to 3.24)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Version:
    """A Saleor version, and the rules that came with it."""

    text: str
    minor: tuple[int, int]

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read a version such as ``3.23.28`` or ``3.24.0-a.0``."""
        major, minor = text.split(".")[:2]
        return cls(text, (int(major), int(minor)))

    @property
    def schema(self) -> str:
        """The version of the GraphQL schema, as in ``3.23``."""
        return f"{self.minor[0]}.{self.minor[1]}"

    @property
    def has_app_problems(self) -> bool:
        """Apps report problems since 3.22."""
        return self.minor >= (3, 22)

    @property
    def has_webhook_identifier(self) -> bool:
        """Webhooks carry an identifier, and may be addressed by it, since 3.23."""
        return self.minor >= (3, 23)

    def defers(self, event: str) -> bool:
        """Whether a worker builds the event's payload when it sends it: most since 3.23."""
        if event in {"CHECKOUT_CREATED", "CHECKOUT_UPDATED"}:
            return True
        deferred = event.startswith("ORDER_") or event == "FULFILLMENT_CANCELED"
        return deferred and self.minor >= (3, 23)

    @property
    def bans_manage_apps(self) -> bool:
        """No app may hold MANAGE_APPS, since 3.24."""
        return self.minor >= (3, 24)

"""How an integration is named."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Namespace and name of an integration: what the work queue holds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def parse(cls, text: str | None) -> "Key | None":
        """Read it back from its text, ``None`` where that is none."""
        namespace, slash, name = (text or "").partition("/")
        return cls(namespace, name) if namespace and slash and name else None

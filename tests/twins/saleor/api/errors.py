"""Saleor's layers of errors, as exceptions: refusals of access, and errors of a mutation."""

from collections.abc import Sequence
from dataclasses import dataclass


class PermissionDenied(Exception):  # noqa: N818 -- Saleor answers the class's name as its code
    """Raised when the caller may not do or see something: a top-level error, HTTP 200."""


def needs(*one_of: str) -> PermissionDenied:
    """Return the refusal of a caller who holds none of these permissions."""
    path = "To access this path, you need one of the following permissions"
    return PermissionDenied(f"{path}: {', '.join(one_of)}")


@dataclass(eq=False)
class UserError(Exception):
    """Raised by a mutation to refuse its input: an entry of ``data.<mutation>.errors``."""

    field: str | None
    message: str
    code: str
    permissions: Sequence[str] | None = None


class RefusalError(Exception):
    """Raised by a mutation to refuse its input for several reasons at once."""

    def __init__(self, errors: Sequence[UserError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = list(errors)


def not_found(field: str | None, node_id: str, code: str = "NOT_FOUND") -> UserError:
    """Return Saleor's error for an id that leads nowhere."""
    return UserError(field, f"Couldn't resolve to a node: {node_id}", code)

"""How Saleor says no inside a well-formed answer: top-level errors, and errors of a mutation."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_CODE = re.compile(r"[A-Za-z_]{1,64}")
_PERMISSION = re.compile(r"\b(?:MANAGE|HANDLE|AUTHENTICATED)_[A-Z_]{1,48}\b")
_FIELD = re.compile(r"[A-Za-z]{1,32}")
_TOKEN_CODES = frozenset(
    {
        "DecodeError",
        "ExpiredSignatureError",
        "ImmatureSignatureError",
        "InvalidSignatureError",
        "InvalidTokenError",
        "STOREFRONT_TRAFFIC_NOT_ALLOWED",  # anonymous callers get it, and those of a dead token
    }
)


class Refused(Exception):  # noqa: N818 - it is what happened
    """Raised when Saleor refused an operation as a whole (top-level ``errors``)."""

    def __init__(self, code: str, permissions: tuple[str, ...]) -> None:
        super().__init__(code)
        self.code = code
        """Name of Saleor's exception; Saleor's words are not kept, they may hold anything."""
        self.permissions = permissions
        """The permissions of which one is missing."""

    @classmethod
    def of(cls, errors: object) -> "Refused":
        """Read top-level errors; the first that speaks of the caller tells most."""
        found = [cls._of(error) for error in errors] if isinstance(errors, list) else []
        telling = [one for one in found if one.is_about_the_token or one.is_a_denial]
        return next(iter([*telling, *found]), cls("", ()))

    @classmethod
    def _of(cls, error: object) -> "Refused":
        message = error.get("message") if isinstance(error, dict) else None
        permissions = _PERMISSION.findall(message) if isinstance(message, str) else []
        return cls(_code(error), tuple(permissions))

    @property
    def is_about_the_token(self) -> bool:
        """Whether the token is expired, void or of another shop."""
        return self.code in _TOKEN_CODES

    @property
    def is_a_denial(self) -> bool:
        """Whether the caller lacks a permission, or is not known at all."""
        return self.code == "PermissionDenied"


def _code(error: object) -> str:
    extensions = error.get("extensions") if isinstance(error, dict) else None
    exception = extensions.get("exception") if isinstance(extensions, dict) else None
    code = exception.get("code") if isinstance(exception, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error of a mutation (``AppError``, ``WebhookError``, ``AccountError``…)."""

    code: str
    field: str = ""
    """The input's field, or nothing."""
    message: str = ""
    """Saleor's words, where they were asked for: to be judged, never shown."""
    permissions: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.field}: {self.code}" if self.field else self.code


class MutationRefused(Exception):  # noqa: N818 - it is what happened
    """Raised when a mutation was understood and refused (``data.<mutation>.errors``)."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(", ".join(map(str, errors)))
        self.errors = tuple(errors)

    @property
    def codes(self) -> frozenset[str]:
        """The codes of all its errors."""
        return frozenset(error.code for error in self.errors)

    @property
    def permissions(self) -> tuple[str, ...]:
        """The permissions its errors name."""
        return tuple(name for error in self.errors for name in error.permissions)


def payload(data: Mapping[str, Any], mutation: str) -> Mapping[str, Any]:
    """Return what a mutation answered.

    Raises:
        MutationRefused: It has errors.
    """
    answer: Mapping[str, Any] = data[mutation]
    if answer["errors"]:
        raise MutationRefused([_field_error(error) for error in answer["errors"]])
    return answer


def _field_error(error: Mapping[str, Any]) -> FieldError:
    field, code = error["field"] or "", error["code"]
    permissions = error.get("permissions") or ()
    return FieldError(
        code=code if _CODE.fullmatch(code) else "",
        field=field if _FIELD.fullmatch(field) else "",
        message=error.get("message") or "",
        permissions=tuple(name for name in permissions if _PERMISSION.fullmatch(name)),
    )

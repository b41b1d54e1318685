"""An integration as it is stored: identity, spec, status and what is asked of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from saleor_segment_operator.resource.key import Key
from saleor_segment_operator.resource.spec import Spec
from saleor_segment_operator.resource.status import Status
from saleor_segment_operator.resource.text import SHORT

GROUP = "saleor-segment.io"
VERSION = "v1alpha1"
KIND = "SaleorSegmentIntegration"
FINALIZER = f"{GROUP}/finalizer"
RECONCILE_AT = f"{GROUP}/reconcile-at"
"""Annotation that asks for a reconcile; ``status.lastHandledReconcileAt`` echoes its value."""
RELEASE = f"{GROUP}/release"
"""Annotation that, set to ``true``, lets an integration go at once when it is deleted."""

KEPT_BY = f"{GROUP}/installation"
"""Annotation that says, beside our finalizer, which installation keeps an integration."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that a spec breaks."""

    path: tuple[str | int, ...]
    """Where, from the document's root, as in ``("spec", "events", 0)``."""
    message: str
    """What is the matter, without the value."""

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path))}: {self.message}"


@dataclass(frozen=True, slots=True)
class Invalid:
    """A spec that breaks rules, in place of one that can be acted on."""

    violations: tuple[Violation, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.violations))


@dataclass(frozen=True, slots=True)
class Integration:
    """A ``SaleorSegmentIntegration`` at one moment."""

    key: Key
    uid: str
    """Unique over time: one deleted and made again has another."""
    generation: int
    """Raised by the store at each change of the spec."""
    spec: Spec | Invalid
    status: Status = field(default_factory=Status)
    deleting: datetime | None = None
    """When its deletion was asked for; it goes once it is no longer held."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    held: bool = False
    """Whether our finalizer is on it."""

    @property
    def reconcile_at(self) -> str | None:
        """The value of the annotation that asks for a reconcile, as the status echoes it."""
        asked = self.annotations.get(RECONCILE_AT)
        return None if asked is None else asked[:SHORT]

    @property
    def kept_by(self) -> str | None:
        """The id of the installation that keeps it; ``None`` where none does, or none said so."""
        return self.annotations.get(KEPT_BY) if self.held else None

    @property
    def release(self) -> bool:
        """Whether it is to be let go at once when deleted."""
        return self.annotations.get(RELEASE) == "true"

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Integration":
        """Read a stored object; a spec that breaks rules becomes an ``Invalid`` one.

        Raises:
            ValueError: its metadata is incomplete, which no store lets happen.
        """
        metadata = document.get("metadata") or {}
        try:
            key = Key(metadata["namespace"], metadata["name"])
            uid = metadata["uid"]
        except KeyError as error:
            raise ValueError(f"metadata.{error.args[0]} is missing") from None
        deleting = metadata.get("deletionTimestamp")
        return cls(
            key=key,
            uid=uid,
            generation=metadata.get("generation", 0),
            spec=parse_spec(document.get("spec")),
            status=Status.parse(document.get("status")),
            deleting=datetime.fromisoformat(deleting) if deleting else None,
            annotations=dict(metadata.get("annotations") or {}),
            held=FINALIZER in (metadata.get("finalizers") or ()),
        )


def parse_spec(document: Any) -> Spec | Invalid:
    """Read a spec, or say what is wrong with it, naming fields but no values."""
    try:
        return Spec.model_validate({} if document is None else _without_nulls(document))
    except ValidationError as error:
        found = [
            Violation(("spec", *_place(each["loc"])), _message(each))
            for each in error.errors(include_input=False, include_url=False)
        ]
        return Invalid(tuple(each for each in found if not _follows(each, found)))


def _without_nulls(value: Any) -> Any:
    """Leave out what is null: it means absent, as the API server has it."""
    if not isinstance(value, Mapping):
        return value
    return {name: _without_nulls(each) for name, each in value.items() if each is not None}


def _follows(violation: Violation, others: Sequence[Violation]) -> bool:
    """Whether it only says that something within it was refused (a list left empty by that)."""
    depth = len(violation.path)
    return any(len(other.path) > depth and other.path[:depth] == violation.path for other in others)


def _place(found: Sequence[str | int]) -> Sequence[str | int]:
    """Return the path of what was refused; pydantic marks a map's key where it is no value."""
    return found[:-1] if found and found[-1] == "[key]" else found


_WORDS = {
    "extra_forbidden": "is no field of this resource",
    "missing": "is missing",
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "bool_type": "must be true or false",
}


def _message(found: Mapping[str, Any]) -> str:
    return _WORDS.get(found["type"]) or str(found["msg"]).removeprefix("Value error, ")

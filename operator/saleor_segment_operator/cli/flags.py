"""Flags from settings models: one field is a flag, an environment variable and a line of docs."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from saleor_segment_operator.errors import StartError
from saleor_segment_server.settings import Address, Duration, Size

Model = TypeVar("Model", bound=BaseSettings)
Names = Mapping[str, tuple[str, ...]]
"""Flags of fields that are not called after the field."""

_WRITTEN = {Size: "SIZE", Duration: "DURATION", Address: "HOST:PORT"}
_PLAIN = {Path: "PATH", int: "NUMBER"}
_SPANS = (("d", 86400), ("h", 3600), ("m", 60))
_SIZES = (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a settings model, as people see it."""

    field: str
    """Its name in the model."""
    flags: tuple[str, ...]
    """Its flags, the one to name last."""
    variable: str
    """Its environment variable."""
    help: str
    """The field's docstring."""
    metavar: str
    """What stands for its value; empty for a switch."""
    default: str | None
    """Its default as one would write it; ``None`` where it must be given."""
    repeatable: bool

    @property
    def flag(self) -> str:
        """The flag it is called by."""
        return self.flags[-1]


def settings_of(model: type[BaseSettings], names: Names) -> Iterator[Setting]:
    """Yield the settings of ``model``: what must be given first, then in the model's order."""
    prefix = model.model_config.get("env_prefix", "")
    fields = sorted(model.model_fields.items(), key=lambda item: not item[1].is_required())
    for name, field in fields:
        yield Setting(
            field=name,
            flags=names.get(name, ("--" + name.replace("_", "-"),)),
            variable=(prefix + name).upper(),
            help=" ".join((field.description or "").split()),
            metavar=_metavar(field),
            default=None if field.is_required() else _written(field),
            repeatable=get_origin(field.annotation) is tuple,
        )


def options(
    model: type[BaseSettings], names: Names
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that gives a command a flag for each setting of ``model``."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for setting in reversed(list(settings_of(model, names))):
            command = _option(setting)(command)
        return command

    return decorate


def load(model: type[Model], given: Mapping[str, Any], names: Names) -> Model:
    """Read ``model`` from the flags ``given``, else the environment, else its defaults.

    Raises:
        StartError: Naming the flag or variable at fault and what to write, never its value.
    """
    flags = {name: value for name, value in given.items() if value not in (None, ())}
    try:
        return model(**flags)
    except ValidationError as error:
        settings = {setting.field: setting for setting in settings_of(model, names)}
        first = error.errors(include_url=False, include_input=False)[0]
        setting = settings[str(first["loc"][0])]
        raise StartError(_complaint(setting, first["msg"], given=setting.field in flags)) from None


def _complaint(setting: Setting, message: str, *, given: bool) -> str:
    message = message.removeprefix("Value error, ")
    if given:
        return f"{setting.flag}: {message}"
    if setting.variable in os.environ:
        return f"{setting.variable}: {message}"
    return f"{setting.flag} (or {setting.variable}) is missing: {_plain(setting.help)}"


def _option(setting: Setting) -> Callable[[Callable[..., None]], Callable[..., None]]:
    default = f"; default {setting.default}" if setting.default else ""
    text = f"{_plain(setting.help)} [{setting.variable}{default}]"
    if setting.metavar:
        return click.option(
            *setting.flags,
            setting.field,
            metavar=setting.metavar,
            multiple=setting.repeatable,
            help=text,
        )
    switch = f"{setting.flag}/--no-{setting.flag.removeprefix('--')}"
    return click.option(switch, setting.field, default=None, help=text)


def _plain(text: str) -> str:
    """Leave out the marks that a docstring puts around code."""
    return text.replace("``", "")


def _metavar(field: FieldInfo) -> str:
    if field.annotation is bool:
        return ""
    for alias, metavar in _WRITTEN.items():
        if _is_written_as(field, alias):
            return metavar
    if get_origin(field.annotation) is Literal:
        return "|".join(get_args(field.annotation))
    kinds = {field.annotation, *get_args(field.annotation)}
    return next((metavar for kind, metavar in _PLAIN.items() if kind in kinds), "TEXT")


def _is_written_as(field: FieldInfo, alias: Any) -> bool:
    return get_args(alias)[1] in field.metadata


def _written(field: FieldInfo) -> str:
    value = field.default
    if value is None:
        return ""
    if value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        return _shortest(int(value.total_seconds()), _SPANS, "s")
    if _is_written_as(field, Size):
        return _shortest(value, _SIZES, "")
    return str(value)


def _shortest(value: int, units: tuple[tuple[str, int], ...], smallest: str) -> str:
    for unit, size in units:
        if value and value % size == 0:
            return f"{value // size}{unit}"
    return f"{value}{smallest}"

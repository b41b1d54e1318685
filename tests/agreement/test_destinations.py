"""Every message named by Segment's spec has what the presets of destinations require of it.

Held against what the second capture becomes, whose subscription asked for all that ours does, and
against bodies with everything a shop may have.
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import pytest

from saleor_segment_server.mapping.catalogue import Kind
from tests.agreement.destinations_page import (
    LIST,
    NUMBER,
    OBJECT,
    PRESETS,
    TEXT,
    TIME,
    WHOLE,
    Field,
    Preset,
)
from tests.data_plane.mapping.deliveries import Json, messages_of, of_our_events, with_options
from tests.data_plane.mapping.filled import EVERYTHING, bodies_of, sent

SPEC = with_options(naming="Spec")
FULL = with_options(naming="Spec", **EVERYTHING)


@cache
def _captured() -> tuple[Json, ...]:
    found = (
        messages_of(one.event, one.body, pipeline=pipeline)[0]
        for one in of_our_events("webhooks2")
        for pipeline in (SPEC, FULL)
    )
    return tuple(message for messages in found for message in messages)


@cache
def _filled() -> tuple[Json, ...]:
    bodies = (body for kind in Kind for body in bodies_of(kind))
    found = (sent(event, body, FULL) for event, body in bodies if _is_whole(body))
    return tuple(message for messages in found for message in messages)


def _is_whole(body: Json) -> bool:
    """Leave out bodies of the first capture, and those cut down: a shop answers what is asked."""
    order = body.get("order")
    if order is None:
        lines = body.get("checkout", {}).get("lines", [])
        return all("id" in line["variant"]["product"] for line in lines)
    return bool(order.get("total")) and "shippingPrice" in order and "net" in order["shippingPrice"]


def _messages(preset: Preset) -> list[Json]:
    return [each for each in (*_captured(), *_filled()) if each.get("event") in preset.events]


def _values(message: Any, path: str) -> list[Any]:
    """Return what is at a path, ``None`` where it is not; of a list for each element."""
    found = [message]
    for step in re.findall(r"[^.\[\]]+|\[\]", path):
        if step == "[]":
            found = [item for each in found for item in each or []]
        else:
            found = [each.get(step) if isinstance(each, dict) else None for each in found]
    return found


def _choices(message: Json, field: Field) -> list[Any]:
    """Return the values of a field, of the first of its paths that is there."""
    first, *others = (_values(message, path) for path in field.path.split("|"))
    for other in others:
        first = [one if one is not None else two for one, two in zip(first, other, strict=True)]
    return first


_CHECKS: dict[str, Callable[[Any], bool]] = {
    TEXT: lambda value: isinstance(value, str) and value.strip() != "",
    NUMBER: lambda value: type(value) in {int, float},
    WHOLE: lambda value: type(value) is int,
    TIME: lambda value: datetime.fromisoformat(value).tzinfo is not None,
    LIST: lambda value: isinstance(value, list),
    OBJECT: lambda value: isinstance(value, dict),
}

every_preset = pytest.mark.parametrize(
    "preset", PRESETS, ids=lambda preset: f"{preset.destination}-{preset.action}"
)


@every_preset
def test_what_a_preset_requires_is_in_every_message_it_takes(preset: Preset) -> None:
    for event in preset.events:
        assert [each for each in _messages(preset) if each["event"] == event]
    missing = [
        (field.path, message["properties"].get("order_number"))
        for message in _messages(preset)
        for field in preset.fields
        if field.required
        for value in _choices(message, field)
        if value is None
    ]
    assert missing == []


@every_preset
def test_what_a_preset_reads_has_the_type_it_reads(preset: Preset) -> None:
    for field in preset.fields:
        values = [value for each in _messages(preset) for value in _choices(each, field)]
        there = [value for value in values if value is not None]
        assert there, f"{field.path}: nothing that we send has it"
        assert [value for value in there if not _CHECKS[field.type](value)] == [], field.path


@every_preset
def test_currencies_are_codes(preset: Preset) -> None:
    currencies = {each["properties"]["currency"] for each in _messages(preset)}
    assert all(re.fullmatch("[A-Z]{3}", currency) for currency in currencies)

"""A pydantic model as a structural schema, which is what a CustomResourceDefinition takes.

Structural means: no references, no alternatives, a type on everything. Null is absence there, and
unknown fields are dropped by the API server rather than forbidden by the schema.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from saleor_segment_operator.resource.rules import RULES

Schema = dict[str, Any]

_KEYS = {"status.conditions": "type", "status.saleor.webhooks": "event"}
"""Lists that are maps, by the path: the field that is the key. Every other list is a set."""

_OPEN: Mapping[str, Schema] = {
    "status.conditions[].type": {"maxLength": 316, "pattern": "^[A-Z][A-Za-z]*$"},
    "status.conditions[].reason": {"maxLength": 1024, "pattern": "^[A-Z][A-Za-z]*$"},
}
"""Words of which a newer operator knows more: no enum, or an older definition would refuse its
status. The limits are those of ``metav1.Condition``."""

_KEPT = (
    "format",
    "enum",
    "minLength",
    "maxLength",
    "minItems",
    "minimum",
    "minProperties",
    "maxProperties",
)
"""Patterns are left to the rules: what the API server says of one helps nobody."""
_MOST_CONDITIONS = 32


def structural(model: type[BaseModel], name: str) -> Schema:
    """Return the schema of the field ``name`` at the resource's root, which is a ``model``.

    The status has no defaults: it says what the operator found, and nothing else.
    """
    schema = model.model_json_schema()
    return _Conversion(schema.get("$defs", {}), defaults=name != "status").node(schema, name)


class _Conversion:
    def __init__(self, definitions: Mapping[str, Schema], *, defaults: bool) -> None:
        self._definitions = definitions
        self._defaults = defaults

    def node(self, given: Schema, path: str) -> Schema:
        found = self._resolved(given)
        schema = {"type": found["type"]}
        if "description" in found:  # values of a map, and of some lists, have none
            schema["description"] = _text(found["description"])
        schema |= {key: found[key] for key in _KEPT if key in found}
        if self._defaults and found.get("default") is not None:
            # What is in an object has defaults of its own.
            schema["default"] = {} if found["type"] == "object" else found["default"]
        if found["type"] == "integer":
            schema["format"] = "int64"
        if found["type"] == "object":
            schema |= self._object(found, path)
        if found["type"] == "array":
            schema |= self._list(found, path)
        return _checked(schema, path)

    def _resolved(self, given: Schema) -> Schema:
        """Put what a reference or the one alternative to null means in its place."""
        inner = next((each for each in given.get("anyOf", ()) if each != {"type": "null"}), given)
        if "$ref" in inner:
            inner = self._definitions[inner["$ref"].removeprefix("#/$defs/")]
        return {**inner, **given}

    def _object(self, found: Schema, path: str) -> Schema:
        if "properties" not in found:
            return {"additionalProperties": self.node(_values(found), f"{path}{{}}")}
        properties = {
            name: self.node(each, f"{path}.{name}") for name, each in found["properties"].items()
        }
        required = {"required": found["required"]} if "required" in found else {}
        return required | {"properties": properties}

    def _list(self, found: Schema, path: str) -> Schema:
        items = self.node(found["items"], f"{path}[]")
        key = _KEYS.get(path)
        if key is None:
            most = found["maxItems"] if "maxItems" in found else len(items["enum"])
            return {"x-kubernetes-list-type": "set", "maxItems": most, "items": items}
        values = items["properties"][key].get("enum", ())
        return {
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": [key],
            "maxItems": len(values) or _MOST_CONDITIONS,
            "items": items,
        }


def _values(found: Schema) -> Schema:
    """Return what every value of a map is; what its keys are is left to the rules."""
    values: Schema = found["additionalProperties"]
    return values


def _checked(schema: Schema, path: str) -> Schema:
    """Add the rules of this path."""
    if path in _OPEN:
        del schema["enum"]
        schema |= {"minLength": 1, **_OPEN[path]}
    if path in RULES:
        schema["x-kubernetes-validations"] = [rule.document() for rule in RULES[path]]
    return schema


def _text(description: str) -> str:
    """Return a docstring as a person reads it: one paragraph, without markup."""
    return " ".join(description.replace("``", "").split())


def paths(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Yield every part of a structural schema with its path, from the outside in."""
    yield path, schema
    for name, each in schema.get("properties", {}).items():
        yield from paths(each, f"{path}.{name}")
    if "items" in schema:
        yield from paths(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from paths(schema["additionalProperties"], f"{path}{{}}")

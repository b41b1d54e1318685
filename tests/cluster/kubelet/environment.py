"""A container's command, arguments and environment, as its process gets them (pure)."""

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.cluster.kubelet.client import Object

ENTRYPOINT = "saleor-segment"
"""The entrypoint of our image, which a container without a command runs."""

_REFERENCE = re.compile(r"\$(\$|\(([-._a-zA-Z][-._a-zA-Z0-9]*)\))")
_MAP_KEY = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")

Find = Callable[[str, str], Object | None]
"""Finds ``Secret`` or ``ConfigMap`` by kind and name, in the Pod's namespace."""


class Unready(Exception):  # noqa: N818 - the container waits for it
    """Raised when something that a container needs is not there yet; says what."""


def variables(pod: Object, container: Object, find: Find) -> dict[str, str]:
    """Return the variables that the container's ``env`` and ``envFrom`` spell out.

    Raises:
        Unready: A Secret, a ConfigMap or a key that is referenced is not there.
    """
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        found.update(_all_of(source, find))
    for entry in container.get("env", ()):
        value = _value(entry, pod, find)
        if value is not None:
            found[entry["name"]] = expand(value, found)
    return found


def command(container: Object, environment: Mapping[str, str]) -> list[str]:
    """Return the program and its arguments, with ``$(VAR)`` expanded."""
    words = [*container.get("command", [ENTRYPOINT]), *container.get("args", ())]
    return [expand(word, environment) for word in words]


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Replace each ``$(VAR)`` that is known; ``$$`` stands for one dollar sign."""

    def one(match: re.Match[str]) -> str:
        return "$" if match[1] == "$" else environment.get(match[2], match[0])

    return _REFERENCE.sub(one, text)


def localise(text: str, address: str, mounts: Mapping[str, Path]) -> str:
    """Put the Pod's address for ``0.0.0.0`` and the local folders for the mount paths."""
    text = text.replace("0.0.0.0", address)
    if not mounts:
        return text
    # In one pass: a local folder may lie below a mount path, such as /tmp.
    paths = "|".join(re.escape(path) for path in sorted(mounts, key=len, reverse=True))
    found = rf"(?<![\w./-])({paths})(?![\w.-])"
    return re.sub(found, lambda match: str(mounts[match[1]]), text)


def field(pod: Object, path: str) -> str:
    """Return what a ``fieldRef`` stands for.

    Raises:
        ValueError: It is one that is not played.
    """
    in_map = _MAP_KEY.fullmatch(path)
    if in_map:
        return str(pod["metadata"].get(in_map[1], {}).get(in_map[2], ""))
    top, _, name = path.partition(".")
    if name not in pod.get(top, {}):
        raise ValueError(f"fieldRef {path} is not played by the test kubelet")
    return str(pod[top][name])


def content(kind: str, each: Object) -> dict[str, bytes]:
    """Return the data of a Secret or a ConfigMap."""
    binary = each.get("data" if kind == "Secret" else "binaryData") or {}
    data = {name: base64.b64decode(value) for name, value in binary.items()}
    if kind == "ConfigMap":
        data |= {name: value.encode() for name, value in (each.get("data") or {}).items()}
    return data


def looked_up(kind: str, reference: Mapping[str, Any], find: Find) -> dict[str, bytes] | None:
    """Return the data that a reference leads to; ``None`` where it is optional and not there.

    Raises:
        Unready: It is not there.
    """
    name = reference.get("name") or reference.get("secretName", "")
    each = find(kind, name)
    if each is not None:
        return content(kind, each)
    if reference.get("optional"):
        return None
    raise Unready(f"{kind} {name} not found")


def _value(entry: Mapping[str, Any], pod: Object, find: Find) -> str | None:
    source = entry.get("valueFrom")
    if source is None:
        return str(entry.get("value", ""))
    if "fieldRef" in source:
        return field(pod, source["fieldRef"]["fieldPath"])
    for kind, reference in _references(source, "KeyRef"):
        data = looked_up(kind, reference, find)
        if data is not None and reference["key"] in data:
            return data[reference["key"]].decode()
        if not reference.get("optional"):
            raise Unready(f"{kind} {reference['name']} has no key {reference['key']}")
        return None
    raise ValueError(f"{', '.join(source)} of {entry['name']} is not played by the test kubelet")


def _all_of(source: Mapping[str, Any], find: Find) -> dict[str, str]:
    prefix = source.get("prefix", "")
    found: dict[str, str] = {}
    for kind, reference in _references(source, "Ref"):
        data = looked_up(kind, reference, find) or {}
        found |= {prefix + name: value.decode() for name, value in data.items()}
    return found


def _references(source: Mapping[str, Any], end: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for kind, name in (("Secret", "secret"), ("ConfigMap", "configMap")):
        if name + end in source:
            yield kind, source[name + end]

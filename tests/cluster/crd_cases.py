"""Specs that the API server takes or refuses, and what it says: by the rule they are about."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]

STAFF = {"managed": {"credentialsSecretRef": {"name": "saleor-staff"}}}
TOKEN = {"existing": {"tokenSecretRef": {"name": "my-app"}}}
SMALLEST: Spec = {
    "saleor": {"apiUrl": "https://shop.example.com/graphql/", "app": STAFF},
    "segment": {"writeKeySecretRef": {"name": "segment"}},
}
EVERYTHING: Spec = {
    "saleor": {
        "apiUrl": "http://saleor-api.shop.svc:8000/graphql/",
        "publicUrl": "https://shop.example.com",
        "app": {"existing": {"tokenSecretRef": {"name": "my-app", "key": "saleor"}}},
    },
    "segment": {"writeKeySecretRef": {"name": "segment", "key": "eu"}, "region": "EU"},
    "events": ["ORDER_REFUNDED", "ORDER_CREATED"],
    "tracking": {"anonymousIdKey": "ajs_anonymous_id"},
    "suspend": True,
    "deletionPolicy": "Orphan",
}
IMMUTABLE = "is immutable: delete this integration and create it anew with the right "


@dataclass(frozen=True, slots=True)
class Case:
    """One spec, given anew or in place of another."""

    field: str
    """What it is about, as the API server names it."""
    spec: Any
    message: str = ""
    """What it says of the field; empty where the spec is taken."""
    before: Spec | None = None
    """The spec that is there already, for rules about changes."""
    pydantic: str = ""
    """What the model says of it, where that is no part of the API server's message."""

    def __str__(self) -> str:
        return f"{self.field}: {self.message or 'taken'}"


def changed(path: str, value: Any, base: Spec = SMALLEST) -> Spec:
    """Return ``base`` with the value at a dotted path below ``spec``; ``None`` removes it."""
    spec = deepcopy(base)
    *parents, last = path.removeprefix("spec.").split(".")
    inner = spec
    for name in parents:
        inner = inner.setdefault(name, {})
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return spec


def one(field: str, value: Any, message: str = "", base: Spec = SMALLEST, **more: Any) -> Case:
    return Case(field, changed(field, value, base), message, **more)


def _urls() -> Iterator[Case]:
    examples = {
        "spec.saleor.apiUrl": ("https://shop.example.com/graphql/", "/graphql/"),
        "spec.saleor.publicUrl": ("https://shop.example.com", ""),
        "spec.segment.endpoint": ("https://segment.example.com", ""),
    }
    for field, (example, path) in examples.items():
        absolute = f"must be an absolute http or https URL, as in {example}"
        is_absolute = "must be an absolute http or https URL"
        plain = "must not hold credentials, a query or a fragment: leave them out"
        is_plain = "must not hold credentials, a query or a fragment"
        yield one(field, f"https://shop.example.com{path}")
        yield one(field, f"http://saleor-api.shop.svc:8000{path}")
        yield one(field, f"http://[fd00::1]:8000{path}")
        for bad in ("shop.example.com", "ftp://shop.example.com", "https://", "https://a b"):
            yield one(field, f"{bad}{path}", absolute, pydantic=is_absolute)
        for bad in ("https://müller.example", "https://shop.example.com:65536", "https://[::g]"):
            yield one(field, f"{bad}{path}", absolute, pydantic=is_absolute)
        for bad in ("https://me:planted@shop.example.com", "https://planted@shop.example.com"):
            yield one(field, f"{bad}{path}", plain, pydantic=is_plain)
        for bad in ("?key=planted", "#planted", "?"):
            yield one(field, f"https://shop.example.com{path}{bad}", plain, pydantic=is_plain)
        yield one(
            field,
            f"https://shop.example.com/{'x' * 2048}{path}",
            "Too long: may not be more than 2048 bytes",
            pydantic="should have at most 2048 characters",
        )


def _references() -> Iterator[Case]:
    segment, staff = "spec.segment.writeKeySecretRef", "spec.saleor.app.managed"
    token = "spec.saleor.app.existing.tokenSecretRef"
    name = "must be the name of a Secret: lower-case letters, digits, - and ., as in segment-key"
    key = "must be a key of a Secret: letters, digits, -, _ and ., as in writeKey"
    pattern = "should match pattern"
    existing = changed("saleor.app", TOKEN)
    for path, base in (
        (f"{segment}.name", SMALLEST),
        (f"{staff}.credentialsSecretRef.name", SMALLEST),
        (f"{token}.name", existing),
    ):
        for good in ("segment", "a.b-c.0", "x" * 253):
            yield one(path, good, base=base)
        for bad in ("PlantedToken", "a..b", "-a", "a-", "a.-b", "a_b"):
            yield one(path, bad, name, base, pydantic=pattern)
        yield one(path, "", name, base, pydantic="should have at least 1 character")
        long = "Too long: may not be more than 253 bytes"
        yield one(path, "x" * 254, long, base, pydantic="should have at most 253 characters")
    for path, base in ((f"{segment}.key", SMALLEST), (f"{token}.key", existing)):
        for good in ("writeKey", "a_b.c-D", ".hidden", "_"):
            yield one(path, good, base=base)
        for bad in (".", "..", "..a", "a/b", "a b", "planted=="):
            yield one(path, bad, key, base, pydantic=pattern)
        yield one(path, "", key, base, pydantic="should have at least 1 character")


def _unions() -> Iterator[Case]:
    app, segment = "spec.saleor.app", "spec.segment"
    exactly_one = "must have exactly one of managed and existing"
    yield one(app, STAFF)
    yield one(app, TOKEN)
    yield one(app, {}, exactly_one)
    yield one(app, STAFF | TOKEN, exactly_one)
    both = "must have region or endpoint, not both"
    given = {**SMALLEST["segment"], "region": "EU", "endpoint": "https://segment.example.com"}
    yield Case(segment, SMALLEST)
    yield one(f"{segment}.region", "EU")
    yield one(segment, given, f"{both}: leave one out", pydantic=both)


def _paths() -> Iterator[Case]:
    api, public = "spec.saleor.apiUrl", "spec.saleor.publicUrl"
    graphql = "must end in /graphql/, with the slash: it is Saleor's API address"
    yield one(api, "https://shop.example.com/saleor/graphql/")
    for bad in ("", "/", "/graphql", "/graphql/api", "/mygraphql/"):
        yield one(api, f"https://shop.example.com{bad}", graphql)
    yield one(api, "https://graphql/", graphql)
    origin = "must be an origin without a path, as in https://shop.example.com"
    yield one(public, "https://shop.example.com/")
    yield one(public, "https://shop.example.com/shop", origin)


def _changes() -> Iterator[Case]:
    api, public, app = "spec.saleor.apiUrl", "spec.saleor.publicUrl", "spec.saleor.app"
    moved = changed(public, "https://shop.example.com")
    for field in (api, public, app):
        yield Case(field, changed("spec.suspend", value=True), before=SMALLEST)
    yield Case(public, changed("spec.suspend", value=True, base=moved), before=moved)
    yield one(api, "https://new.example.com/graphql/", f"{IMMUTABLE}apiUrl", before=SMALLEST)
    message = f"{IMMUTABLE}publicUrl"
    yield Case(public, moved, message, before=SMALLEST)
    yield Case(public, SMALLEST, message, before=moved)
    yield one(public, "https://new.example.com", message, before=moved)
    stay = "must stay managed or existing, as it was: delete this integration and create it anew"
    existing = changed(app, TOKEN)
    yield Case(app, existing, stay, before=SMALLEST)
    yield Case(app, SMALLEST, stay, before=existing)
    other = changed(f"{app}.managed.credentialsSecretRef.name", "other")
    yield Case(app, other, before=SMALLEST)
    yield one("spec.events", ["ORDER_CREATED"], before=SMALLEST)


def _values() -> Iterator[Case]:
    """Where the schema itself refuses, and no rule."""
    unsupported, wanted = "Unsupported value", "Input should be"
    yield one("spec.events", ["ORDER_REFUNDED"])
    few = "spec.events in body should have at least 1 items"
    yield one("spec.events", [], few, pydantic="should have at least 1 item")
    twice = ["ORDER_CREATED", "ORDER_CREATED"]
    once = "must name each event once"
    yield Case("spec.events[1]", changed("events", twice), "Duplicate value", pydantic=once)
    other = changed("events", ["ORDER_SHIPPED"])
    yield Case("spec.events[0]", other, unsupported, pydantic=wanted)
    for field, good, bad in (
        ("spec.segment.region", "US", "Mars"),
        ("spec.deletionPolicy", "Orphan", "Keep"),
    ):
        yield one(field, good)
        yield one(field, bad, unsupported, pydantic=wanted)
    yield one("spec.suspend", value=True)
    boolean = "spec.suspend in body must be of type boolean"
    yield one("spec.suspend", "yes", boolean, pydantic="must be true or false")
    key = "spec.tracking.anonymousIdKey"
    metadata = (
        "must be a metadata key of letters, digits, _, ., : and -, as in segment_anonymous_id"
    )
    yield one("spec.tracking", {})
    yield one(key, "my.shop:anonymous-id_1")
    for bad in ('"planted', "a b", "ä"):
        yield one(key, bad, metadata, pydantic="should match pattern")
    long = "Too long: may not be more than 128 bytes"
    yield one(key, "x" * 129, long, pydantic="should have at most 128 characters")
    for field in (
        "spec.saleor",
        "spec.saleor.apiUrl",
        "spec.saleor.app",
        "spec.saleor.app.managed.credentialsSecretRef",
        "spec.saleor.app.managed.credentialsSecretRef.name",
        "spec.segment",
        "spec.segment.writeKeySecretRef",
        "spec.segment.writeKeySecretRef.name",
    ):
        yield one(field, None, "Required value", pydantic="is missing")
    token = "spec.saleor.app.existing.tokenSecretRef"
    for field in (token, f"{token}.name"):
        spec = changed(field, None, changed("saleor.app", TOKEN))
        yield Case(field, spec, "Required value", pydantic="is missing")


CASES = (*_urls(), *_paths(), *_references(), *_unions(), *_changes(), *_values())

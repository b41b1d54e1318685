"""Specs, what is changed in them, and what is expected of the API server then."""

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
    "tracking": {
        "naming": "Spec",
        "names": {"ORDER_FULLY_PAID": "Order Paid", "ORDER_CANCELLED": "Größe 1"},
        "completedOn": "FullyPaid",
        "updates": "Changed",
        "privacy": {"email": "Hashed", "name": "Plain", "phone": "Plain", "address": "Plain"},
        "identify": True,
        "userId": "Namespaced",
        "guest": "Anonymous",
        "anonymousIdKey": "ajs_anonymous_id",
        "channels": ["default-channel", "channel_PLN"],
        "consent": {
            "metadataKey": "consent",
            "categories": {"Advertising": "ads", "Analytics": "stats"},
            "unknown": "Deny",
        },
        "products": {
            "url": "https://shop.example.com/{channel}/{slug}",
            "brandAttribute": "brand",
        },
    },
    "suspend": True,
    "deletionPolicy": "Orphan",
}
CONSENT = {"metadataKey": "consent", "categories": {"Advertising": "ads"}}
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

"""The CustomResourceDefinition, from the models."""

from typing import Any

import yaml

from saleor_segment_operator.resource.integration import GROUP, KIND, VERSION
from saleor_segment_operator.resource.schema import structural
from saleor_segment_operator.resource.spec import Spec
from saleor_segment_operator.resource.status import Status

SINGULAR = KIND.lower()
PLURAL = f"{SINGULAR}s"
NAME = f"{PLURAL}.{GROUP}"
"""The name of the definition."""
SHORT_NAME = "ssi"
CATEGORY = "saleor"

_READY = '.status.conditions[?(@.type=="Ready")]'
_COLUMNS = (
    ("Saleor", "string", ".spec.saleor.apiUrl", "Address of the shop's API."),
    ("Ready", "string", f"{_READY}.status", "Whether all is as the spec asks."),
    ("Reason", "string", f"{_READY}.reason", "Why it is Ready or not."),
    ("Pending", "integer", ".status.delivery.pending", "Events accepted and not yet sent."),
    ("Age", "date", ".metadata.creationTimestamp", "When it was created."),
)
_WIDE = (
    ("App", "string", ".status.saleor.appId", "The app's global id in Saleor."),
    ("Segment", "string", ".status.segment.endpoint", "Base address of the Tracking API in use."),
    ("Last Delivered", "date", ".status.delivery.lastDeliveredAt", "When Segment last accepted."),
    ("Message", "string", f"{_READY}.message", "Why it is Ready or not, and what to do."),
)
_HEADER = "# Written by `saleor-segment crd` from the models; a test holds them equal.\n"


def manifest() -> dict[str, Any]:
    """Return the CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": SINGULAR,
                "shortNames": [SHORT_NAME],
                "categories": [CATEGORY],
            },
            "versions": [_version()],
        },
    }


def text() -> str:
    """Return the manifest as YAML."""
    return _HEADER + yaml.dump(manifest(), Dumper=_Plain, sort_keys=False, width=100)


def _version() -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            *(_column(*each) for each in _COLUMNS),
            *({**_column(*each), "priority": 1} for each in _WIDE),
        ],
        "schema": {"openAPIV3Schema": _root()},
    }


def _column(name: str, kind: str, path: str, description: str) -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path, "description": description}


def _root() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Connects a Saleor shop to a Segment source: its orders arrive there.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "Group and version of this object."},
            "kind": {"type": "string", "description": f"Always {KIND}."},
            "metadata": {"type": "object"},  # the API server knows it, and takes no more here
            "spec": structural(Spec, "spec"),
            "status": structural(Status, "status"),
        },
    }


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice twice, so that a person can read it."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True

"""The kinds of manifest that are read, as strictly as ``kubectl apply`` reads them."""

import base64
import binascii
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from saleor_segment_operator.resource import GROUP, KIND, VERSION, Spec
from saleor_segment_server.contract.model import Model


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", text):
        raise ValueError("must be lower case letters, digits, '-' and '.', 253 at most")
    return text


def _namespace(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", text):
        raise ValueError("must be lower case letters, digits and '-', 63 at most")
    return text


def _text(value: object) -> object:
    if not isinstance(value, str | None):
        raise ValueError("must be text: put it in quotes")  # noqa: TRY004 - pydantic collects these
    return value or ""


def _base64(text: str) -> str:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is no base64: plain text belongs under stringData") from None
    return text


Name = Annotated[str, AfterValidator(_name)]
"""A DNS subdomain (RFC 1123), as every object's name is."""
Namespace = Annotated[str, AfterValidator(_namespace)]
"""A DNS label (RFC 1123)."""
Text = Annotated[str, BeforeValidator(_text)]
"""Text, where YAML likes to see numbers and booleans; null counts as empty, as in a cluster."""
Base64 = Annotated[Text, AfterValidator(_base64)]
"""Base64 (RFC 4648, section 4); line breaks are allowed."""


class Metadata(Model):
    """``ObjectMeta``; what only a cluster uses is accepted, since ``kubectl get`` prints it."""

    name: Name
    namespace: Namespace | None = None
    annotations: dict[str, Text] | None = None
    labels: dict[str, Text] | None = None
    creation_timestamp: Any = None
    deletion_grace_period_seconds: Any = None
    deletion_timestamp: Any = None
    finalizers: Any = None
    generate_name: Any = None
    generation: Any = None
    managed_fields: Any = None
    owner_references: Any = None
    resource_version: Any = None
    self_link: Any = None
    uid: Any = None


class IntegrationManifest(Model):
    """A ``SaleorSegmentIntegration``."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: Spec
    status: Any = None
    """Accepted and left alone: we keep our own."""


class SecretManifest(Model):
    """A core ``Secret``."""

    api_version: str
    kind: str
    metadata: Metadata
    type: str | None = None
    immutable: bool | None = None
    data: dict[str, Base64] | None = None
    string_data: dict[str, Text] | None = None
    """Wins over ``data`` under the same key."""

    def values(self) -> dict[str, bytes]:
        """Return what the Secret holds."""
        encoded = {key: base64.b64decode(text) for key, text in (self.data or {}).items()}
        plain = {key: text.encode() for key, text in (self.string_data or {}).items()}
        return encoded | plain


KINDS: dict[str, tuple[str, type[IntegrationManifest] | type[SecretManifest]]] = {
    KIND: (f"{GROUP}/{VERSION}", IntegrationManifest),
    "Secret": ("v1", SecretManifest),
}
"""The kinds that are read, each with its apiVersion and model."""

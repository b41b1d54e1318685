"""The Secrets that an integration names."""

from saleor_segment_operator.resource.integration import Integration, Invalid

SecretName = tuple[str, str]
"""Namespace and name of a Secret."""


def named_secrets(integration: Integration) -> frozenset[SecretName]:
    """Return the Secrets whose change concerns the integration; none where its spec is invalid."""
    spec = integration.spec
    if isinstance(spec, Invalid):
        return frozenset()
    app = spec.saleor.app
    names = {spec.segment.write_key_secret_ref.name}
    if app.managed is not None:
        names.add(app.managed.credentials_secret_ref.name)
    if app.existing is not None:
        names.add(app.existing.token_secret_ref.name)
    return frozenset((integration.key.namespace, name) for name in names)

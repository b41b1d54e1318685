"""What is ours on the API server: its type, its names and its labels."""

from collections.abc import Mapping

from saleor_segment_operator.resource import GROUP, VERSION
from saleor_segment_operator.resource.crd import PLURAL
from saleor_segment_server.cluster import Resource

INTEGRATIONS = Resource(GROUP, VERSION, PLURAL)
"""The integrations."""
OPERATOR = "saleor-segment-operator"
"""Who we are to the API server: field manager, source of Events, value of ``managed-by``."""
OWNER = f"{GROUP}/integration"
"""Annotation of a Secret of ours: the integration it is for, as ``namespace/name``."""
PART = f"{GROUP}/part"
"""Label of a Secret of ours: what it holds."""

APP = "app"
"""Value of ``PART``: an app's token."""
INSTALLATION = "installation"
"""Value of ``PART``: the installation's identity."""
PIPELINES = "pipelines"
"""Value of ``PART``: a shard of the Pipelines."""


def pipeline_owner(pipeline_id: str = "") -> str:
    """Return the annotation that says whose Pipeline it is; without an id what all begin with."""
    return f"integration.{GROUP}/{pipeline_id}"


def labels(release: str, part: str) -> Mapping[str, str]:
    """Return the labels of our Secrets; Helm did not make them and does not delete them."""
    return {
        "app.kubernetes.io/managed-by": OPERATOR,
        "app.kubernetes.io/instance": release,
        PART: part,
    }


def selector(release: str, part: str) -> str:
    """Return what selects by ``labels``, as far as they tell ours from others'."""
    return f"app.kubernetes.io/instance={release},{PART}={part}"


def installation_secret(release: str) -> str:
    """Return the name of the Secret with the installation's identity."""
    return f"{release}-installation"


def app_secret(release: str, uid: str) -> str:
    """Return the name of the Secret with the app's token of the integration with this uid."""
    return f"{release}-app-{uid}"


def lease(release: str) -> str:
    """Return the name of the Lease that the operators of a release lead by."""
    return f"{release}-operator"


def as_number(version: str | None) -> int:
    """Return a resource version as a number: those of one type may be compared; 0 for none."""
    return int(version) if version and version.isdigit() else 0

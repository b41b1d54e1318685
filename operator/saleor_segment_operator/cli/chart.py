"""The chart's values as models; ``values.yaml``, its schema and ``docs/values.md`` come from them.

Here is what is Kubernetes' own. What the daemons are told comes from their settings: ``values``.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

NAMESPACE_OR_NOTHING = r"^([a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?)?$"
QUANTITY = r"^[1-9][0-9]*(Mi|Gi|Ti)$"
DIGEST = r"^(sha256:[0-9a-f]{64})?$"
WEB_ADDRESS = r"^(https?://[^/?#@\s]+(/[^?#\s]*)?)?$"

Name = Annotated[str, Field(pattern=NAMESPACE_OR_NOTHING)]
"""A name of at most 42 characters, or nothing: the longest suffix must fit behind it."""
Free = dict[str, Any]
"""An object of the Kubernetes API, taken as it is."""
Texts = dict[str, str]
"""Labels or annotations."""


class Section(BaseModel):
    """A part of the values; unknown keys are refused, so that a slip is not silent."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class Webhook(Section):
    """Where Saleor sends its webhooks."""

    public_url: Annotated[str, Field(pattern=WEB_ADDRESS)] = ""
    """Required: the address under which Saleor reaches the server, as in
    https://events.example.com; give it one of ingress, httpRoute or a proxy of your own."""


class Image(Section):
    """The image of operator and server."""

    repository: Annotated[str, Field(min_length=1)] = "saleor-segment-operator"
    """Where it is pulled from: build it with the Dockerfile and push it to a registry of yours."""
    tag: str = ""
    """Its tag; empty for the chart's appVersion."""
    digest: Annotated[str, Field(pattern=DIGEST)] = ""
    """Its digest (sha256:…); wins over the tag."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When it is pulled."""


class Crds(Section):
    """The definition of SaleorSegmentIntegration."""

    enabled: bool = True
    """Install and upgrade it with this release; off where somebody else does."""
    keep: bool = True
    """Keep it, and with it every integration, when the release is uninstalled."""


class Rbac(Section):
    """Rights of the daemons and of people."""

    create: bool = True
    """Create the roles and bindings that the daemons need; off where you bind them yourself."""
    let_go: bool = True
    """With watchNamespaces, let the operator read and let go of integrations in the whole cluster,
    and nothing else: a namespace that is deleted takes the operator's rights there with it before
    its integrations, and hangs."""
    aggregate: bool = True
    """Add integrations to the cluster's roles view, edit and admin. Whoever may create one can
    use any Secret of its namespace."""


class ServiceAccount(Section):
    """The ServiceAccount of a daemon."""

    create: bool = True
    """Create it; off to use one that exists."""
    name: str = ""
    """Its name; empty for the component's own."""
    annotations: Texts = {}
    """Annotations of it."""


class InternalToken(Section):
    """The token with which the operator asks the servers how far they are."""

    existing_secret: str = ""
    """A Secret that holds it under the key token; empty to have one made once and kept. Name one
    where manifests are rendered without a cluster (GitOps): else each render makes another."""


class Service(Section):
    """The Service that Ingress, HTTPRoute or your proxy lead to."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """Its type."""
    annotations: Texts = {}
    """Annotations of it."""


class IngressTls(Section):
    """TLS of the Ingress."""

    enabled: bool = True
    """Terminate TLS there."""
    secret_name: str = ""
    """Secret of the certificate; empty for NAME-webhooks-tls, to be filled by cert-manager."""


class Ingress(Section):
    """An Ingress for the webhooks.

    Whatever redirects, limits bodies below 8 MiB or limits rates on the way loses events: Saleor
    gives up at the first 3xx or 4xx.
    """

    enabled: bool = False
    """Create it."""
    class_name: str = ""
    """Its class; empty for the cluster's default."""
    host: str = ""
    """Its host; empty for that of webhook.publicUrl."""
    annotations: Texts = {}
    """Annotations of it, as for a larger body limit."""
    tls: IngressTls = IngressTls()


class HttpRoute(Section):
    """A Gateway API HTTPRoute for the webhooks; needs its CRDs (v1) and a Gateway."""

    enabled: bool = False
    """Create it."""
    parent_refs: list[Free] = []
    """The Gateways it attaches to, as in [{name: public, namespace: gateways}]."""
    hostnames: list[str] = []
    """Its host names; empty for that of webhook.publicUrl."""
    annotations: Texts = {}
    """Annotations of it."""


class Workload(Section):
    """The pod of a daemon."""

    service_account: ServiceAccount = ServiceAccount()
    resources: Free = {}
    """Requests and limits."""
    termination_grace_period_seconds: Annotated[int, Field(ge=1)] = 30
    """Seconds it may take to drain."""
    pod_annotations: Texts = {}
    """Annotations of the pod."""
    pod_labels: Texts = {}
    """Labels of the pod."""
    extra_env: list[Free] = []
    """Environment variables besides, as in [{name: SSL_CERT_FILE, value: /etc/ca/bundle.pem}] for
    a shop whose certificate is of your own authority."""
    extra_volumes: list[Free] = []
    """Volumes besides, as in [{name: ca, configMap: {name: ca-bundle}}]."""
    extra_volume_mounts: list[Free] = []
    """Where they are mounted, as in [{name: ca, mountPath: /etc/ca, readOnly: true}]."""
    node_selector: Texts = {}
    """Labels of the nodes it may run on."""
    tolerations: list[Free] = []
    """Taints it tolerates."""
    affinity: Free = {}
    """Affinity to nodes and pods."""
    topology_spread_constraints: list[Free] = []
    """How it is spread."""
    priority_class_name: str = ""
    """Its priority class."""


class OperatorWorkload(Workload):
    """The operator: registers apps and webhooks. Events flow without it."""

    resources: Free = {
        "requests": {"cpu": "50m", "memory": "128Mi"},
        "limits": {"memory": "384Mi"},
    }
    """Requests and limits."""


class Persistence(Section):
    """The volume of the journal: what was acknowledged lies there until Segment has it."""

    size: Annotated[str, Field(pattern=QUANTITY)] = "10Gi"
    """Its size; nine tenths of it must hold server.settings.journalSize and ballast. Later changes
    need the steps in docs/chart.md."""
    storage_class: str | None = None
    """Its storage class; without one the cluster's default. It must survive the loss of a node."""
    access_mode: Literal["ReadWriteOncePod", "ReadWriteOnce"] = "ReadWriteOncePod"
    """ReadWriteOncePod keeps a second pod off the journal; ReadWriteOnce where the volume's driver
    knows no other."""
    when_deleted: Literal["Retain", "Delete"] = "Retain"
    """What becomes of the volume when the release is uninstalled; Delete loses what is pending."""


class DisruptionBudget(Section):
    """A PodDisruptionBudget.

    With one replica it can only forbid: a node is not drained until somebody deletes the pod.
    Saleor retries for 310 s and a move takes less, so it is off.
    """

    enabled: bool = False
    """Create it, with maxUnavailable 0."""


class ServerWorkload(Workload):
    """The server: receives, keeps and forwards events."""

    replicas: Annotated[int, Field(ge=0)] = 1
    """One: the journal is a file of one process. 0 stops receiving; Saleor gives a delivery up
    after 310 s."""
    resources: Free = {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"memory": "512Mi"},
    }
    """Requests and limits."""
    fs_group: int | None = 10001
    """Group of the volume's files; null where the cluster assigns one (OpenShift)."""
    persistence: Persistence = Persistence()
    pod_disruption_budget: DisruptionBudget = DisruptionBudget()


class NetworkPolicy(Section):
    """Who may talk to the pods, where the cluster's network enforces policies."""

    enabled: bool = False
    """Create it: the webhooks' port is for webhooksFrom, the private one for the operator and
    metricsFrom."""
    webhooks_from: list[Free] = []
    """Peers that may send webhooks, such as the ingress controller's namespace; empty for all."""
    metrics_from: list[Free] = []
    """Peers that may read metrics, such as Prometheus' namespace."""
    egress: list[Free] = []
    """Egress rules of both pods; empty leaves egress alone. Needed: DNS, the API server, Saleor,
    Segment."""


class ServiceMonitor(Section):
    """A ServiceMonitor of the Prometheus operator for both daemons."""

    enabled: bool = False
    """Create it."""
    interval: Annotated[str, Field(pattern=r"^[0-9]+(ms|s|m|h)$")] = "30s"
    """How often metrics are read."""
    labels: Texts = {}
    """Labels by which your Prometheus selects it."""


class PrometheusRule(Section):
    """Alerts for the Prometheus operator."""

    enabled: bool = False
    """Create them."""
    labels: Texts = {}
    """Labels by which your Prometheus selects them."""


class Metrics(Section):
    """Prometheus."""

    service_monitor: ServiceMonitor = ServiceMonitor()
    prometheus_rule: PrometheusRule = PrometheusRule()


class Uninstall(Section):
    """What happens before an uninstall."""

    release_finalizers: bool = True
    """Take our finalizer off every integration, so that none is stuck once nobody is there to
    let it go. Apps and webhooks stay in Saleor: delete the integrations first to have them gone."""

"""The chart rendered by Helm itself, with no cluster, for the options that are supported."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/saleor-segment-operator"
GOLDEN = Path(__file__).parent / "golden"
INSTALL = ROOT / "examples/kubernetes/install"

Manifest = dict[str, Any]

URL = "https://events.example.com"
WEBHOOK = {"webhook": {"publicUrl": URL}}
PEER = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
OPTIONS: Mapping[str, dict[str, Any]] = {
    "cluster": WEBHOOK,
    "namespaces": {**WEBHOOK, "watchNamespaces": ["shop-a", "shop-b"]},
    "ingress": {
        **WEBHOOK,
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "8m"},
        },
    },
    "httproute": {
        "webhook": {"publicUrl": f"{URL}/segment"},
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "public", "namespace": "gateways"}]},
    },
    "everything": {
        **WEBHOOK,
        "watchNamespaces": ["shop"],
        "pipelineShards": 2,
        "image": {
            "repository": "registry.example.com/saleor-segment-operator",
            "digest": "sha256:" + "0" * 64,
            "pullPolicy": "Always",
        },
        "imagePullSecrets": [{"name": "registry"}],
        "fullnameOverride": "events",
        "ipFamily": "IPv6",
        "commonLabels": {"team": "data"},
        "crds": {"keep": False},
        "settings": {"logLevel": "debug", "logFormat": "json", "forbidPrivate": True},
        "operator": {
            "serviceAccount": {"annotations": {"example.com/role": "operator"}},
            "podAnnotations": {"example.com/pod": "operator"},
            "podLabels": {"example.com/tier": "control"},
            "extraEnv": [{"name": "SSL_CERT_FILE", "value": "/etc/ca/bundle.pem"}],
            "extraVolumes": [{"name": "ca", "configMap": {"name": "ca-bundle"}}],
            "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "readOnly": True}],
            "nodeSelector": {"kubernetes.io/arch": "amd64"},
            "tolerations": [{"key": "dedicated", "operator": "Exists"}],
            "priorityClassName": "system-cluster-critical",
            "settings": {"allowedEndpointHosts": ["api.segment.io", "proxy.example.com"]},
        },
        "server": {
            "serviceAccount": {"create": False, "name": "events"},
            "affinity": {"podAntiAffinity": {}},
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname"}],
            "extraVolumes": [{"name": "ca", "configMap": {"name": "ca-bundle"}}],
            "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "readOnly": True}],
            "fsGroup": None,
            "persistence": {
                "size": "50Gi",
                "storageClass": "fast",
                "accessMode": "ReadWriteOnce",
                "whenDeleted": "Delete",
            },
            "podDisruptionBudget": {"enabled": True},
            "settings": {"journalSize": "40Gi", "maxRate": 1000},
        },
        "internalToken": {"existingSecret": "events-token"},
        "service": {"type": "LoadBalancer", "annotations": {"example.com/lb": "internal"}},
        "ingress": {"enabled": True, "host": "other.example.com", "tls": {"secretName": "cert"}},
        "httpRoute": {
            "enabled": True,
            "parentRefs": [{"name": "public"}],
            "hostnames": ["events.example.com", "other.example.com"],
        },
        "networkPolicy": {
            "enabled": True,
            "webhooksFrom": [{"namespaceSelector": {}}],
            "metricsFrom": [PEER],
            "egress": [{"ports": [{"port": 443}]}, {"ports": [{"port": 53, "protocol": "UDP"}]}],
        },
        "metrics": {
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        },
    },
    "bare": {
        **WEBHOOK,
        "crds": {"enabled": False},
        "rbac": {"create": False, "aggregate": False},
        "operator": {"serviceAccount": {"create": False}},
        "server": {"serviceAccount": {"create": False}},
        "uninstall": {"releaseFinalizers": False},
        "networkPolicy": {"enabled": True},
    },
}
"""Values of the options that are supported, by the name of their golden file."""
KUBECTL = {
    **WEBHOOK,
    "internalToken": {"existingSecret": "saleor-segment-internal-token"},
    "uninstall": {"releaseFinalizers": False},
}
"""Values of the manifests for users of kubectl alone: hooks are Helm's."""


def render(values: Mapping[str, Any], *, name: str = "saleor-segment") -> dict[str, str]:
    """Return what each template comes to, as for ``helm template``."""
    with helm_python.Chart.load(CHART) as chart:
        return dict(chart.render(dict(values), name=name, namespace="saleor-segment"))


def manifests(values: Mapping[str, Any], *, name: str = "saleor-segment") -> list[Manifest]:
    """Return every object that ``values`` come to."""
    return list(_objects(render(values, name=name)))


def find(objects: list[Manifest], kind: str, name: str) -> Manifest:
    """Return the one object of that kind and name."""
    (found,) = (one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


def kinds(objects: list[Manifest]) -> set[str]:
    """Return the kinds among them."""
    return {one["kind"] for one in objects}


def golden(values: Mapping[str, Any]) -> str:
    """Return the render as a golden file: without the CRD, without the random token."""
    text = _joined(values, without=("crds.yaml", "NOTES.txt"))
    return re.sub(r'^  token: ".*"$', "  token: RANDOM", text, flags=re.MULTILINE)


def install() -> str:
    """Return the manifest for users of kubectl alone."""
    return _joined(KUBECTL, without=("NOTES.txt",))


def _joined(values: Mapping[str, Any], *, without: tuple[str, ...]) -> str:
    parts = (
        f"---\n# Source: {path}\n{text.strip().removeprefix('---').strip()}\n"
        for path, text in sorted(render(values).items())
        if text.strip() and not path.endswith(without)
    )
    return "".join(parts)


def _objects(rendered: Mapping[str, str]) -> Iterator[Manifest]:
    for path, text in rendered.items():
        if not path.endswith("NOTES.txt"):
            yield from (one for one in yaml.safe_load_all(text) if one)

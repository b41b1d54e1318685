"""Values that cannot work are refused before anything is installed, and the message says why."""

from typing import Any

import helm_python
import pytest

from tests.chart.charts import CHART, WEBHOOK, render

SCHEMA: dict[str, tuple[dict[str, Any], str]] = {
    "a slip": ({"webhok": {}}, "webhok"),
    "a slip below": ({"server": {"replica": 1}}, "replica"),
    "no address": ({"webhook": {"publicUrl": "events.example.com"}}, "publicUrl"),
    "a query in it": ({"webhook": {"publicUrl": "https://a.example.com/?b"}}, "publicUrl"),
    "no namespace name": ({"watchNamespaces": ["Shop"]}, "watchNamespaces"),
    "too many shards": ({"pipelineShards": 65}, "pipelineShards"),
    "no shard": ({"pipelineShards": 0}, "pipelineShards"),
    "no level": ({"settings": {"logLevel": "loud"}}, "logLevel"),
    "no duration": ({"operator": {"settings": {"resync": "5 minutes"}}}, "resync"),
    "no workers": ({"operator": {"settings": {"workers": 0}}}, "workers"),
    "no size": ({"server": {"settings": {"quota": "2GB"}}}, "quota"),
    "no quantity": ({"server": {"persistence": {"size": "10G"}}}, "size"),
    "no access mode": ({"server": {"persistence": {"accessMode": "ReadWriteMany"}}}, "accessMode"),
    "no digest": ({"image": {"digest": "latest"}}, "digest"),
    "no image": ({"image": {"repository": ""}}, "repository"),
    "no boolean": ({"crds": {"keep": "yes"}}, "keep"),
    "too long a name": ({"fullnameOverride": "a" * 43}, "fullnameOverride"),
    "a negative replica": ({"server": {"replicas": -1}}, "replicas"),
}
CHECKS: dict[str, tuple[dict[str, Any], str]] = {
    "no address": (
        {"webhook": {"publicUrl": ""}},
        "--set webhook.publicUrl=https://events.example.com",
    ),
    "two replicas": ({"server": {"replicas": 2}}, "server.replicas is 2: the journal is a file"),
    "a path": (
        {"webhook": {"publicUrl": "https://a.example.com/b/"}, "ingress": {"enabled": True}},
        "leave the path out, or set ingress.enabled=false",
    ),
    "no gateway": ({"httpRoute": {"enabled": True}}, "name the Gateway"),
    "a small volume": (
        {"server": {"persistence": {"size": "8Gi"}}},
        "ask for a larger volume or lower journalSize",
    ),
    "a full volume": (
        {"server": {"settings": {"journalSize": "9Gi", "ballast": "1"}, "persistence": {}}},
        "server.persistence.size is 10Gi",
    ),
    "no time to stop": (
        {"server": {"settings": {"shutdownDelay": "0.5m"}, "terminationGracePeriodSeconds": 39}},
        "server.terminationGracePeriodSeconds is 39, and must hold server.settings.shutdownDelay",
    ),
    "a large ballast": ({"server": {"settings": {"ballast": "2Gi"}}}, "ballast (2Gi)"),
}


@pytest.mark.parametrize(("values", "named"), SCHEMA.values(), ids=SCHEMA)
def test_the_schema_refuses(values: dict[str, Any], named: str) -> None:
    with (
        helm_python.Chart.load(CHART) as chart,
        pytest.raises(helm_python.HelmValuesError) as refused,
    ):
        chart.validate_schema({**WEBHOOK, **values})
    assert named in str(refused.value)


@pytest.mark.parametrize(("values", "said"), CHECKS.values(), ids=CHECKS)
def test_the_templates_refuse_and_say_what_to_do(values: dict[str, Any], said: str) -> None:
    with pytest.raises(helm_python.HelmError) as refused:
        render({**WEBHOOK, **values})
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("size", "journal", "ballast"),
    [("10Gi", "8Gi", "64Mi"), ("1Ti", "800Gi", "1Gi"), ("100Mi", "80Mi", "1048576")],
)
def test_a_volume_that_holds_the_journal_is_taken(size: str, journal: str, ballast: str) -> None:
    server = {
        "persistence": {"size": size},
        "settings": {"journalSize": journal, "ballast": ballast},
    }
    assert render({**WEBHOOK, "server": server})


@pytest.mark.parametrize(("delay", "grace"), [("5s", 15), ("0.5m", 40), ("1h", 3610)])
def test_a_grace_period_that_holds_the_shutdown_delay_is_taken(delay: str, grace: int) -> None:
    server = {"settings": {"shutdownDelay": delay}, "terminationGracePeriodSeconds": grace}
    assert render({**WEBHOOK, "server": server})


def test_as_a_subchart_it_takes_the_globals_of_its_parent() -> None:
    assert render({**WEBHOOK, "global": {"imageRegistry": "registry.example.com"}})

"""Who may do what, as the chart grants it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.chart.charts import OPTIONS, WEBHOOK, Manifest, find, manifests

WRITING = {"create", "update", "patch", "delete", "deletecollection", "*"}
NAME = "saleor-segment"

each_option = pytest.mark.parametrize("values", OPTIONS.values(), ids=OPTIONS)


@each_option
def test_secrets_are_written_in_the_release_namespace_only(values: Mapping[str, Any]) -> None:
    for role, rule in _rules(manifests(values)):
        if "secrets" in rule["resources"] and WRITING & set(rule["verbs"]):
            assert role["kind"] == "Role"
            assert role["metadata"]["namespace"] == "saleor-segment"


@each_option
def test_nothing_is_granted_by_a_star(values: Mapping[str, Any]) -> None:
    for _, rule in _rules(manifests(values)):
        assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}


def test_the_server_reads_its_pipelines_and_nothing_else() -> None:
    roles = _roles_of(manifests({**WEBHOOK, "pipelineShards": 2}), f"{NAME}-server")
    assert [role["rules"] for role in roles] == [
        [
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": [f"{NAME}-pipelines-0", f"{NAME}-pipelines-1"],
                "verbs": ["list", "watch"],
            }
        ]
    ]


def test_the_cluster_is_watched_unless_namespaces_are_named() -> None:
    (role, own) = _roles_of(manifests(WEBHOOK), f"{NAME}-operator")
    assert (role["kind"], own["kind"]) == ("ClusterRole", "Role")
    assert own["metadata"]["namespace"] == "saleor-segment"


def test_in_the_cluster_only_letting_go_is_granted_where_namespaces_are_named() -> None:
    objects = manifests({**OPTIONS["namespaces"], "rbac": {"aggregate": False}})
    (role,) = (one for one in objects if one["kind"] == "ClusterRole")
    assert {group for rule in role["rules"] for group in rule["apiGroups"]} == {"saleor-segment.io"}
    verbs = {verb for rule in role["rules"] for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch", "patch"}


def test_named_namespaces_get_a_role_each_and_the_cluster_none() -> None:
    objects = manifests({**OPTIONS["namespaces"], "rbac": {"aggregate": False, "letGo": False}})
    assert [one for one in objects if one["kind"].startswith("ClusterRole")] == []
    roles = _roles_of(objects, f"{NAME}-operator")
    places = [role["metadata"]["namespace"] for role in roles]
    assert sorted(places) == ["saleor-segment", "shop-a", "shop-b"]


def test_the_same_is_granted_in_a_namespace_as_in_the_cluster() -> None:
    name = f"{NAME}-operator-integrations"
    cluster = find(manifests(WEBHOOK), "ClusterRole", name)
    namespace = find(
        manifests({**WEBHOOK, "watchNamespaces": ["shop"]}),
        "Role",
        name,
    )
    assert namespace["rules"] == cluster["rules"]


@each_option
def test_roles_are_bound_to_the_accounts_of_the_pods(values: Mapping[str, Any]) -> None:
    objects = manifests(values)
    accounts = {
        one["spec"]["template"]["spec"]["serviceAccountName"]
        for one in objects
        if one["kind"] in {"Deployment", "StatefulSet"}
    }
    bound = {
        subject["name"]
        for one in objects
        if one["kind"].endswith("Binding")
        for subject in one["subjects"]
    }
    assert bound == (accounts if bound else set())
    created = {one["metadata"]["name"] for one in objects if one["kind"] == "ServiceAccount"}
    assert created <= accounts


def test_integrations_are_added_to_the_roles_of_people() -> None:
    objects = manifests(WEBHOOK)
    view = find(objects, "ClusterRole", f"{NAME}-view")
    edit = find(objects, "ClusterRole", f"{NAME}-edit")
    aggregated = "rbac.authorization.k8s.io/aggregate-to-"
    assert f"{aggregated}view" in view["metadata"]["labels"]
    assert f"{aggregated}view" not in edit["metadata"]["labels"]
    assert not WRITING & {verb for rule in view["rules"] for verb in rule["verbs"]}
    for role in (view, edit):
        assert f"{aggregated}admin" in role["metadata"]["labels"]
        assert all("secrets" not in rule["resources"] for rule in role["rules"])


def test_no_rights_are_created_where_somebody_else_grants_them() -> None:
    objects = manifests(OPTIONS["bare"])
    assert [one for one in objects if "Role" in one["kind"]] == []


def _rules(objects: list[Manifest]) -> Iterator[tuple[Manifest, Manifest]]:
    for one in objects:
        if one["kind"] in {"Role", "ClusterRole"}:
            yield from ((one, rule) for rule in one["rules"])


def _roles_of(objects: list[Manifest], account: str) -> list[Manifest]:
    bindings = [
        one
        for one in objects
        if one["kind"].endswith("Binding")
        and account in {subject["name"] for subject in one["subjects"]}
    ]
    return [
        next(
            role
            for role in objects
            if role["kind"] == binding["roleRef"]["kind"]
            and role["metadata"]["name"] == binding["roleRef"]["name"]
            and role["metadata"].get("namespace") == binding["metadata"].get("namespace")
        )
        for binding in bindings
    ]

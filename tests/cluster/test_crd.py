"""The definition on a real API server: each rule, each default, and what kubectl makes of it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import yaml

from saleor_segment_operator.resource import GROUP, KIND, Spec, parse_spec
from tests.agreement.layout import ROOT
from tests.cluster.crd_api import Api, installed
from tests.cluster.crd_cases import CASES
from tests.cluster.crd_specs import EVERYTHING, SMALLEST, STAFF, TOKEN, Case, changed
from tests.cluster.kubectl import Kubectl
from tests.cluster.plane.control_plane import ControlPlane
from tests.control_plane.resource.full_status import FULL

NAMESPACE = "crd"
PLANTED = "planted"


@pytest.fixture(scope="module")
def api(plane: ControlPlane, kubectl: Kubectl) -> Iterator[Api]:
    with installed(plane, kubectl, NAMESPACE) as api:
        yield api


def causes(answer: httpx.Response) -> list[tuple[str, str]]:
    """What is refused: fields, and what is said of them."""
    assert answer.status_code == 422, answer.text
    return [(each["field"], each["message"]) for each in answer.json()["details"]["causes"]]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_case_is_taken_or_refused_saying_what_to_do(api: Api, case: Case) -> None:
    answer = api.tried(case.spec, case.before)
    if not case.message:
        assert answer.status_code in {200, 201}, answer.text
        return
    found = causes(answer)
    assert [text for field, text in found if field == case.field and case.message in text], found
    assert PLANTED not in answer.text.lower()


def test_an_object_without_a_spec_is_refused(api: Api) -> None:
    assert ("spec", "Required value") in causes(api.tried(None))


@pytest.mark.parametrize("app", [STAFF, TOKEN])
def test_what_is_left_out_is_set_to_what_the_model_takes_it_for(api: Api, app: Any) -> None:
    given_spec = changed("saleor.app", app)
    stored = api.tried(given_spec).json()["spec"]
    spec = parse_spec(given_spec)
    assert isinstance(spec, Spec)
    assert stored == spec.model_dump(mode="json", by_alias=True, exclude_none=True)


def test_what_is_given_is_kept_as_it_is(api: Api) -> None:
    assert api.tried(EVERYTHING).json()["spec"] == EVERYTHING


def test_null_means_absent_to_both(api: Api) -> None:
    spec = {**SMALLEST, "suspend": None, "segment": {**SMALLEST["segment"], "region": None}}
    assert api.tried(spec).json()["spec"] == api.tried(SMALLEST).json()["spec"]
    assert parse_spec(spec) == parse_spec(SMALLEST)


def test_a_field_that_is_unknown_is_named_to_whoever_asks_and_never_kept(api: Api) -> None:
    spec = changed("tracking.nameing", "Spec")
    told = api.tried(spec, strict=True).json()["message"]
    assert told.endswith('unknown field "spec.tracking.nameing"')
    assert "nameing" not in api.tried(spec).json()["spec"]["tracking"]


def test_a_status_with_everything_set_is_stored_as_it_is_written(api: Api) -> None:
    api.create(SMALLEST, name="full")
    written = FULL.document()
    assert api.put_status("full", written)["status"] == written


def test_the_conditions_of_two_managers_live_side_by_side(api: Api) -> None:
    api.create(SMALLEST, name="shared")
    first, second = FULL.document()["conditions"][:2]
    api.apply_status("shared", {"conditions": [first]}, manager="reconciler")
    stored = api.apply_status("shared", {"conditions": [second]}, manager="stats")
    assert stored["status"]["conditions"] == [first, second]
    api.apply_status("shared", {}, manager="stats")
    stored = api.apply_status("shared", {"conditions": [first]}, manager="reconciler")
    assert stored["status"]["conditions"] == [first]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("ssi", ["Connects a Saleor shop to a Segment source"]),
        ("ssi.spec", ["saleor\t<Object> -required-", "suspend\t<boolean>", "Orphan leaves it"]),
        ("ssi.spec.saleor", ["apiUrl\t<string> -required-", "It ends in", "Immutable."]),
        ("ssi.spec.saleor.app", ["exactly one of managed", "existing\t<Object>"]),
        ("ssi.spec.segment", ["enum: US, EU", "US if neither region nor"]),
        ("ssi.spec.tracking", ["names\t<map[string]string>", "enum: Saleor, Spec", "<boolean>"]),
        ("ssi.spec.tracking.privacy", ["enum: Plain, Hashed, Omit", "not asked of Saleor either"]),
        ("ssi.spec.tracking.consent", ["categories\t<map[string]string> -required-", "as in"]),
        ("ssi.spec.tracking.products", ["Address of a product's page"]),
        ("ssi.status.conditions", ["reason\t<string> -required-", "enum: True, False, Unknown"]),
        ("ssi.status.delivery", ["pending\t<integer> -required-", "accepted and not yet sent"]),
    ],
)
def test_kubectl_explains_it(api: Api, path: str, words: list[str]) -> None:
    text = api.kubectl("explain", path)
    assert [each for each in words if each not in text] == []


def test_kubectl_lists_what_matters_and_more_on_demand(api: Api) -> None:
    api.create(SMALLEST, name="listed")
    status = FULL.document()
    delivered = datetime.now(UTC) - timedelta(hours=3, minutes=30)
    status["delivery"]["lastDeliveredAt"] = delivered.isoformat()
    api.put_status("listed", status)
    head, row = listed(api.kubectl("get", "ssi", "listed"))
    assert head == ["NAME", "SALEOR", "READY", "REASON", "PENDING", "AGE"]
    assert row[:-1] == ["listed", "https://shop.example.com/graphql/", "True", "Reconciled", "7"]
    head, row = listed(api.kubectl("get", "ssi", "listed", "-o", "wide"))
    assert head[6:] == ["APP", "SEGMENT", "LAST DELIVERED", "MESSAGE"]
    assert row[6:] == ["QXBwOjE=", FULL.segment.endpoint, "3h30m", FULL.conditions[0].message]


def listed(output: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in output.splitlines()]


def test_kubectl_finds_it_by_its_category(api: Api) -> None:
    api.create(SMALLEST, name="grouped")
    assert f"{KIND.lower()}.{GROUP}/grouped" in api.kubectl("get", "saleor", "-o=name")


EXAMPLES = sorted(
    path
    for path in (ROOT / "examples").rglob("*.yaml")
    if KIND in {each.get("kind") for each in yaml.safe_load_all(path.read_text()) if each}
)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_taken(api: Api, path: Any) -> None:
    told = api.kubectl("create", "--dry-run=server", "-o", "name", "-f", str(path))
    assert f"{KIND.lower()}.{GROUP}/" in told

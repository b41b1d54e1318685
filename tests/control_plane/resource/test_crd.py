"""Rules for custom resources, after kube-api-linter, and the table of cases against the model."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from saleor_segment_operator.resource import (
    ConditionType,
    Invalid,
    Reason,
    Spec,
    Status,
    parse_spec,
)
from saleor_segment_operator.resource.crd import manifest
from saleor_segment_operator.resource.rules import RULES
from saleor_segment_operator.resource.schema import paths, structural
from saleor_segment_server.contract import Event
from tests.cluster.crd_cases import CASES
from tests.cluster.crd_specs import Case
from tests.control_plane.resource.full_status import FULL

BOOLEANS = {
    "spec.suspend",  # the word Kubernetes users know; how to stop is not going to vary
    "spec.tracking.identify",  # a kind of message that is sent or not; what it tells is privacy's
    "status.saleor.webhooks[].active",  # Saleor's own isActive
}
ON_KUBERNETES_1_29 = {"all", "contains", "has", "isURL", "matches", "size"}
MAPS = {"spec.tracking.names", "spec.tracking.consent.categories"}
"""Their keys are the user's; whatever else has keys of its own choice would be kept unread."""
REMEDIES = ("must ", "must not ", "is immutable: ")
SPEC, STATUS = structural(Spec, "spec"), structural(Status, "status")


def everywhere() -> list[tuple[str, dict[str, Any]]]:
    return [*paths(SPEC, "spec"), *paths(STATUS, "status")]


def of_type(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((path, each) for path, each in everywhere() if each["type"] == name)


def test_booleans_stand_only_where_no_third_answer_will_come() -> None:
    assert {path for path, _ in of_type("boolean")} == BOOLEANS


def test_every_part_has_a_type_of_its_own_and_none_is_a_fraction() -> None:
    kinds = {each["type"] for _, each in everywhere()}
    assert kinds == {"object", "array", "string", "integer", "boolean"}


def test_nothing_unknown_is_kept_and_nothing_is_left_open() -> None:
    forbidden = {
        "x-kubernetes-preserve-unknown-fields",
        "nullable",
        "anyOf",
        "oneOf",
        "$ref",
        "title",
    }
    assert [path for path, each in everywhere() if forbidden & each.keys()] == []
    assert {path for path, each in of_type("object") if not each.get("properties")} == MAPS


def test_every_map_is_bounded_with_values_of_a_type_and_rules_for_its_keys() -> None:
    found = {path: each for path, each in everywhere() if "additionalProperties" in each}
    assert found.keys() == MAPS
    for path, each in found.items():
        assert each["maxProperties"] <= 64
        assert each["additionalProperties"]["type"] == "string"
        parent, _, name = path.rpartition(".")
        assert [rule for rule in RULES[parent] if f"self.{name}.all(" in rule.rule]


def test_every_field_is_described_by_a_sentence_that_is_not_its_name() -> None:
    for path, each in everywhere():
        if path.endswith(("{}", "channels[]")):
            assert "description" not in each  # what holds them is described
            continue
        text, name = each["description"], path.rpartition(".")[2]
        assert text.endswith("."), path
        assert text[0].isupper(), path
        assert "`" not in text, path
        assert "  " not in text, path
        assert "\n" not in text, path
        assert text.rstrip(".").replace(" ", "").lower() != name.lower(), path
        assert len(text.split()) > 2, path


def test_every_event_is_named_where_kubectl_explain_lists_no_words() -> None:
    text = SPEC["properties"]["events"]["description"]
    assert [event for event in Event if event not in text] == []


def test_every_string_is_bounded_or_one_of_a_few() -> None:
    bounds = {"maxLength", "enum"}
    open_ended = [
        path
        for path, each in of_type("string")
        if not bounds & each.keys() and each.get("format") != "date-time"
    ]
    assert open_ended == []


def test_every_number_is_counted_from_zero_in_64_bits() -> None:
    for path, each in of_type("integer"):
        assert (each["format"], each["minimum"]) == ("int64", 0), path


def test_every_list_is_bounded_and_merges_as_what_it_is() -> None:
    found = {
        path: (each["x-kubernetes-list-type"], *each.get("x-kubernetes-list-map-keys", ()))
        for path, each in of_type("array")
        if each["maxItems"]
    }
    assert found == {
        "spec.events": ("set",),
        "spec.tracking.channels": ("set",),
        "status.conditions": ("map", "type"),
        "status.saleor.webhooks": ("map", "event"),
    }


def test_the_key_of_a_map_is_always_there() -> None:
    for path, each in of_type("array"):
        for key in each.get("x-kubernetes-list-map-keys", ()):
            assert key in each["items"]["required"], path


def test_there_is_no_phase_and_the_status_has_no_defaults() -> None:
    assert "phase" not in STATUS["properties"]
    assert [path for path, each in paths(STATUS, "status") if "default" in each] == []


def test_a_union_and_what_is_below_it_has_no_default_that_would_choose() -> None:
    union = SPEC["properties"]["saleor"]["properties"]["app"]
    members = [union, *union["properties"].values(), SPEC["properties"]["segment"]]
    members += SPEC["properties"]["segment"]["properties"].values()
    assert [each for each in members if "default" in each] == []


def test_every_scalar_that_may_be_left_out_has_a_default_or_none_for_a_reason() -> None:
    optional = {
        f"{path}.{name}"
        for path, each in paths(SPEC, "spec")
        for name, inner in each.get("properties", {}).items()
        if name not in each.get("required", ()) and "default" not in inner
    }
    assert optional == {
        "spec.saleor.publicUrl",
        "spec.saleor.app.managed",
        "spec.saleor.app.existing",
        "spec.segment.region",
        "spec.segment.endpoint",
        "spec.tracking.consent",
        "spec.tracking.products.url",
        "spec.tracking.products.brandAttribute",
    }


def test_conditions_have_the_fields_of_metav1() -> None:
    condition = STATUS["properties"]["conditions"]["items"]
    assert set(condition["properties"]) == {
        "type",
        "status",
        "reason",
        "message",
        "observedGeneration",
        "lastTransitionTime",
    }
    assert condition["properties"]["status"]["enum"] == ["True", "False", "Unknown"]
    assert condition["properties"]["lastTransitionTime"]["format"] == "date-time"
    assert "enum" not in condition["properties"]["reason"]


@pytest.mark.parametrize(("field", "words"), [("type", ConditionType), ("reason", Reason)])
def test_a_condition_takes_the_words_we_have_and_those_to_come(
    field: str, words: Iterable[str]
) -> None:
    schema = STATUS["properties"]["conditions"]["items"]["properties"][field]
    pattern = re.compile(schema["pattern"])
    assert [word for word in (*words, "NotYetThoughtOf") if not pattern.fullmatch(word)] == []


def test_every_rule_stands_at_an_object_and_says_what_to_do() -> None:
    objects = dict(of_type("object"))
    for path, rules in RULES.items():
        for rule in rules:
            assert not rule.field or rule.field in objects[path]["properties"], path
            assert rule.message.startswith(REMEDIES), rule.message
            assert "\n" not in rule.rule


def test_rules_call_what_the_oldest_api_server_knows_and_nothing_else() -> None:
    rules = (rule.rule for each in RULES.values() for rule in each)
    unquoted = (re.sub(r"'[^']*'", "''", rule) for rule in rules)
    called = {name for rule in unquoted for name in re.findall(r"(\w+)\(", rule)}
    assert called == ON_KUBERNETES_1_29


def test_every_text_of_the_spec_has_a_rule_for_its_form() -> None:
    ruled = {f"{path}.{rule.field}" for path, rules in RULES.items() for rule in rules}
    texts = {path for path, each in paths(SPEC, "spec") if is_free_text(each)}
    assert {text.removesuffix("[]").removesuffix("{}") for text in texts} - ruled == set()


def is_free_text(schema: dict[str, Any]) -> bool:
    return schema["type"] == "string" and "enum" not in schema


def test_the_full_status_of_these_tests_has_every_field_and_all_are_declared() -> None:
    declared = {path for path, _ in paths(STATUS, "status")}
    assert set(keys(FULL.document(), "status")) == declared


def keys(value: Any, path: str) -> Iterator[str]:
    yield path
    if isinstance(value, dict):
        for name, each in value.items():
            yield from keys(each, f"{path}.{name}")
    if isinstance(value, list):
        for each in value:
            yield from keys(each, f"{path}[]")


def test_a_status_too_long_for_its_schema_is_cut() -> None:
    condition = FULL.conditions[0].model_dump() | {"message": "x" * 40_000}
    saleor = FULL.saleor.model_dump() | {"app_name": "x" * 300, "version": None}
    status = Status.model_validate({"conditions": [condition], "saleor": saleor})
    assert len(status.conditions[0].message) == 32_768
    assert status.saleor.app_name == "x" * 256


def test_the_definition_has_names_and_a_status_of_its_own() -> None:
    spec = manifest()["spec"]
    [version] = spec["versions"]
    assert manifest()["metadata"]["name"] == f"{spec['names']['plural']}.{spec['group']}"
    assert spec["scope"] == "Namespaced"
    assert spec["names"]["shortNames"] == ["ssi"]
    assert spec["names"]["categories"] == ["saleor"]
    assert version["subresources"] == {"status": {}}
    assert version["schema"]["openAPIV3Schema"]["required"] == ["spec"]


def test_every_rule_has_a_case_that_is_taken_and_one_that_is_refused() -> None:
    refused = {(case.field, case.message, case.before is not None) for case in CASES}
    taken = {(case.field, case.before is not None) for case in CASES if not case.message}
    for path, rules in RULES.items():
        for rule in rules:
            field = f"{path}.{rule.field}" if rule.field else path
            change = "oldSelf" in rule.rule
            assert (field, rule.message, change) in refused, rule
            assert (field, change) in taken, rule


def test_every_default_has_a_case_that_is_taken_and_one_that_is_refused() -> None:
    defaults = {path for path, each in paths(SPEC, "spec") if is_scalar_default(each)}
    assert defaults <= {case.field for case in CASES if not case.message}
    assert defaults <= {case.field.removesuffix("[1]") for case in CASES if case.message}


def is_scalar_default(schema: dict[str, Any]) -> bool:
    return "default" in schema and schema["type"] != "object"


@pytest.mark.parametrize("case", [case for case in CASES if not case.before], ids=str)
def test_the_model_says_the_same_of_each_case(case: Case) -> None:
    spec = parse_spec(case.spec)
    if not case.message:
        assert isinstance(spec, Spec), str(spec)
        return
    assert isinstance(spec, Invalid)
    field = case.field.split("[")[0]
    complaints = [str(each) for each in spec.violations]
    assert [each for each in complaints if each.startswith(field)], complaints
    assert [each for each in complaints if (case.pydantic or case.message) in each], complaints

from typing import Any

import pytest
from pydantic import BaseModel

from saleor_segment_operator.resource import DeletionPolicy, Invalid, Spec, parse_spec
from saleor_segment_operator.resource import spec as models
from saleor_segment_server.contract import Event

MANAGED = {"managed": {"credentialsSecretRef": {"name": "saleor-staff"}}}
EXISTING = {"existing": {"tokenSecretRef": {"name": "my-app"}}}


def document(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "saleor": {"apiUrl": "https://shop.example.com/graphql/", "app": MANAGED},
        "segment": {"writeKeySecretRef": {"name": "segment"}},
    }
    return base | changes


def parsed(document: Any) -> Spec:
    spec = parse_spec(document)
    assert isinstance(spec, Spec), spec
    return spec


def saleor(**changes: Any) -> dict[str, Any]:
    return document(saleor=document()["saleor"] | changes)


def segment(**changes: Any) -> dict[str, Any]:
    return document(segment=document()["segment"] | changes)


def test_the_smallest_spec_means_the_documented_defaults() -> None:
    spec = parsed(document())
    assert spec.events == (
        Event.ORDER_CREATED,
        Event.ORDER_UPDATED,
        Event.ORDER_CANCELLED,
        Event.ORDER_FULLY_PAID,
        Event.ORDER_REFUNDED,
    )
    assert spec.segment.write_key_secret_ref.key == "writeKey"
    assert spec.segment.base_url == "https://api.segment.io"
    assert spec.deletion_policy is DeletionPolicy.DELETE
    assert not spec.suspend


def test_an_existing_apps_token_is_under_token() -> None:
    app = parsed(saleor(app=EXISTING)).saleor.app.existing
    assert app is not None
    assert app.token_secret_ref.key == "token"


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ({"region": "US"}, "https://api.segment.io"),
        ({"region": "EU"}, "https://events.eu1.segmentapis.com"),
        ({"endpoint": "https://proxy.example.com/segment/"}, "https://proxy.example.com/segment"),
    ],
)
def test_region_or_endpoint_names_the_tracking_api(given: dict[str, str], base: str) -> None:
    assert parsed(segment(**given)).segment.base_url == base


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (None, "spec.saleor: is missing; spec.segment: is missing"),
        ([], "spec: must be a mapping"),
        (saleor(apiUrl="https://shop.example.com/"), "spec.saleor.apiUrl: must end in /graphql/"),
        (saleor(apiUrl="https://shop.example.com/graphql"), "must end in /graphql/"),
        (saleor(apiUrl="https://me:secret@shop.example.com/graphql/"), "must not hold credentials"),
        (saleor(apiUrl="https://shop.example.com/graphql/?token=secret"), "must not hold"),
        (saleor(apiUrl="https://shop.example.com/graphql/#secret"), "must not hold"),
        (saleor(apiUrl="shop.example.com/graphql/"), "must be an absolute http or https URL"),
        (saleor(apiUrl="https://shop.example.com:x/graphql/"), "spec.saleor.apiUrl"),
        (saleor(publicUrl="https://shop.example.com/shop"), "must be an origin without a path"),
        (saleor(app={}), "spec.saleor.app: must have exactly one of managed and existing"),
        (saleor(app=MANAGED | EXISTING), "must have exactly one of managed and existing"),
        (saleor(app={"managed": {}}), "spec.saleor.app.managed.credentialsSecretRef: is missing"),
        (segment(region="EU", endpoint="https://x.example.com"), "region or endpoint, not both"),
        (
            segment(endpoint="https://api.segment.io/v1/batch"),
            "leave /v1/batch out, it is appended",
        ),
        (segment(region="Mars"), "spec.segment.region"),
        (segment(writeKeySecretRef={"name": "No_Name"}), "spec.segment.writeKeySecretRef.name"),
        (segment(writeKey="secret"), "spec.segment.writeKey: is no field of this resource"),
        (document(events=[]), "spec.events: must name at least one event; leave it out"),
        (document(events=["ORDER_CREATED", "ORDER_CREATED"]), "must name each event once"),
        (document(events=["ORDER_SHIPPED"]), "spec.events.0"),
        (document(tracking={"nameing": "Spec"}), "spec.tracking.nameing: is no field"),
        (document(suspend="yes"), "spec.suspend: must be true or false"),
        (document(deletionPolicy="Keep"), "spec.deletionPolicy"),
    ],
)
def test_a_spec_that_breaks_a_rule_is_refused_naming_the_field_and_no_value(
    bad: Any, complaint: str
) -> None:
    invalid = parse_spec(bad)
    assert isinstance(invalid, Invalid)
    assert complaint in str(invalid)
    assert "secret" not in str(invalid)


def test_one_wrong_event_is_one_complaint() -> None:
    invalid = parse_spec(document(events=["ORDER_SHIPPED"]))
    assert isinstance(invalid, Invalid)
    assert [each.path for each in invalid.violations] == [("spec", "events", 0)]


def test_every_field_says_what_it_is_for() -> None:
    seen = [each for each in vars(models).values() if _is_model(each)]
    fields = [(each.__name__, *item) for each in seen for item in each.model_fields.items()]
    assert len(fields) > 10
    assert [name for _, name, field in fields if not field.description] == []


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)

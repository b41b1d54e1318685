"""Where the field is that cannot be mapped."""

import json

import pytest

from saleor_segment_server.errors import Unmappable
from saleor_segment_server.mapping.where import located
from tests.data_plane.mapping.deliveries import Json

BAD: Json = {"amount": "12"}


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (BAD, ""),
        ({"order": {"total": BAD}}, "order.total."),
        ({"data": {"orderCreated": {"lines": [{}, BAD]}}}, "data.orderCreated.lines[1]."),
        ({"order": {"payments": [[1, {"amount": 12}, BAD]]}}, "order.payments[0][2]."),
        ({"order": {}}, ""),
    ],
)
def test_a_field_has_its_path_where_that_is_found(document: Json, path: str) -> None:
    told = located(Unmappable("amount is bad", BAD), json.dumps(document).encode())
    assert told == f"{path}amount is bad"


def test_what_is_no_fields_fault_is_told_as_it_is() -> None:
    assert located(Unmappable("the body is not JSON"), b"{") == "the body is not JSON"


def test_a_body_nested_a_thousand_deep_is_searched_without_harm() -> None:
    deep = b'{"a":' * 1000 + b"1" + b"}" * 1000
    assert located(Unmappable("amount is bad", BAD), deep) == "amount is bad"


def test_a_path_that_no_subscription_has_is_left_out() -> None:
    document: Json = {"x" * 300: [{}] * 1000 + [BAD]}
    assert located(Unmappable("amount is bad", BAD), json.dumps(document).encode()) == (
        "amount is bad"
    )

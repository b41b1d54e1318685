"""What ``operate`` is told, and what it does not take."""

import pytest
from pydantic import ValidationError

from saleor_segment_operator.operate import OperateSettings

URL = "https://events.example.com"


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("lease_duration", "0s", "1s or longer"),
        ("lease_duration", "0.01s", "1s or longer"),
        ("resync", "0s", "1s or longer"),
        ("watch_namespaces", "shop,A_x", "A_x is no name of a namespace"),
        ("allowed_endpoint_hosts", "https://foo/", "is no host"),
    ],
)
def test_what_could_not_work_is_refused_with_what_to_write(
    setting: str, value: str, words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        OperateSettings.model_validate({"public_url": URL, setting: value})


def test_names_are_separated_by_commas() -> None:
    given = {"public_url": URL, "watch_namespaces": "a, b,", "allowed_endpoint_hosts": "x"}
    settings = OperateSettings.model_validate(given)
    assert settings.watch_namespaces == ("a", "b")
    assert settings.allowed_endpoint_hosts == ("x",)

"""What follows from a version."""

import pytest

from saleor_segment_operator.saleor import Version


@pytest.mark.parametrize(
    ("text", "traits"),
    [
        ("2.11.1", set()),
        ("3.19.4", set()),
        ("3.20.119", {"supported"}),
        ("3.21.69", {"supported"}),
        ("3.22.67", {"supported"}),
        ("3.23.28", {"supported", "has_webhook_identifiers"}),
        ("3.24.0-a.0", {"supported", "has_webhook_identifiers"}),
        ("4.0", {"supported", "has_webhook_identifiers"}),
    ],
)
def test_a_version_tells_what_it_can(text: str, traits: set[str]) -> None:
    version = Version.parse(text)
    assert str(version) == text
    names = ("supported", "has_webhook_identifiers")
    assert {name for name in names if getattr(version, name)} == traits


@pytest.mark.parametrize(
    "text", ["", "3", "three.four", "3.x", "<html>", "3.23.secret", "3.23.28 words", "٣.٢٣"]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no version"):
        Version.parse(text)


def test_versions_compare_by_major_and_minor() -> None:
    assert Version.parse("3.9.0") < Version.parse("3.20.0")
    assert Version.parse("3.23.1") == Version.parse("3.23.28")

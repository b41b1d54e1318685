"""YAML with lines: what is wrong is named by file, line and field, and no value is told."""

from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from saleor_segment_server.contract.model import Model
from saleor_segment_server.documents import Document, parse
from saleor_segment_server.errors import DocumentUnreadable


class Part(Model):
    secret_key: SecretStr | None = None
    count: int = 0


class Whole(Model):
    name: str
    parts: tuple[Part, ...] | None = None
    by_name: dict[str, Part] | None = None
    since: datetime | None = None


def one(text: str) -> Document:
    (document,) = parse(text, "file.yaml")
    return document


def refusal(text: str, **options: Any) -> str:
    with pytest.raises(DocumentUnreadable) as caught:
        one(text).validated(Whole, **options)
    return str(caught.value)


def test_the_documents_of_a_file_know_their_lines() -> None:
    first, second = parse("a: 1\n---\n# nothing\n---\n\nb:\n- 1\n- c: 2\n", "file.yaml")
    assert (first.data, second.data) == ({"a": 1}, {"b": [1, {"c": 2}]})
    assert (first.place(), second.place()) == ("file.yaml:1", "file.yaml:6")
    assert second.place(("b", 1, "c")) == "file.yaml:8"
    assert second.place(("b", 1, "d", "e")) == "file.yaml:8"


def test_what_looks_like_a_date_stays_text() -> None:
    assert one("at: 2026-11-24T00:00:00Z\n").data == {"at": "2026-11-24T00:00:00Z"}
    found = one("name: 2026-11-24\nsince: 2026-11-24T00:00:00Z\n").validated(Whole)
    assert found.name == "2026-11-24"
    assert found.since is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: x\nparts:\n- secretkey: hush\n", "3: parts.0.secretkey: is no field here: did you"),
        ("name: x\nparts:\n- other: hush\n", "3: parts.0.other: is no field here"),
        ("name: x\nbyName:\n  y:\n    cuont: 1\n", "4: byName.y.cuont: is no field here"),
        ("nam: x\n", "1: nam: is no field here: did you mean name?"),
        ("parts: []\n", "1: name: is missing"),
        ("name: x\nparts: hush\n", "2: parts: must be a list"),
        ("name: x\nparts: [hush]\n", "2: parts.0: must be a mapping"),
        ("name: x\nparts:\n- count: hush\n", "3: parts.0.count: Input should be a valid integer"),
        ("name: x\nsecret_key: hush\n", "2: secret_key: is no field here"),
        ("- hush\n", "1: must be a mapping"),
    ],
)
def test_a_broken_rule_is_named_with_line_and_field_and_no_value(text: str, says: str) -> None:
    told = refusal(text)
    assert told.startswith("file.yaml:" + says)
    assert "hush" not in told


@pytest.mark.parametrize(
    "text",
    [
        "00112233445566770011223344556677",  # YAML's octal
        "11112233445566778899001122334455",
        "0b110011001100110011001100110011",
        "1_000",
        "12:30",
        "1.50",
        "12345678901234567890123456789e12",
    ],
)
def test_digits_are_text_where_text_is_wanted_and_asked_for(text: str) -> None:
    document = one(f"name: {text}\nparts:\n- secretKey: {text}\n  count: 12\n")
    found = document.validated(Whole, numbers_as_text=True)
    assert found.name == text
    (part,) = found.parts or ()
    assert part.secret_key is not None
    assert part.secret_key.get_secret_value() == text
    assert part.count == 12


def test_a_cluster_takes_no_digits_for_text() -> None:
    assert refusal("name: 12\n") == "file.yaml:1: name: Input should be a valid string"


@pytest.mark.parametrize("value", ["true", "[1]", "{a: 1}", "null"])
def test_other_things_are_no_text(value: str) -> None:
    assert refusal(f"name: {value}\n", numbers_as_text=True).startswith("file.yaml:1: name: ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: 2\na: hush\n", "3: a is given twice"),
        ("x:\n  a: 1\n  a: hush\n", "3: a is given twice"),
        ("a: [hush\n", "2: is no YAML"),
        ("a: 1\n\tb: hush\n", "2: is no YAML"),
        ("a: hush\x07\n", "1: holds a character"),
        ("a: 1\nb: *hush\n", "2: is no YAML: a value that begins with *"),
        ("a: 1\nb: !hush x\n", "2: is no YAML: a value that begins with *, & or !"),
        ("a: 1\nb: {{ hush }}\nc: 2\n", "2: a key must be text"),
        ("a: 1\n? [hush]\n: 2\n", "2: a key must be text"),
        ("a: !!int hush\n", "2: is no YAML that can be read before this line"),
        ("[" * 3000, "1: is no YAML"),
    ],
)
def test_what_is_no_yaml_is_named_with_its_line_and_no_value(text: str, says: str) -> None:
    with pytest.raises(DocumentUnreadable) as caught:
        list(parse(text, "file.yaml"))
    assert str(caught.value).startswith("file.yaml:" + says)
    assert "hush" not in str(caught.value)


def test_an_anchor_may_be_used_again() -> None:
    found = one("name: x\nparts:\n- &one {count: 1}\n- *one\n- {<<: *one, secretKey: k}\n")
    assert [part.count for part in found.validated(Whole).parts or ()] == [1, 1, 1]


@given(st.text(alphabet=st.sampled_from("ab:-[]{}#&*!|>'\"%@`,? \n\t01\x00\ufffe")))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(DocumentUnreadable):
        for document in parse(text, "file.yaml"):
            document.validated(Whole, numbers_as_text=True)

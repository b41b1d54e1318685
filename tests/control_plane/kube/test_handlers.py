from typing import Any

import pytest

from saleor_segment_operator.kube.handlers import Register, essence
from saleor_segment_operator.resource import FINALIZER, RECONCILE_AT, RELEASE, Key

KEY = Key("shop", "main")


def document(
    version: int, *, name: str = "main", key_secret: str = "segment", **metadata: Any
) -> dict[str, Any]:
    basics = {
        "namespace": "shop",
        "name": name,
        "uid": f"uid-of-{name}",
        "generation": 1,
        "resourceVersion": str(version),
    }
    app = {"managed": {"credentialsSecretRef": {"name": "saleor-staff"}}}
    spec = {
        "saleor": {"apiUrl": "https://shop.example.com/graphql/", "app": app},
        "segment": {"writeKeySecretRef": {"name": key_secret}},
    }
    return {"metadata": basics | metadata, "spec": spec}


def with_ready(found: dict[str, Any], status: str) -> dict[str, Any]:
    conditions = [{"type": "Delivering", "status": "True"}, {"type": "Ready", "status": status}]
    return found | {"status": {"conditions": conditions}}


class Told(list[Key]):
    def news(self) -> list[Key]:
        found, self[:] = list(self), []
        return found


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def register(told: Told) -> Register:
    register = Register(told.append)
    register.see(None, document(10))
    assert told.news() == [KEY]
    return register


@pytest.mark.parametrize(
    "wish",
    [
        {"generation": 2},
        {"uid": "another"},
        {"deletionTimestamp": "2026-11-24T12:00:00Z"},
        {"annotations": {RECONCILE_AT: "now"}},
        {"annotations": {RELEASE: "true"}},
    ],
)
def test_what_somebody_wishes_asks_for_a_pass_once(
    register: Register, told: Told, wish: dict[str, Any]
) -> None:
    register.see("MODIFIED", document(11, **wish))
    assert told.news() == [KEY]
    register.see("MODIFIED", document(12, **wish))
    assert told.news() == []


def test_our_own_writes_ask_for_nothing(register: Register, told: Told) -> None:
    register.see("MODIFIED", document(11, finalizers=[FINALIZER]))
    register.see("MODIFIED", with_ready(document(12), "True"))
    register.see("MODIFIED", document(13, annotations={"other.example.com/at": "now"}))
    assert told.news() == []


def test_one_that_is_gone_is_looked_at_once_more_and_forgotten(
    register: Register, told: Told
) -> None:
    register.see("DELETED", document(11))
    assert told.news() == [KEY]
    assert register.secrets == frozenset()
    assert register.readiness() == {"True": 0, "False": 0, "Unknown": 0}


def test_what_the_watch_missed_a_list_tells(register: Register, told: Told) -> None:
    register.compare([document(10)], "20")
    assert told.news() == []
    register.compare([document(25, generation=2), document(26, name="new")], "30")
    assert told.news() == [KEY, Key("shop", "new")]
    register.compare([document(26, name="new")], "40")
    assert told.news() == [KEY]
    assert register.missed == 3


def test_what_is_kept_of_a_list_tells_the_register_the_same(told: Told) -> None:
    documents = [with_ready(document(10), "True"), document(11, name="new")]
    register = Register(told.append)
    register.compare(map(essence, documents), "20")
    assert told.news() == [KEY, Key("shop", "new")]
    assert register.users(("shop", "segment")) == {KEY, Key("shop", "new")}
    assert register.readiness() == {"True": 1, "False": 0, "Unknown": 1}
    register.compare(documents, "30")
    assert told.news() == []


def test_of_a_status_a_list_keeps_whether_it_is_ready() -> None:
    kept = essence(with_ready(document(10), "False"))
    assert kept["status"] == {"conditions": [{"type": "Ready", "status": "False"}]}


def test_a_list_that_is_older_than_what_the_watch_told_changes_nothing(
    register: Register, told: Told
) -> None:
    register.compare([], "5")
    register.see("MODIFIED", document(30, generation=3))
    register.see("ADDED", document(31, name="new"))
    told.news()
    register.compare([document(25, generation=2)], "28")
    assert told.news() == []
    assert register.users(("shop", "segment")) == {KEY, Key("shop", "new")}


def test_who_names_a_secret_follows_the_spec(register: Register) -> None:
    register.see("ADDED", document(11, name="other"))
    assert register.users(("shop", "segment")) == {KEY, Key("shop", "other")}
    register.see("MODIFIED", document(12, generation=2, key_secret="next"))
    assert register.users(("shop", "segment")) == {Key("shop", "other")}
    assert register.users(("shop", "next")) == {KEY}
    assert register.users(("elsewhere", "next")) == frozenset()


def test_an_invalid_spec_names_none_and_is_looked_at(register: Register, told: Told) -> None:
    register.see("MODIFIED", document(11, generation=2) | {"spec": {"nonsense": 1}})
    assert told.news() == [KEY]
    assert register.secrets == frozenset()


def test_integrations_are_counted_by_their_readiness(register: Register) -> None:
    register.see("MODIFIED", with_ready(document(11), "True"))
    register.see("ADDED", with_ready(document(12, name="a"), "False"))
    register.see("ADDED", document(13, name="b"))
    assert register.readiness() == {"True": 1, "False": 1, "Unknown": 1}

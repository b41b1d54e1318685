from dataclasses import dataclass, field

import pytest

from saleor_segment_operator.kube.secret_watch import Versions
from saleor_segment_operator.resource import Key
from saleor_segment_operator.resource.named import SecretName
from saleor_segment_server.cluster import WatchEvent

ONE, TWO = Key("shop", "one"), Key("shop", "two")


@dataclass
class Names:
    named: dict[SecretName, frozenset[Key]] = field(default_factory=dict)

    @property
    def secrets(self) -> frozenset[SecretName]:
        return frozenset(self.named)

    def users(self, secret: SecretName) -> frozenset[Key]:
        return self.named.get(secret, frozenset())


def secret(name: str, version: int, namespace: str = "shop") -> dict[str, dict[str, str]]:
    return {"metadata": {"namespace": namespace, "name": name, "resourceVersion": str(version)}}


class Told(list[Key]):
    def news(self) -> set[Key]:
        found, self[:] = set(self), []
        return found


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def versions(told: Told) -> Versions:
    names = Names({("shop", "both"): frozenset({ONE, TWO}), ("shop", "mine"): frozenset({ONE})})
    versions = Versions(names, told.append)
    await versions.saw_all(None, [secret("both", 1), secret("mine", 2), secret("foreign", 3)])
    assert told.news() == set()
    return versions


async def test_a_change_is_told_to_all_who_name_the_secret(versions: Versions, told: Told) -> None:
    await versions.saw(WatchEvent("MODIFIED", secret("both", 4)))
    assert told.news() == {ONE, TWO}
    await versions.saw(WatchEvent("MODIFIED", secret("mine", 5)))
    assert told.news() == {ONE}
    await versions.saw(WatchEvent("DELETED", secret("mine", 6)))
    assert told.news() == {ONE}


async def test_secrets_that_nobody_names_are_nothing_to_us(versions: Versions, told: Told) -> None:
    await versions.saw(WatchEvent("MODIFIED", secret("foreign", 7)))
    await versions.saw(WatchEvent("MODIFIED", secret("mine", 8, namespace="elsewhere")))
    assert told.news() == set()


async def test_a_list_after_an_outage_tells_what_was_missed(versions: Versions, told: Told) -> None:
    await versions.saw_all(None, [secret("both", 1), secret("mine", 9)])
    assert told.news() == {ONE}
    await versions.saw_all(None, [secret("both", 1), secret("mine", 9)])
    assert told.news() == set()
    await versions.saw_all(None, [secret("mine", 9)])
    assert told.news() == {ONE, TWO}
    await versions.saw_all(None, [secret("both", 12), secret("mine", 9)])
    assert told.news() == {ONE, TWO}


async def test_each_namespace_is_listed_for_itself(told: Told) -> None:
    names = Names({("a", "key"): frozenset({ONE}), ("b", "key"): frozenset({TWO})})
    versions = Versions(names, told.append)
    await versions.saw_all("a", [secret("key", 1, "a")])
    await versions.saw_all("b", [secret("key", 2, "b")])
    await versions.saw_all("a", [secret("key", 1, "a")])
    assert told.news() == set()
    await versions.saw_all("b", [secret("key", 3, "b")])
    assert told.news() == {TWO}


async def test_the_same_version_twice_is_told_once(versions: Versions, told: Told) -> None:
    await versions.saw(WatchEvent("ADDED", secret("mine", 2)))
    assert told.news() == set()

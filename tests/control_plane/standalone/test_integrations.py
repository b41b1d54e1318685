import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from saleor_segment_operator.errors import StartError, Unavailable
from saleor_segment_operator.reconcile import Announcement
from saleor_segment_operator.resource import Integration, Key, Spec, Status
from saleor_segment_operator.standalone.console import Console
from saleor_segment_operator.standalone.files import Files
from saleor_segment_operator.standalone.integrations import FolderIntegrations
from saleor_segment_operator.standalone.manifests import ManifestFiles
from saleor_segment_server.errors import DocumentUnreadable
from tests.ports.memory import INSTALLATION

KEY = Key("default", "main-shop")
INTEGRATION = """\
apiVersion: saleor-segment.io/v1alpha1
kind: SaleorSegmentIntegration
metadata:
  name: {name}
  annotations: {annotations}
spec:
  saleor:
    apiUrl: {api_url}
    app: {app}
  segment:
    writeKeySecretRef: {{name: segment}}
  suspend: {suspend}
"""
MANAGED = "{managed: {credentialsSecretRef: {name: staff}}}"
EXISTING = "{existing: {tokenSecretRef: {name: app}}}"


def _text(**changes: str) -> str:
    values = {
        "name": "main-shop",
        "annotations": "{}",
        "api_url": "https://shop.example.com/graphql/",
        "app": MANAGED,
        "suspend": "false",
    }
    return INTEGRATION.format(**values | changes)


@dataclass
class Shelf:
    """A folder of integrations that can be closed and opened again."""

    folder: Path
    out: io.StringIO = field(default_factory=io.StringIO)
    changed: list[Key] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reopen()

    def reopen(self) -> None:
        console = Console(self.out, clock=lambda: 0.0)
        self.integrations = FolderIntegrations(
            Files(self.folder), console=console, changed=self.changed.append, clock=lambda: 1e9
        )

    async def apply(self, *texts: str) -> None:
        file = self.folder / "in.yaml"
        file.write_text("# what there is\n---\n" + "---\n".join(texts))
        manifests = await ManifestFiles([file], namespace="default").read()
        self.integrations.check(manifests.integrations)
        await self.integrations.apply(manifests.integrations)

    async def get(self, key: Key = KEY) -> Integration:
        found = await self.integrations.get(key)
        assert found is not None
        return found


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


async def test_a_manifest_becomes_an_object_with_uid_and_generation(shelf: Shelf) -> None:
    await shelf.apply(_text(annotations="{a: b}"))
    found = await shelf.get()
    assert isinstance(found.spec, Spec)
    assert (found.generation, found.held, found.deleting) == (1, False, None)
    assert found.annotations == {"a": "b"}
    assert await shelf.integrations.keys() == (KEY,)
    assert shelf.changed == [KEY]


async def test_what_is_applied_again_changes_nothing(shelf: Shelf) -> None:
    await shelf.apply(_text())
    before = await shelf.get()
    await shelf.apply(_text())
    assert await shelf.get() == before
    assert shelf.changed == [KEY]


async def test_the_generation_grows_with_the_spec_alone(shelf: Shelf) -> None:
    await shelf.apply(_text())
    await shelf.apply(_text(annotations="{a: b}"))
    assert (await shelf.get()).generation == 1
    await shelf.apply(_text(annotations="{a: b}", suspend="true"))
    assert (await shelf.get()).generation == 2
    assert shelf.changed == [KEY] * 3


async def test_everything_outlives_the_process(shelf: Shelf) -> None:
    await shelf.apply(_text(annotations="{a: b}"))
    await shelf.integrations.hold(await shelf.get(), by=INSTALLATION.id)
    await shelf.integrations.publish(await shelf.get(), Status(observed_generation=1))
    before = await shelf.get()
    assert before.held
    assert before.status.observed_generation == 1
    shelf.reopen()
    await shelf.apply(_text(annotations="{a: b}"))
    assert await shelf.get() == before


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"metadata": {"name": "a"}}'])
def test_a_damaged_file_stops_the_start(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(StartError, match=r"a\.json: is damaged"):
        Shelf(tmp_path)


async def test_what_is_not_held_goes_at_once(shelf: Shelf) -> None:
    await shelf.apply(_text())
    await shelf.apply()
    assert await shelf.integrations.get(KEY) is None
    shelf.reopen()
    assert await shelf.integrations.keys() == ()


@pytest.mark.parametrize("restarts", [0, 1])
async def test_what_is_held_is_deleted_until_it_is_released(shelf: Shelf, restarts: int) -> None:
    await shelf.apply(_text())
    await shelf.integrations.hold(await shelf.get(), by=INSTALLATION.id)
    for _ in range(restarts):
        shelf.reopen()
    shelf.changed.clear()
    await shelf.apply()
    await shelf.apply()
    found = await shelf.get()
    assert found.deleting is not None
    assert shelf.changed == [KEY]
    await shelf.integrations.release(found)
    assert await shelf.integrations.get(KEY) is None
    assert "Gone" in shelf.out.getvalue()


async def test_what_comes_back_while_it_is_deleted_comes_anew_afterwards(shelf: Shelf) -> None:
    await shelf.apply(_text())
    await shelf.integrations.hold(await shelf.get(), by=INSTALLATION.id)
    old = await shelf.get()
    await shelf.apply()
    await shelf.apply(_text(api_url="https://other.example.com/graphql/"))
    deleted = await shelf.get()
    assert deleted.uid == old.uid
    assert deleted.deleting is not None
    assert deleted.spec == old.spec
    shelf.changed.clear()
    await shelf.integrations.release(deleted)
    new = await shelf.get()
    assert new.uid != old.uid
    assert (new.generation, new.held, new.deleting) == (1, False, None)
    assert shelf.changed == [KEY]


async def test_an_annotation_reaches_what_is_being_deleted(shelf: Shelf) -> None:
    await shelf.apply(_text())
    await shelf.integrations.hold(await shelf.get(), by=INSTALLATION.id)
    await shelf.apply()
    await shelf.apply(_text(annotations='{saleor-segment.io/release: "true"}'))
    found = await shelf.get()
    assert found.release
    assert found.deleting is not None


@pytest.mark.parametrize(
    ("change", "field", "line"),
    [
        ({"api_url": "https://other.example.com/graphql/"}, "apiUrl", 10),
        ({"app": EXISTING}, "app", 11),
    ],
)
async def test_what_cannot_change_is_refused_and_nothing_is_applied(
    shelf: Shelf, change: dict[str, str], field: str, line: int
) -> None:
    await shelf.apply(_text())
    with pytest.raises(DocumentUnreadable) as error:
        await shelf.apply(_text(**change), _text(name="another"))
    assert f"in.yaml:{line}: spec.saleor.{field}: cannot change while default/main-shop" in str(
        error.value
    )
    assert (await shelf.get()).generation == 1
    assert await shelf.integrations.keys() == (KEY,)


async def test_a_choice_left_out_is_the_same_as_one_set_to_null(shelf: Shelf) -> None:
    await shelf.apply(_text())
    await shelf.apply(_text(app="{existing: null, " + MANAGED.removeprefix("{")))
    await shelf.apply(_text())


async def test_another_secret_of_the_same_choice_may_be_named(shelf: Shelf) -> None:
    await shelf.apply(_text())
    await shelf.apply(_text(app=MANAGED.replace("staff", "other")))
    assert (await shelf.get()).generation == 2


Change = Callable[[FolderIntegrations, Integration], Any]


@pytest.mark.parametrize(
    "change",
    [
        lambda integrations, old: integrations.release(old),
        lambda integrations, old: integrations.publish(old, Status(observed_generation=7)),
    ],
)
async def test_one_that_took_the_place_of_another_is_left_alone(
    shelf: Shelf, change: Change
) -> None:
    await shelf.apply(_text())
    old = await shelf.get()
    await shelf.apply()
    await change(shelf.integrations, old)
    assert await shelf.integrations.get(KEY) is None
    await shelf.apply(_text())
    new = await shelf.get()
    await change(shelf.integrations, old)
    assert await shelf.get() == new


async def test_nothing_is_done_for_one_that_is_gone_before_it_is_held(shelf: Shelf) -> None:
    await shelf.apply(_text())
    old = await shelf.get()
    await shelf.apply()
    with pytest.raises(Unavailable):
        await shelf.integrations.hold(old, by=INSTALLATION.id)


async def test_announcements_are_shown(shelf: Shelf) -> None:
    await shelf.apply(_text())
    announcement = Announcement("Warning", "DriftCorrected", "A webhook was disabled\nby hand.")
    await shelf.integrations.announce(await shelf.get(), announcement)
    line = shelf.out.getvalue().splitlines()[-1]
    assert line.split(maxsplit=4)[1:] == [
        "default/main-shop",
        "Warning",
        "DriftCorrected",
        "A webhook was disabled by hand.",
    ]

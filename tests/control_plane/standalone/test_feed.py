import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog

from saleor_segment_operator.errors import StartError
from saleor_segment_operator.resource import Key
from saleor_segment_operator.standalone.console import Console
from saleor_segment_operator.standalone.feed import Feed
from saleor_segment_operator.standalone.files import Files, make_folder
from saleor_segment_operator.standalone.folder import FolderSecrets
from saleor_segment_operator.standalone.integrations import FolderIntegrations
from saleor_segment_operator.standalone.manifests import ManifestFiles

KEY = Key("default", "main-shop")
OTHER = Key("default", "other-shop")
INTEGRATION = """\
---
apiVersion: saleor-segment.io/v1alpha1
kind: SaleorSegmentIntegration
metadata: {{name: {name}}}
spec:
  saleor:
    apiUrl: https://shop.example.com/graphql/
    app: {{managed: {{credentialsSecretRef: {{name: {staff}}}}}}}
  segment: {{writeKeySecretRef: {{name: segment}}}}
"""
SECRET = """\
---
apiVersion: v1
kind: Secret
metadata: {{name: {name}}}
stringData: {{value: {value}}}
"""
MAIN = INTEGRATION.format(name="main-shop", staff="staff")


class Lines(io.StringIO):
    """Text that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)

    async def until(self, text: str) -> None:
        async with asyncio.timeout(5):
            while text not in self.getvalue():
                self.written.clear()
                await self.written.wait()


@dataclass
class Rig:
    folder: Path
    out: Lines = field(default_factory=Lines)
    changed: "asyncio.Queue[Key]" = field(default_factory=asyncio.Queue)

    def __post_init__(self) -> None:
        self.state = self.folder / "state"
        make_folder(self.state)
        console = Console(self.out, clock=lambda: 0.0)
        self.integrations = FolderIntegrations(
            Files(self.state), console=console, changed=self.changed.put_nowait, clock=lambda: 0.0
        )
        self.secrets = FolderSecrets(Files(self.folder), Files(self.folder / "none"))
        self.feed = Feed(
            ManifestFiles([self.folder / "in.yaml"], namespace="default"),
            integrations=self.integrations,
            secrets=self.secrets,
            changed=self.changed.put_nowait,
            console=console,
            interval=0.005,
        )

    def write(self, *texts: str) -> None:
        (self.folder / "new").write_text("# all\n" + "".join(texts))
        (self.folder / "new").replace(self.folder / "in.yaml")

    async def next_changed(self) -> Key:
        return await asyncio.wait_for(self.changed.get(), 5)

    @asynccontextmanager
    async def started(self, *texts: str) -> AsyncIterator[None]:
        self.write(*texts)
        await self.feed.start()
        while not self.changed.empty():
            self.changed.get_nowait()
        task = asyncio.create_task(self.feed.run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_what_the_files_say_at_the_start_is_there_and_to_be_looked_at(rig: Rig) -> None:
    rig.write(MAIN, SECRET.format(name="segment", value="k"))
    await rig.feed.start()
    assert await rig.next_changed() == KEY
    assert await rig.secrets.read("default", "segment") == {"value": b"k"}


@pytest.mark.parametrize("text", ["a: [", MAIN + MAIN])
async def test_broken_files_at_the_start_stop_it(rig: Rig, text: str) -> None:
    rig.write(text)
    with pytest.raises(StartError, match=r"in\.yaml:\d+: "):
        await rig.feed.start()
    assert await rig.integrations.keys() == ()


async def test_a_changed_secret_is_in_place_when_those_that_name_it_are_looked_at(rig: Rig) -> None:
    other = INTEGRATION.format(name="other-shop", staff="other-staff")
    secrets = {"staff": "a", "other-staff": "b", "segment": "c", "unused": "d"}

    def texts() -> tuple[str, ...]:
        return MAIN, other, *(SECRET.format(name=n, value=v) for n, v in secrets.items())

    async with rig.started(*texts()):
        secrets["unused"] = "x"
        rig.write(*texts())
        secrets["other-staff"] = "x"
        rig.write(*texts())
        assert await rig.next_changed() == OTHER
        assert await rig.secrets.read("default", "other-staff") == {"value": b"x"}
        del secrets["segment"]
        rig.write(*texts())
        assert {await rig.next_changed(), await rig.next_changed()} == {KEY, OTHER}
        assert await rig.secrets.read("default", "segment") is None
        assert rig.changed.empty()


async def test_while_files_are_broken_the_last_good_state_counts_and_is_said_once(rig: Rig) -> None:
    async with rig.started(MAIN, SECRET.format(name="segment", value="k")):
        rig.write("a: [")
        await rig.out.until("Unreadable")
        rig.write("a: [")
        (rig.folder / "in.yaml").unlink()
        await rig.out.until("No such file")
        assert await rig.integrations.keys() == (KEY,)
        assert await rig.secrets.read("default", "segment") == {"value": b"k"}
        rig.write(MAIN)
        await rig.out.until("in use again")
        assert await rig.secrets.read("default", "segment") is None
    lines = [line.split()[2:4] for line in rig.out.getvalue().splitlines()]
    assert lines == [["Manifests", "False"], ["Manifests", "False"], ["Manifests", "True"]]


async def test_what_cannot_change_keeps_all_of_the_last_good_state(rig: Rig) -> None:
    async with rig.started(MAIN, SECRET.format(name="segment", value="k")):
        rig.write(MAIN.replace("shop.example", "other.example"))
        await rig.out.until("spec.saleor.apiUrl: cannot change")
        assert await rig.secrets.read("default", "segment") == {"value": b"k"}


async def test_a_folder_that_cannot_be_written_is_tried_again(rig: Rig) -> None:
    async with rig.started(MAIN):
        in_the_way = [
            rig.state / f".{file.name}.new" for file in rig.state.iterdir() if file.is_file()
        ]
        for path in in_the_way:
            path.mkdir()
        with structlog.testing.capture_logs() as events:
            rig.write(MAIN + "  suspend: true\n")
            async with asyncio.timeout(5):
                while not events:  # noqa: ASYNC110 - a captured log cannot be waited for
                    await asyncio.sleep(0)
            for path in in_the_way:
                path.rmdir()
            assert await rig.next_changed() == KEY
        assert {event["event"] for event in events} == {"state_unwritable"}
        found = await rig.integrations.get(KEY)
        assert found is not None
        assert found.generation == 2

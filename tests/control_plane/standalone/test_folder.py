import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from saleor_segment_operator.errors import StartError
from saleor_segment_operator.reconcile import AppRecord
from saleor_segment_operator.resource import Key
from saleor_segment_operator.standalone.files import Files
from saleor_segment_operator.standalone.folder import PIPELINES, FolderPipelines, FolderSecrets
from saleor_segment_server.contract import Pipeline

KEY = Key("shop", "main-shop")
UID = "5bcfe642-0000-4000-8000-00000000000{}"


def _pipeline(number: int, write_key: str = "key") -> Pipeline:
    return Pipeline.model_validate(
        {
            "id": UID.format(number),
            "saleor": {"apiUrl": "https://shop.example.com/graphql/"},
            "events": ["ORDER_CREATED"],
            "segment": {"writeKey": write_key},
            "salt": "00112233445566778899aabbccddeeff",
        }
    )


def _secrets(folder: Path) -> FolderSecrets:
    (folder / "apps").mkdir(exist_ok=True)
    return FolderSecrets(Files(folder), Files(folder / "apps"))


async def test_the_installation_is_made_once_and_kept(tmp_path: Path) -> None:
    secrets = _secrets(tmp_path)
    first, second = await asyncio.gather(secrets.installation(), secrets.installation())
    assert first == second == await _secrets(tmp_path).installation()
    assert len(bytes.fromhex(first.salt)) == 16


async def test_two_installations_differ(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = _secrets(tmp_path / "a"), _secrets(tmp_path / "b")
    assert (await one.installation()).id != (await two.installation()).id
    assert (await one.installation()).salt != (await two.installation()).salt


async def test_app_records_outlive_the_process(tmp_path: Path) -> None:
    secrets = _secrets(tmp_path)
    pending = AppRecord(pending_since=datetime(2026, 11, 24, tzinfo=UTC))
    await secrets.put_app("a", pending, of=KEY)
    await secrets.put_app("b", AppRecord(app_id="QXBwOjU=", token="t"), of=KEY)
    again = _secrets(tmp_path)
    assert await again.app("a") == pending
    assert await again.app("b") == AppRecord(app_id="QXBwOjU=", token="t")
    await again.delete_app("a")
    await again.delete_app("a")
    assert await again.app("a") is None
    assert await _secrets(tmp_path).app("a") is None


async def test_secrets_of_users_are_those_last_applied(tmp_path: Path) -> None:
    secrets = _secrets(tmp_path)
    secrets.apply({("default", "segment"): {"writeKey": b"k"}})
    assert await secrets.read("default", "segment") == {"writeKey": b"k"}
    assert await secrets.read("shop", "segment") is None


async def test_pipelines_written_at_once_are_all_kept(tmp_path: Path) -> None:
    pipelines = FolderPipelines(Files(tmp_path))
    await asyncio.gather(*(pipelines.put(_pipeline(number), of=KEY) for number in range(5)))
    await pipelines.put(_pipeline(3, "another"), of=KEY)
    await pipelines.delete(UID.format(4))
    again = FolderPipelines(Files(tmp_path))
    for table in (pipelines, again):
        assert await table.get(UID.format(3)) == _pipeline(3, "another")
        assert await table.get(UID.format(0)) == _pipeline(0)
        assert await table.get(UID.format(4)) is None


async def test_the_file_of_pipelines_is_there_before_the_first_one(tmp_path: Path) -> None:
    await FolderPipelines(Files(tmp_path)).ensure()
    assert yaml.safe_load((tmp_path / PIPELINES).read_text()) == {"pipelines": []}


@pytest.mark.parametrize("content", ["", "pipelines: {", "pipelines: [{id: x}]", "[]"])
def test_a_damaged_file_of_pipelines_stops_the_start(tmp_path: Path, content: str) -> None:
    (tmp_path / PIPELINES).write_text(content)
    with pytest.raises(StartError, match=r"pipelines\.yaml: is damaged"):
        FolderPipelines(Files(tmp_path))

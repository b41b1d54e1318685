import stat
import subprocess
import sys
from pathlib import Path

import pytest

from saleor_segment_operator.errors import StartError, Unavailable
from saleor_segment_operator.standalone.files import Files, locked, make_folder


async def test_what_is_written_is_read_by_its_stem_and_only_its_owner_may(tmp_path: Path) -> None:
    files = Files(tmp_path)
    await files.write("a.json", b"1")
    await files.write("b.json", b"2")
    await files.write("a.json", b"3")
    assert files.read("*.json", int) == {"a": 3, "b": 2}
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o600


async def test_what_is_removed_is_gone_and_may_be_removed_again(tmp_path: Path) -> None:
    files = Files(tmp_path)
    await files.write("a.json", b"1")
    await files.remove("a.json")
    await files.remove("a.json")
    assert not list(tmp_path.iterdir())


async def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    files = Files(tmp_path)
    await files.write("a.json", b"1")
    (tmp_path / ".a.json.new").mkdir()  # in the way of the fresh copy
    with pytest.raises(Unavailable, match=r"a\.json: cannot be written \(Is a directory\)"):
        await files.write("a.json", b"2")
    assert files.read("a.json", int) == {"a": 1}


def test_a_leftover_of_a_crash_is_no_file_of_ours(tmp_path: Path) -> None:
    (tmp_path / ".a.json.new").write_bytes(b"half")
    assert Files(tmp_path).read("*.json", int) == {}


def test_a_damaged_file_is_named_and_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"hunter2")
    with pytest.raises(StartError) as error:
        Files(tmp_path).read("*.json", int)
    assert str(error.value).startswith(f"{tmp_path}/a.json: is damaged: ")
    assert "hunter2" not in str(error.value)


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    make_folder(tmp_path / "a/b")
    make_folder(tmp_path / "a/b")
    assert stat.S_IMODE((tmp_path / "a/b").stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(StartError, match=r"/a/b: cannot be used \(Not a directory\): .*--data-dir"):
        make_folder(tmp_path / "a/b")


def test_two_processes_cannot_hold_a_folder_and_a_dead_one_does_not(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    program = (
        "import sys, pathlib; from saleor_segment_operator.standalone.files import locked\n"
        "with locked(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StartError, match="another process uses it"), locked(lock):
            pass
        holder.kill()
        holder.wait()
    with locked(lock):
        pass

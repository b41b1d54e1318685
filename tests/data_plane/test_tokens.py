"""A token that changes in its file."""

from pathlib import Path

import pytest

from saleor_segment_server.errors import StartError
from saleor_segment_server.tokens import TokenFile


async def test_the_token_before_counts_for_five_minutes(tmp_path: Path) -> None:
    now, file = [1000.0], tmp_path / "token"
    file.write_text("first\n")
    token = TokenFile(file, clock=lambda: now[0])
    await token.load()
    assert await token.valid() == ("first",)
    file.write_text("second\n")
    assert await token.valid() == ("second", "first")
    now[0] += 299
    assert await token.valid() == ("second", "first")
    now[0] += 1
    assert await token.valid() == ("second",)


async def test_only_one_before_counts(tmp_path: Path) -> None:
    file = tmp_path / "token"
    token = TokenFile(file, clock=lambda: 0.0)
    for each in ("first", "second", "third"):
        file.write_text(each)
        await token.valid()
    assert await token.valid() == ("third", "second")


async def test_while_the_file_is_gone_or_empty_the_last_one_counts(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    token = TokenFile(file)
    await token.load()
    file.write_text("")
    assert await token.valid() == ("first",)
    file.unlink()
    assert await token.valid() == ("first",)
    with pytest.raises(StartError, match="cannot be read"):
        await token.load()


async def test_without_a_file_there_is_none() -> None:
    token = TokenFile(None)
    await token.load()
    assert await token.valid() == ()

"""The server is killed with SIGKILL under load, and nothing that was acknowledged is lost."""

from pathlib import Path

from tests.fault.killing import kill


async def test_kill_9_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    # The seed draws every mood of Segment once: late, silent, resetting, cut off, 500, 429, well.
    _, account = await kill(tmp_path, rounds=8, seed=27)
    assert account.balanced, account
    assert account.arrived > 200
    assert account.dead > 10

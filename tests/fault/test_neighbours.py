"""One shop's trouble with Segment is no other's: measured, at an endpoint that they share."""

from pathlib import Path

from tests.fault.neighbours import measured
from tests.signing import Signer


async def test_no_shops_trouble_with_segment_delays_another(tmp_path: Path) -> None:
    took = await measured(tmp_path, Signer.new(), orders=8)
    shown = {name: str(each) for name, each in took.items()}
    assert [name for name, each in took.items() if each.delayed] == [], shown

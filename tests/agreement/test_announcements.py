"""Every Event that can be told is explained to who reads it."""

import re
from pathlib import Path

from saleor_segment_operator.reconcile import news
from saleor_segment_operator.resource import Reason

ROOT = Path(__file__).parents[2]


def test_the_chart_s_page_lists_the_reasons_of_all_events() -> None:
    section = (ROOT / "docs/chart.md").read_text().partition("\n## Events\n")[2]
    source = "\n".join(
        path.read_text() for path in (ROOT / "operator/saleor_segment_operator").rglob("*.py")
    )
    pattern = r'Announcement\(\s*"(?:Normal|Warning)",\s*Reason\.([A-Z_]+)'
    told = {Reason[name] for name in re.findall(pattern, source)}
    assert len(told) > 10
    listed = {Reason(word) for word in re.findall(r"`(\w+)`", section) if word in {*Reason}}
    assert listed == told | news.REFUSALS

import pytest

from saleor_segment_server.contract import Event
from tests.agreement.events_page import WHEN
from tests.agreement.layout import ROOT
from tests.agreement.pages import PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name: str) -> None:
    """Mended by ``python -m tests.agreement.pages``."""
    assert (ROOT / name).read_text() == PAGES[name]()


def test_when_an_event_fires_is_said_of_each() -> None:
    assert set(WHEN) == set(Event)

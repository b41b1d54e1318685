from saleor_segment_operator.cli.generate import markdown
from tests.agreement.layout import ROOT


def test_the_page_of_settings_is_what_the_models_say() -> None:
    """Mended by ``saleor-segment settings > docs/settings.md``."""
    assert (ROOT / "docs/settings.md").read_text() == markdown()

from click.testing import CliRunner

from saleor_segment_operator.cli.main import cli
from tests.agreement.layout import ROOT


def test_the_definition_is_what_the_models_say() -> None:
    """Mended by ``saleor-segment crd > crds/saleorsegmentintegrations.yaml``."""
    printed = CliRunner().invoke(cli, ["crd"])
    assert printed.exit_code == 0
    assert (ROOT / "crds/saleorsegmentintegrations.yaml").read_text() == printed.output

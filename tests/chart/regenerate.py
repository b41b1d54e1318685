"""Writes anew what is generated from models and chart; read the diff.

Run it as ``python -m tests.chart.regenerate``.
"""

import shutil

from saleor_segment_operator.cli import chart_values
from tests.chart.charts import CHART, GOLDEN, INSTALL, OPTIONS, ROOT, golden, install


def main() -> None:
    """Write them."""
    for path in (ROOT / "crds").glob("*.yaml"):
        shutil.copy(path, CHART / "files/crds")
    (CHART / "values.yaml").write_text(chart_values.values_yaml())
    (CHART / "values.schema.json").write_text(chart_values.values_schema())
    (ROOT / "docs/values.md").write_text(chart_values.values_markdown())
    for name, values in OPTIONS.items():
        (GOLDEN / f"{name}.yaml").write_text(golden(values))
    (INSTALL / "install.yaml").write_text(install())


if __name__ == "__main__":
    main()

"""The commands that print the chart's values and their schema."""

import click


@click.command("values-schema")
def values_schema() -> None:
    """Print the JSON schema of the chart's values."""
    # Imported here: the daemons need not build these models.
    from saleor_segment_operator.cli import chart_values  # noqa: PLC0415

    click.echo(chart_values.values_schema(), nl=False)


@click.command("values")
@click.option("--markdown", is_flag=True, help="As a page of documentation.")
def values(*, markdown: bool) -> None:
    """Print the chart's values.yaml: every value with its default and meaning."""
    # Imported here: the daemons need not build these models.
    from saleor_segment_operator.cli import chart_values  # noqa: PLC0415

    page = chart_values.values_markdown() if markdown else chart_values.values_yaml()
    click.echo(page, nl=False)

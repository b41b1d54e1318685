"""The command line ``saleor-segment``."""

from saleor_segment_operator.cli.main import main

__all__ = ["main"]

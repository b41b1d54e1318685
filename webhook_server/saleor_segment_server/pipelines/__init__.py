"""The Pipelines in force, and where they come from."""

from saleor_segment_server.pipelines.folder import FileSource
from saleor_segment_server.pipelines.table import Table
from saleor_segment_server.pipelines.tombstones import Tombstones

__all__ = ["FileSource", "Table", "Tombstones"]

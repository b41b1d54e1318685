"""The Pipelines in force, and where they come from.

``secrets`` is imported where it is needed: it brings the Kubernetes client in.
"""

from saleor_segment_server.pipelines.folder import FileSource, from_file
from saleor_segment_server.pipelines.source import OpenSource, PipelineSource
from saleor_segment_server.pipelines.table import Table
from saleor_segment_server.pipelines.tombstones import Tombstones

__all__ = ["FileSource", "OpenSource", "PipelineSource", "Table", "Tombstones", "from_file"]

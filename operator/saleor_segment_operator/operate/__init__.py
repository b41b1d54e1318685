"""The operator in a cluster: settings and composition root."""

from saleor_segment_operator.operate.settings import OperateSettings

__all__ = ["OperateSettings"]

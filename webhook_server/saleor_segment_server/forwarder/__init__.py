"""The forwarder: what the journal holds goes to Segment, pipeline by pipeline.

``Forwarder`` keeps a ``Worker`` for each Pipeline; a worker takes windows of pending events, maps
them, sends them in batches and settles them. Failures are waited out, parked or buried here.
"""

from saleor_segment_server.forwarder.forwarder import Forwarder

__all__ = ["Forwarder"]

"""Segment's Tracking API: what a batch is, how it is sent, what an answer means.

``pack`` cuts messages into batches, ``SegmentClient`` sends one, ``judge`` reads the answer and
``Bisection`` takes a refused batch apart. Only the client does I/O.
"""

from saleor_segment_server.segment.batch import MAX_BYTES, Bisection, pack, smaller
from saleor_segment_server.segment.client import SegmentClient
from saleor_segment_server.segment.retry import (
    Answer,
    NoAnswer,
    Park,
    Settled,
    Split,
    Verdict,
    Wait,
    backoff,
    clock_skew,
    judge,
)

__all__ = [
    "MAX_BYTES",
    "Answer",
    "Bisection",
    "NoAnswer",
    "Park",
    "SegmentClient",
    "Settled",
    "Split",
    "Verdict",
    "Wait",
    "backoff",
    "clock_skew",
    "judge",
    "pack",
    "smaller",
]

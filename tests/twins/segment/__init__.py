"""Segment's Tracking API as documented, with what the documentation warns of.

``python -m tests.twins.segment --listen 127.0.0.1:8099 --key KEY`` runs it alone; in a test::

    async with SegmentTwin(keys=[KEY]) as twin:
        ...  # send to twin.url
        twin.inbox.messages()

It answers 200 to much that it then drops, as Segment does; ``GET /_twin/dropped`` says why.
"""

from tests.twins.segment.faults import Fault
from tests.twins.segment.inbox import Dropped, Inbox
from tests.twins.segment.rules import Limits
from tests.twins.segment.twin import SegmentTwin
from tests.twins.segment.workspace import Seen

__all__ = ["Dropped", "Fault", "Inbox", "Limits", "Seen", "SegmentTwin"]

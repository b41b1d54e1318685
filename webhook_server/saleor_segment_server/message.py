"""A message for Segment, encoded once and never touched again."""

from typing import NamedTuple


class Message(NamedTuple):
    """One item of a Segment batch."""

    id: str
    """Its ``messageId``: 64 hex digits, the same for every attempt and every replay of an epoch."""
    payload: bytes
    """The item as JSON, at most 32,000 bytes; ``messageId`` included, ``sentAt`` not."""

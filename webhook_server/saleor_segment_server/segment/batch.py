"""Batches: how large, how encoded, and how a refused one is taken apart. Pure.

Segment's limits (HTTP Tracking API): 500 KB a batch, 2,500 messages, 32 KB a message; above 2,500
it answers 200 and drops them all, so ours lie well below.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import orjson

from saleor_segment_server.message import Message

MAX_BYTES = 475_000
"""Largest body before compression, envelope included."""
MAX_MESSAGES = 500
"""Most messages of a batch."""
LEAST_BYTES = 40_000
"""A size learned from a 413 never goes below this: one message of full size still fits."""

_SENT_AT = "2026-01-01T00:00:00.000Z"


def encode(messages: Sequence[Message], *, sent_at: str, write_key: str) -> bytes:
    """Return the body of ``/v1/batch``.

    Args:
        messages: What it carries, in this order.
        sent_at: The moment of this attempt: Segment corrects every timestamp by its difference.
        write_key: The source's key; in the body too, because some receivers read only that.
    """
    items = b",".join([message.payload for message in messages])
    tail = orjson.dumps({"sentAt": sent_at, "writeKey": write_key})
    return b'{"batch":[' + items + b"]," + tail[1:]


def pack(
    messages: Sequence[Message], *, write_key: str, max_bytes: int = MAX_BYTES
) -> Iterator[range]:
    """Yield consecutive ranges of ``messages``, each a batch as large as it may be.

    A message that is too large even by itself becomes a batch of its own.
    """
    envelope = len(encode((), sent_at=_SENT_AT, write_key=write_key))
    start, size = 0, envelope
    for place, message in enumerate(messages):
        added = len(message.payload) + (place > start)  # the comma
        if place > start and (size + added > max_bytes or place - start == MAX_MESSAGES):
            yield range(start, place)
            start, size = place, envelope
            added = len(message.payload)
        size += added
    if messages:
        yield range(start, len(messages))


def smaller(size: int) -> int:
    """Return the largest body to send from now on where one of ``size`` bytes was too large."""
    return max(size // 2, LEAST_BYTES)


@dataclass
class Bisection:
    """The sending of one batch, in parts where Segment refuses it whole.

    Parts go left to right, so that what is decided is always a beginning of the batch. A message
    refused by itself is a dead letter only once a sibling was accepted: before that, the key or
    the endpoint may be what is wrong, and all is held back.
    """

    batch: range
    """The places of its messages."""
    refused: dict[int, str] = field(default_factory=dict)
    """Places of the messages that were refused by themselves, and why."""
    accepted: bool = False
    """Whether any part was."""

    def __post_init__(self) -> None:
        self._parts = [self.batch]

    @property
    def part(self) -> range | None:
        """What is to be sent next; ``None``: every message had its answer."""
        return self._parts[-1] if self._parts else None

    @property
    def decided(self) -> range:
        """The places whose fate is known: accepted, or a dead letter if in ``refused``."""
        if not self.accepted:
            return self.batch[:0]
        done = self.part.start if self.part else self.batch.stop
        return range(self.batch.start, done)

    @property
    def hopeless(self) -> bool:
        """Whether every single message was refused: it is not the messages' fault."""
        return not self._parts and not self.accepted

    def accept(self) -> None:
        """Note that the part was accepted."""
        self._parts.pop()
        self.accepted = True

    def refuse(self, why: str) -> None:
        """Note that the part was refused: halve it, or hold its one message to be wrong."""
        part = self._parts.pop()
        if len(part) == 1:
            self.refused[part.start] = why
            return
        middle = len(part) // 2
        self._parts += [part[middle:], part[:middle]]

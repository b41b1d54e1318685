"""What an answer of Segment means for the batch it answers. Pure.

The rules are those of Segment's newest clients (``X-Retry-Count``, ``Retry-After`` on whatever may
be retried), but for ever instead of ten times, and with a refused batch taken apart, not dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_RETRY_AFTER = 300.0
"""Seconds: whatever ``Retry-After`` says, ask again after this."""
FIRST_BACKOFF = 0.5
"""Seconds the first backoff may take."""
LONGEST_BACKOFF = 60.0
"""Seconds a backoff may take at most."""

_RETRIED = frozenset({408, 410, 429, 460})
_SPLIT = frozenset({400, 413})
_TOO_LARGE = 413
_FINAL_5XX = frozenset({501, 505})
_KEY_NAMES = (b"write key", b"writekey", b"write_key")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from Segment, or from what stands in for it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    """Looked up in the canonical spelling."""
    body: bytes = b""
    """Its beginning. It is somebody else's text: never logged or shown."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No answer came, or only part of one."""

    why: str
    """A short constant for logs, like ``timeout``."""
    reached: bool = True
    """Whether anything may have been sent before it failed."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Segment has the batch."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Send the same again, later."""

    seconds: float
    why: str
    """What happened, like ``status 503``."""
    ambiguous: bool
    """Whether Segment may have the batch all the same."""


@dataclass(frozen=True, slots=True)
class Split:
    """Something in the batch is refused: send it in parts."""

    why: str
    """Becomes the reason of the dead letter."""
    too_large: bool
    """Whether the size is what was refused."""


@dataclass(frozen=True, slots=True)
class Park:
    """Nothing will be accepted until somebody changes something: keep all and stop."""

    why: str
    """One sentence that names the remedy."""


Verdict = Settled | Wait | Split | Park


def judge(answer: Answer | NoAnswer, *, attempt: int, jitter: float, now: float) -> Verdict:
    """Say what to do after an answer.

    Args:
        answer: What came back.
        attempt: How often this batch was sent before.
        jitter: A random number in [0, 1).
        now: Seconds since the epoch, for a ``Retry-After`` that is a date.
    """
    if isinstance(answer, NoAnswer):
        return Wait(backoff(attempt, jitter), answer.why, ambiguous=answer.reached)
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004 - the success class
        return Settled()
    if _is_retried(status):
        seconds = retry_after(answer.headers.get("Retry-After"), now)
        ambiguous = status >= 500  # noqa: PLR2004 - a server's fault may come after the deed
        return Wait(seconds or backoff(attempt, jitter), f"status {status}", ambiguous=ambiguous)
    if status in _SPLIT and not _names_the_key(answer.body):
        return Split(f"Segment refuses it with status {status}", too_large=status == _TOO_LARGE)
    return Park(_remedy(status))


def backoff(attempt: int, jitter: float) -> float:
    """Return seconds to wait: anything up to a ceiling that doubles with each attempt."""
    ceiling = min(FIRST_BACKOFF * 2.0 ** min(attempt, 32), LONGEST_BACKOFF)
    return ceiling * jitter


def retry_after(header: str | None, now: float) -> float | None:
    """Return the seconds a ``Retry-After`` asks for (RFC 9110, 10.2.3), or ``None``.

    ``None`` also where it is unreadable, zero or in the past; never more than 300.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdecimal():
        seconds = float(text[:9])
    else:
        then = _http_date(text)
        seconds = then - now if then is not None else 0.0
    return min(seconds, LONGEST_RETRY_AFTER) if seconds > 0 else None


def clock_skew(headers: Mapping[str, str], now: float) -> float | None:
    """Return by how many seconds our clock is ahead of the answer's ``Date``, if it has one."""
    then = _http_date(headers.get("Date", ""))
    return None if then is None else now - then


def _is_retried(status: int) -> bool:
    return status in _RETRIED or (500 <= status < 600 and status not in _FINAL_5XX)  # noqa: PLR2004 - the class


def _names_the_key(body: bytes) -> bool:
    lowered = body.lower()
    return any(name in lowered for name in _KEY_NAMES)


def _remedy(status: int) -> str:
    if status in {400, 401, 403, 413}:
        return f"Segment refuses the write key (status {status}): put the source's own key in"
    if 300 <= status < 400:  # noqa: PLR2004 - the redirect class
        return f"The endpoint redirects (status {status}): name the address it redirects to"
    return f"The endpoint is no Segment Tracking API (status {status}): check its address"


def _http_date(text: str) -> float | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    # "-0000" gives a naive time, which would be read in this machine's zone
    zoned = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return _seconds(zoned)


def _seconds(time: datetime) -> float | None:
    try:
        return time.timestamp()
    except (OverflowError, ValueError):
        return None

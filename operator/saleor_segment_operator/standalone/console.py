"""What a person who watches the process sees: a line for each change of a condition."""

import time
from collections.abc import Callable
from typing import TextIO

from saleor_segment_operator.reconcile.ports import Announcement
from saleor_segment_operator.resource import Condition, Key, Status


class Console:
    """Writes changes to a stream, aligned, and never fails because nobody reads it."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.time) -> None:
        """Write to ``stream``; ``clock`` gives seconds since the epoch."""
        self._stream = stream
        self._clock = clock

    def conditions(self, key: Key, before: Status, after: Status) -> None:
        """Write a line for each condition that is not as it was."""
        known = {condition.type: condition for condition in before.conditions}
        for condition in after.conditions:
            if _said(condition) != _said(known.get(condition.type)):
                status, reason = condition.status.value, condition.reason.value
                self._line(key, condition.type.value, status, reason, condition.message)

    def announcement(self, key: Key, announcement: Announcement) -> None:
        """Write what somebody would want to know."""
        self._line(key, announcement.kind, "", announcement.reason, announcement.message)

    def gone(self, key: Key) -> None:
        """Write that an integration and its state are gone."""
        self._line(key, "Gone", "", "", "Its manifest is gone and what was to be cleaned up is.")

    def manifests(self, problem: str | None) -> None:
        """Write that the files cannot be used, or that they can again."""
        if problem is None:
            self._line("files", "Manifests", "True", "Read", "The files are in use again.")
        else:
            message = f"{problem} (until then the last good state counts)"
            self._line("files", "Manifests", "False", "Unreadable", message)

    def _line(self, subject: Key | str, what: str, status: str, reason: str, message: str) -> None:
        moment = time.strftime("%H:%M:%S", time.localtime(self._clock()))
        words = " ".join(message.split())
        line = f"{moment}  {subject!s:<24}  {what:<18}  {status:<7}  {reason:<20}  {words}"
        try:
            self._stream.write(line.rstrip() + "\n")
            self._stream.flush()
        except OSError:
            return  # a closed pipe ends the watching, not the work


def _said(condition: Condition | None) -> tuple[str, str, str] | None:
    if condition is None:
        return None
    return condition.status, condition.reason, condition.message

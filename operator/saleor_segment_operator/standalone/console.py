"""What a person who watches the process sees: a line for each change of a condition."""

import time
from collections.abc import Callable
from typing import TextIO

from saleor_segment_operator.reconcile.ports import Announcement
from saleor_segment_operator.resource import Condition, ConditionType, Key, Reason, Status

Said = tuple[str, str, str]
"""Status, reason and message of a condition."""


class Console:
    """Writes changes to a stream, aligned, and never fails because nobody reads it."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.time) -> None:
        """Write to ``stream``; ``clock`` gives seconds since the epoch."""
        self._stream = stream
        self._clock = clock
        self._known: dict[Key, dict[ConditionType, Said]] = {}

    def listening(self, webhooks: str, private: str) -> None:
        """Write where Saleor is to call, and where health and metrics are."""
        message = f"Saleor calls {webhooks}/webhooks/…; health and metrics are at {private}."
        self._line("process", "Listening", "True", "", message)

    def conditions(self, key: Key, status: Status) -> None:
        """Write a line for each condition that is not as this process last knew it.

        Those that only wait for another, or repeat what Ready says, are left out.
        """
        known = self._known.setdefault(key, {})
        ready = _said(status.condition(ConditionType.READY))
        for condition in status.conditions:
            said = _said(condition)
            news = said != known.get(condition.type)
            known[condition.type] = said
            repeats = condition.type is not ConditionType.READY and said[1:] == ready[1:]
            if news and not repeats and condition.reason is not Reason.WAITING:
                self._line(key, condition.type.value, *said)

    def announcement(self, key: Key, announcement: Announcement) -> None:
        """Write what somebody would want to know, unless a condition has just said it."""
        words = announcement.reason, announcement.message
        if any(said[1:] == words for said in self._known.get(key, {}).values()):
            return
        self._line(key, announcement.kind, "", announcement.reason, announcement.message)

    def gone(self, key: Key) -> None:
        """Write that an integration and its state are gone."""
        self._known.pop(key, None)
        self._line(key, "Gone", "", "", "It is let go, and forgotten here.")

    def manifests(self, problem: str | None) -> None:
        """Write that the files cannot be used, or that they can again."""
        if problem is None:
            self._line("process", "Manifests", "True", "Read", "The files are in use again.")
        else:
            message = f"{problem} (until then the last good state counts)"
            self._line("process", "Manifests", "False", "Unreadable", message)

    def _line(self, subject: Key | str, what: str, status: str, reason: str, message: str) -> None:
        moment = time.strftime("%H:%M:%S", time.localtime(self._clock()))
        words = " ".join(message.split())
        line = f"{moment}  {subject!s:<24}  {what:<19}  {status:<7}  {reason:<20}  {words}"
        try:
            self._stream.write(line.rstrip() + "\n")
            self._stream.flush()
        except OSError:
            return  # a closed pipe ends the watching, not the work


def _said(condition: Condition | None) -> Said:
    if condition is None:
        return ("", "", "")
    return (condition.status.value, condition.reason.value, condition.message)

"""The journal: every delivery is durable here before Saleor hears of it, and until it is settled.

It stores raw bodies and calls nobody. One process holds a journal at a time.
"""

from saleor_segment_server.journal.records import (
    DeadLetter,
    LedgerChange,
    Limits,
    Outcome,
    Pending,
    Tally,
)
from saleor_segment_server.journal.sqlite import SqliteJournal

__all__ = [
    "DeadLetter",
    "LedgerChange",
    "Limits",
    "Outcome",
    "Pending",
    "SqliteJournal",
    "Tally",
]

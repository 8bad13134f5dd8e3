"""The only writer of Recipient.status: the transition table, outcomes in batches, what is reported later.

With `sweeper`, `withdrawal`, `requeue` and `held`, which make the moves that their docstrings name.
"""

from transactional.lifecycle.flushing import Held, flush
from transactional.lifecycle.outcomes import Attempt, Outcome
from transactional.lifecycle.reports import Report, apply_report
from transactional.lifecycle.transitions import TRANSITIONS, WAITING

__all__ = [
    "TRANSITIONS",
    "WAITING",
    "Attempt",
    "Held",
    "Outcome",
    "Report",
    "apply_report",
    "flush",
]

"""How long the log of mail is kept, and its only way out: whole months, or days, of all accounts;
row by row what lies in no partition of its own, and what an account keeps for less long.

Nothing goes that is still to be delivered, or that a count has not read yet. What was counted stays.
"""

from transactional.retention.bounds import Days, days, floor, is_gone, oldest_queued
from transactional.retention.folds import cursors, lags
from transactional.retention.months import Old, drop_old, old
from transactional.retention.rows import in_batches
from transactional.retention.run import Done, run
from transactional.retention.state import events_kept_from

__all__ = [
    "Days",
    "Done",
    "Old",
    "cursors",
    "days",
    "drop_old",
    "events_kept_from",
    "floor",
    "in_batches",
    "is_gone",
    "lags",
    "old",
    "oldest_queued",
    "run",
]

"""The only place that says whether there is room on this host's disk for what is accepted.

Refusing while there is still room keeps the database alive: PostgreSQL stops when it cannot write
its log, and then nothing is delivered either.
"""

import os
import time

from django.conf import settings

from config.errors import Refusal

FRESH = 1.0  # seconds that an answer is kept
STORAGE_FULL = Refusal(
    "INSUFFICIENT_STORAGE",
    "The server is short of disk space, nothing was stored; try again later.",
    http=507,
    smtp="452 4.3.1",
    retryable=True,
)

_seen: tuple[float, bool] = (float("-inf"), False)


def short() -> bool:
    """Whether less than DISK_RESERVE_MB is free where DATA_DIR lies; at most a second old.

    A folder that cannot be asked about is not taken for full.
    """
    global _seen
    now = time.monotonic()
    if now - _seen[0] >= FRESH:
        _seen = (now, _short())
    return _seen[1]


def _short() -> bool:
    try:
        found = os.statvfs(settings.DATA_DIR)
    except OSError:
        return False
    free: int = found.f_bavail * found.f_frsize
    return free < settings.DISK_RESERVE_MB * 1024 * 1024

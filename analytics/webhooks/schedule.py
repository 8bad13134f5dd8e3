"""The only place that knows when a delivery is tried again and when an endpoint is left in peace. Pure."""

import random
from datetime import datetime, timedelta

# Seconds after each try that failed: the eleventh is the last, 13 hours after the first
WAITS = (60, 300, 600, 600, 900, 1800, 3600, 7200, 10800, 21600)
TRIES = len(WAITS) + 1
JITTER = 0.1  # of a wait, either way: what failed together does not come back together
# Events that fail in a row, for the first time each, before only a probe goes out: a single event that
# an endpoint cannot take never closes the way to others
ENOUGH = 5
PROBE_FIRST, PROBE_MOST = 15.0, 600.0  # seconds between two probes: doubled each time, up to
ASKED_MOST = 3600  # seconds of a Retry-After that are believed
GIVEN_UP = timedelta(days=3)  # an endpoint that took nothing for so long is switched off
FLOOR = 0.05  # seconds: tests scale waits down, and are to find them in order still


def due(step: int, at: datetime, *, asked: int = 0, scale: float = 1.0) -> datetime | None:
    """When to try again what failed at `at`, having failed `step` times before; None: never again.

    `asked` is the server's own Retry-After, in seconds.
    """
    if step >= len(WAITS):
        return None
    wait = max(WAITS[step] * random.uniform(1 - JITTER, 1 + JITTER), min(asked, ASKED_MOST))  # noqa: S311 — no secret
    return at + timedelta(seconds=max(wait * scale, FLOOR))


def probe_wait(probes: int, *, scale: float = 1.0) -> float:
    """Seconds until the next probe of an endpoint that fails, after so many."""
    return max(min(PROBE_FIRST * 2.0 ** min(probes, 16), PROBE_MOST) * scale, FLOOR)


def is_open(failures: int) -> bool:
    """Whether only probes go to an endpoint with so many failures in a row."""
    return failures >= ENOUGH

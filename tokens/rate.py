"""The rate limit per account and ten seconds that an operator may set: counted in Redis for all
processes, in this process alone while Redis does not answer.
"""

import time

from django.conf import settings

from tokens import throttle

SECONDS = 10
POLICY = "TEN_SECONDLY_ROLLING"  # the name by which clients know when to come back
KEPT = 10_000  # accounts counted in process memory
_here: dict[int, tuple[int, int]] = {}


def wait(account_id: int) -> int:
    """Count one request. Seconds to wait before the next is served; 0: this one may go on."""
    limit: int = settings.RATE_LIMIT_10S
    if not limit:
        return 0
    now = time.time()
    window = int(now) // SECONDS
    everywhere = throttle.count_shared(f"rate:{account_id}:{window}", SECONDS * 2)
    if len(_here) > KEPT:
        _here.clear()
    seen, used = _here.get(account_id, (window, 0))
    used = used + 1 if seen == window else 1
    _here[account_id] = (window, used)
    if max(everywhere, used) <= limit:
        return 0
    return SECONDS - int(now) % SECONDS

"""The only place that lets marketing mail go again which waited since readers reported too much as spam.

The pauses themselves are `domains/complaint_pauses.py`; the engine parks by them (`egress/complaints.py`).
"""

from datetime import timedelta

from django.utils import timezone

from domains import complaint_pauses
from domains.models import ComplaintPause, PoolMember
from transactional.queue import parking

#: What such mail is said to wait for: a domain by its name, a pool whose IPs are all paused by its number
DOMAIN, SOURCES, OVER = "domain_complaints", "ip_complaints", "complaints_over"
HEARD = 3.0  # seconds after which every worker has heard that a pause is over
PER_SECOND = 50  # messages that come back: each receiver's own limits hold besides
# For so long after its end a pause is looked at again: what one statement did not bring forward, and what
# was parked in the moment before the last worker had heard of it
AFTERWARDS = timedelta(minutes=2)


def why(code: str, key: str | int) -> str:
    """What a row of the queue keeps of the reason."""
    return f"{code} {key}"[: parking.REASON]


def lift(pause: ComplaintPause, *, by: str) -> bool:
    """Let marketing mail go on, since a person answers for it; False where the pause was over already."""
    row = complaint_pauses.end(pause.pk, by=by)
    if row is not None:
        let_go(row)
    return row is not None


def let_go(row: ComplaintPause) -> int:
    """Bring forward what waits for a pause that is over; how many rows, parking.FORWARD at most.

    Where another pause keeps them they are parked again.
    """
    if row.domain is not None:
        whys = [why(DOMAIN, row.domain.name)]
    else:
        pools = PoolMember.objects.filter(source_id=row.source_id).values_list("pool_id", flat=True)
        whys = [why(SOURCES, pool) for pool in pools]
    return parking.bring_forward(whys, wait=HEARD, spacing=1 / PER_SECOND, why=OVER)


def let_go_of_the_rest() -> int:
    """The same for pauses that ended lately; how many rows were found still."""
    lately = ComplaintPause.objects.filter(ended_at__gt=timezone.now() - AFTERWARDS)
    return sum(let_go(row) for row in lately.select_related("domain"))

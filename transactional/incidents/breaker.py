"""The circuit breaker of an incident: the only writer of its state. The database is what all
engines go by; each of these is one short statement or transaction. So is its clock: how late it is
here, on one of several machines, decides nothing (a jump of that clock: `transactional/clock.py`).
"""

import logging
import time
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from config import database
from tokens import audit
from transactional.incidents.watch import Suspicion
from transactional.models import Incident, IncidentAccount, IncidentState
from transactional.models.incident import REPLY_SHOWN

logger = logging.getLogger(__name__)

FIRST_PROBE, LONGEST_PROBE = 60.0, 900.0  # seconds to the first canary; doubled up to the longest
DRAIN_STEP = 60.0  # seconds in which the pace of a slow start doubles
DRAIN_FROM = 10.0  # messages a minute after the canary
QUIET_AFTER = 3600.0  # seconds behind a probe's time in which no mail came that could be the canary
OVER_AFTER = 24 * 3600.0  # seconds of quiet, after which what was refused says nothing any more
SHUT = (IncidentState.OPEN, IncidentState.QUIET)  # states in which one message may try
# Asked by each engine each second
_STANDING = """
SELECT i.id, host(s.address), i.source_id, i.site, i.state, i.skeleton, i.reason, i.category,
       extract(epoch FROM i.probe_at - statement_timestamp())::float8,
       extract(epoch FROM statement_timestamp() - i.drain_at)::float8
FROM transactional_incident i JOIN domains_egresssource s ON s.id = i.source_id
WHERE i.closed_at IS NULL ORDER BY i.id LIMIT 1000
"""
_CALLS = """
SELECT EXISTS (SELECT 1 FROM transactional_incident WHERE closed_at IS NULL),
       EXISTS (SELECT 1 FROM transactional_incidentaccount WHERE told_at IS NULL)
"""
MOST_WORDS = 10  # refusals in other words that an incident keeps
DRAIN_STEPS = 7  # then it is over: at 1,280 a minute shaping alone is enough


@dataclass(frozen=True, slots=True)
class Standing:
    """An incident that is not over, as an engine needs it. Its times are seconds as of the reading, by
    the database's clock; they go on by this process's own count.
    """

    id: int
    source_address: str
    source_id: int
    site: str
    state: str
    skeleton: str
    reason: str
    category: str
    probe_in: float  # to when the next canary may leave
    draining: float | None  # since the slow start began
    read_at: float = field(default_factory=time.monotonic, compare=False)

    @property
    def age(self) -> float:
        """Seconds since it was read."""
        return time.monotonic() - self.read_at

    def per_minute(self) -> float:
        """The pace of its slow start; 0 while it is parked."""
        if self.state != IncidentState.DRAINING or self.draining is None:
            return 0.0
        steps = max(0.0, self.draining + self.age) / scaled(DRAIN_STEP)
        return float(DRAIN_FROM * 2 ** min(int(steps), DRAIN_STEPS))


def scaled(seconds: float) -> float:
    """A wait on the clock that RETRY_SCALE sets; seconds."""
    return max(0.05, seconds * settings.RETRY_SCALE)


def standing() -> tuple[Standing, ...]:
    """Every incident that is not over."""
    return tuple(Standing(*row) for row in database.ask(_STANDING))


def calls() -> bool:
    """Whether some incident is not over, or somebody is to hear of one still."""
    return any(database.ask(_CALLS)[0])


def move(by: timedelta) -> None:
    """Move the times of incidents that are not over along with a jump of the clock."""
    rows = Incident.objects.filter(closed_at=None)
    rows.exclude(drain_at=None).update(drain_at=F("drain_at") + by)
    if by > timedelta(0):
        rows = rows.filter(probe_at__lt=Now())  # the others began since
    rows.update(probe_at=F("probe_at") + by)


def open_for(suspicion: Suspicion, *, ago: float) -> bool:
    """Park the cell; False where it is parked already. `ago`: seconds since the first refusal."""
    now = Now()
    try:
        with transaction.atomic():
            row = Incident.objects.create(
                source_id=suspicion.source_id,
                site=suspicion.site[:160],
                reason=str(suspicion.verdict.reason),
                category=str(suspicion.verdict.category),
                skeleton=suspicion.skeleton,
                sample=suspicion.sample[:REPLY_SHOWN].replace("\0", ""),
                began_at=now - timedelta(seconds=ago + 1),
                opened_at=now,
                probe_at=now + timedelta(seconds=scaled(FIRST_PROBE)),
            )
    except IntegrityError:
        _affect(suspicion)
        return False
    _affect(suspicion)
    logger.error(
        "INCIDENT %d: %s refuses %s: %d of %d answers alike (%s); its mail is parked",
        row.pk, suspicion.site, row.source.address, suspicion.alike, suspicion.answers,
        suspicion.verdict.reason,
    )  # fmt: skip
    return True


def _affect(suspicion: Suspicion) -> None:
    """The accounts whose mail was refused are told, and may undo."""
    row = Incident.objects.filter(
        source_id=suspicion.source_id, site=suspicion.site[:160], closed_at=None
    ).first()
    if row is None:
        return
    for account_id in sorted(suspicion.accounts):
        affect(row.pk, account_id)


def affect(incident_id: int, account_id: int) -> None:
    """Note that an incident has refused mail of this account."""
    met, new = IncidentAccount.objects.get_or_create(incident_id=incident_id, account_id=account_id)
    if new:
        row = Incident.objects.get(pk=incident_id)
        audit.record(
            account_id, "incident.opened", by=audit.SYSTEM, target=f"incident:{met.pk}",
            name=row.site, data={"reason": row.reason},
        )  # fmt: skip


def take_probe(incident_id: int) -> bool:
    """Whether this engine may send the canary now: one does, and the next waits twice as long.

    Where it was quiet it is open again: there is mail, and what comes of it is told.
    """
    now = Now()
    row = Incident.objects.filter(pk=incident_id).first()
    if row is None:
        return False
    wait = min(FIRST_PROBE * 2.0 ** min(row.probes + 1, 10), LONGEST_PROBE)
    due = Incident.objects.filter(pk=incident_id, state__in=SHUT, probe_at__lte=now)
    following = now + timedelta(seconds=scaled(wait))
    values = {"probe_at": following, "probes": F("probes") + 1, "state": IncidentState.OPEN}
    return bool(due.update(**values))


def canary_taken(incident_id: int) -> None:
    """The receiver takes mail again: start slowly."""
    changed = Incident.objects.filter(pk=incident_id, state__in=SHUT).update(
        state=IncidentState.DRAINING, drain_at=Now()
    )
    if changed:
        logger.warning("incident %d: a canary was taken, its mail drains", incident_id)


def refused_again(incident_id: int, account_id: int, found: Suspicion | None = None) -> None:
    """Refused while it drains, by the same answer or, `found`, by many of another: parked again.

    What the others did belongs to it as well: their accounts hear of it, and it can be undone.
    """
    for met in sorted({account_id, *(found.accounts if found is not None else ())}):
        affect(incident_id, met)
    if found is not None:
        _add_words(incident_id, found)
    again = Now() + timedelta(seconds=scaled(FIRST_PROBE * 2))
    changed = Incident.objects.filter(pk=incident_id, state=IncidentState.DRAINING).update(
        state=IncidentState.OPEN, drain_at=None, probe_at=again
    )
    if changed:
        logger.warning("incident %d: refused again, parked", incident_id)


def _add_words(incident_id: int, found: Suspicion) -> None:
    with transaction.atomic():
        row = Incident.objects.select_for_update().filter(pk=incident_id).first()
        if row is None or found.skeleton in row.skeletons or len(row.also) >= MOST_WORDS:
            return
        sample = found.sample[:REPLY_SHOWN].replace("\0", "")
        row.also.append({"skeleton": found.skeleton, "sample": sample})
        row.save(update_fields=["also"])


def rest() -> int:
    """Incidents for which no mail came for long after their probe was due are quiet, and nobody is
    alarmed by them any more; how many became so. After a day of quiet they are over.
    """
    waited = Now() - timedelta(seconds=scaled(QUIET_AFTER))
    rows = Incident.objects.filter(state=IncidentState.OPEN, probe_at__lte=waited)
    if quiet := rows.update(state=IncidentState.QUIET):
        logger.warning("%d incidents are quiet: no mail came that could try", quiet)
    past = waited - timedelta(seconds=scaled(OVER_AFTER))
    for row in Incident.objects.filter(state=IncidentState.QUIET, probe_at__lte=past)[:100]:
        close(row.pk, by=audit.SYSTEM)
    return quiet


def close_drained() -> list[int]:
    """Incidents whose slow start is through are over; which ones."""
    limit = Now() - timedelta(seconds=scaled(DRAIN_STEP) * DRAIN_STEPS)
    rows = Incident.objects.filter(state=IncidentState.DRAINING, drain_at__lte=limit)
    return [row.pk for row in rows[:100] if close(row.pk, by=audit.SYSTEM)]


def close(incident_id: int, *, by: str) -> bool:
    """End an incident: by its slow start, by long quiet, or by an operator who knows better."""
    with transaction.atomic():
        open_rows = Incident.objects.filter(pk=incident_id, closed_at=None)
        if not open_rows.update(state=IncidentState.CLOSED, closed_at=Now()):
            return False
        row = Incident.objects.get(pk=incident_id)
        for met in IncidentAccount.objects.filter(incident_id=incident_id):
            audit.record(
                met.account_id, "incident.closed", by=by, target=f"incident:{met.pk}",
                name=row.site,
            )  # fmt: skip
    logger.warning("incident %d is over", incident_id)
    return True

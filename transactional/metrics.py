"""Metrics of mail: the queue, the latest tries, incidents, IPs, worker hosts, the log's partitions."""

from datetime import timedelta

from django.db import connection
from django.db.models import Count
from django.utils import timezone

from config import metrics
from config.ids import uuid7_floor
from config.metrics import Metric, one
from domains.models import EgressSource, WorkerHost
from transactional import listener, queue, retention, tls_share
from transactional.egress import hosts_down, recall
from transactional.inbound import server
from transactional.models import (
    Incident,
    IncidentAccount,
    IncidentState,
    Lane,
    LogState,
    Recipient,
    Status,
    partitions,
)

HOSTS = 50  # worker hosts that are told about, the freshest first
RECENT = timedelta(minutes=1)
TRIES = 20_000  # of RECENT that are looked at
_LANES = {lane.value: lane.name.lower() for lane in Lane}

_RECENT = """
SELECT CASE WHEN code BETWEEN 200 AND 299 THEN 'delivered' WHEN code BETWEEN 400 AND 499 THEN 'deferred'
            WHEN code >= 500 THEN 'refused' ELSE 'no_reply' END,
       tls LIKE 'TLS%%', count(*)
FROM (
    SELECT code, tls FROM transactional_deliveryattempt WHERE id >= %s ORDER BY id DESC LIMIT %s
) AS latest GROUP BY 1, 2
"""


@metrics.source
def queue_rows() -> list[Metric]:
    """What waits, by lane: exact up to a bound, and how long the oldest has been due."""
    found = queue.counted()
    return [
        Metric(
            name="queue_rows",
            text=f"Recipients that wait, by lane and state; counted to {queue.COUNTED:,} a lane.",
            samples=[
                ({"lane": _LANES[one.lane], "state": state}, number)
                for one in found.lanes
                for state, number in one.states.items()
            ],
        ),
        one(
            "queue_rows_estimate",
            "All rows of the queue, as PostgreSQL's statistics have it.",
            found.estimate,
        ),
        Metric(
            name="queue_oldest_due_seconds",
            text="For how long the row that is due longest has been due, of 500 streams a lane.",
            samples=[({"lane": _LANES[one.lane]}, round(one.oldest, 1)) for one in found.lanes],
        ),
    ]


@metrics.source
def latest_tries() -> list[Metric]:
    """Tries of the last minute by outcome, and their share of TLS."""
    with connection.cursor() as cursor:
        cursor.execute(_RECENT, [uuid7_floor(timezone.now() - RECENT), TRIES])
        rows = cursor.fetchall()
    outcomes = {"delivered": 0, "deferred": 0, "refused": 0, "no_reply": 0}
    secured = delivered = 0
    for outcome, tls, number in rows:
        outcomes[outcome] += number
        if outcome == "delivered":
            delivered += number
            secured += number if tls else 0
    share = secured / delivered if delivered else float("nan")
    return [
        Metric(
            name="tries_last_minute",
            text=f"Tries of the last minute by outcome, of the latest {TRIES:,}.",
            samples=[({"outcome": name}, number) for name, number in outcomes.items()],
        ),
        one("tls_ratio", "Of the deliveries of the last minute, the share over TLS.", share),
    ]


@metrics.source
def tls_of_providers() -> list[Metric]:
    """The share of TLS towards each large provider, where there is enough mail to tell."""
    return [
        Metric(
            name="provider_tls_ratio",
            text=f"Share of tries under TLS since yesterday 0:00 UTC; {tls_share.LEAST} tries or more.",
            samples=[
                ({"provider": one.provider}, round(one.ratio, 5)) for one in tls_share.lately()
            ],
        )
    ]


@metrics.source
def hosts_that_are_down() -> list[Metric]:
    """Exchangers that delivery processes try last, since they took no connection."""
    return [
        one(
            "hosts_held_back",
            "Exchangers' addresses that took no connection from one of our IPs and are tried last, over all "
            "delivery processes.",
            hosts_down.counted(),
        )
    ]


@metrics.source
def journals_of_the_dead() -> list[Metric]:
    """What delivery processes that were killed had left of their last conversations."""
    return [
        Metric(
            name="recalled_total",
            kind="counter",
            text="Messages of delivery processes that died, by what their journals knew: `written`, their answer "
            "is written down; `stayed`, their dot had not left; `left`, it had, unanswered; `late`, the answer was read after the copy had "
            "been called in doubt; `given_back`, they were held without a marker, and are the queue's again.",
            samples=[({"what": word}, number) for word, number in recall.counted().items()],
        )
    ]


@metrics.source
def what_came_back() -> list[Metric]:
    """Bounces, complaints and reports by what they were; also what nobody of ours was named by."""
    return [
        Metric(
            name="inbound_total",
            kind="counter",
            text="Mail and addresses that inbound saw, by what they were; `false return-path`: forged.",
            samples=[({"what": word}, number) for word, number in server.counted().items()],
        ),
        Metric(
            name="smtp_refused_total",
            kind="counter",
            text="What our SMTP servers turned away for want of room: connections beyond the limits (421), "
            "mail beyond SMTP_MEMORY_MB (452: `no room`; `gave way`: it came too slowly, others needed it).",
            samples=[
                ({"server": name, "why": why}, number)
                for (name, why), number in listener.refused().items()
            ],
        ),
    ]


@metrics.source
def incidents_and_sources() -> list[Metric]:
    """Circuit breakers that are open, IPs by state, when each machine that delivers reported."""
    open_now = Incident.objects.exclude(state=IncidentState.CLOSED)
    states = open_now.order_by().values_list("state").annotate(n=Count("pk"))
    counted = {"open": 0, "draining": 0, "quiet": 0, **dict(states)}
    held = Recipient.objects.filter(status=Status.HELD)
    ips = EgressSource.objects.order_by().values_list("state").annotate(n=Count("pk"))
    now = timezone.now()
    untold = IncidentAccount.objects.untold(now).exclude(tell_at=None)
    seen = WorkerHost.objects.order_by("-seen_at").values_list("name", "seen_at")[:HOSTS]
    return [
        Metric(
            name="incidents",
            text="Incidents under way: open (mail of an IP to a site is parked), draining, or quiet (no mail came).",
            samples=[({"state": name}, number) for name, number in counted.items()],
        ),
        one(
            "held_recipients",
            "Mail that waits for a person's decision, counted to 10,000.",
            len(held.values_list("pk")[:10_000]),
        ),
        one(
            "incident_alerts_unsent",
            "Accounts whose owners could not be told of an incident yet; tried every 5 minutes.",
            untold.count(),
        ),
        Metric(
            name="ips",
            text="IPs we send from, by state.",
            samples=[({"state": name}, number) for name, number in ips],
        ),
        Metric(
            name="worker_host_silent_seconds",
            text="Seconds since a machine that delivers reported its IPs; below 15 is healthy.",
            samples=[({"host": name}, round((now - at).total_seconds(), 1)) for name, at in seen],
        ),
    ]


@metrics.source
def log_of_mail() -> list[Metric]:
    """How far ahead partitions are made, when retention ran, how far the readers of events are."""
    now = timezone.now()
    listed = partitions.listing()
    ends = {
        table: max((p.high for p in listed if p.table == table), default=now)
        for table in partitions.TABLES
    }
    looked = LogState.objects.exclude(looked_at=None).order_by("looked_at").first()
    waits = LogState.objects.exclude(waits_for="").count()
    ran: list[tuple[metrics.Labels, float]] = []
    if looked is not None and looked.looked_at is not None:
        ran.append(({}, round((now - looked.looked_at).total_seconds(), 1)))
    return [
        one(
            "log_partitions_ahead_days",
            "Days until the last partition of the log ends; made hourly.",
            round(min((end - now).total_seconds() for end in ends.values()) / 86400, 2),
        ),
        Metric(
            name="retention_silent_seconds",
            text="Seconds since retention last looked at the log.",
            samples=ran,
        ),
        one("retention_held_back", "Tables that keep what is past its time.", waits),
        Metric(
            name="event_reader_lag_seconds",
            text="Age of the oldest event that a reader of the log has not read yet.",
            samples=[
                ({"reader": name}, round(lag, 1)) for name, lag in retention.lags(now).items()
            ],
        ),
    ]

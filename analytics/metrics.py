"""Metrics of what happened: every type of event, counted since the beginning."""

from django.db import connection
from django.db.models import Count, Q

from analytics.models import EndpointState, EventTotal, WebhookEndpoint
from config import metrics
from config.metrics import Metric, one
from domains.models import ComplaintPause

COUNTED = 10_000  # deliveries that are counted
_WAITING = """
SELECT count(*) FROM (
    SELECT 1 FROM analytics_webhookdelivery WHERE state = %s LIMIT %s
) AS head
"""


@metrics.source
def events() -> list[Metric]:
    """Counters, folded from the event log with the other numbers; a rebuild begins them anew."""
    rows = EventTotal.objects.order_by("type").values_list("type", "count")
    return [
        Metric(
            name="events_total",
            text="Events by type since the log began: accepted, delivered, deferred, bounced, …; stopped: in the "
            "queue, withdrawn or since its address must not be mailed any more; doubtful: ended, with a copy "
            "that may have arrived.",
            kind="counter",
            samples=[({"type": kind}, number) for kind, number in rows],
        )
    ]


@metrics.source
def complaint_pauses() -> list[Metric]:
    """Marketing mail that waits, since readers reported too much of it as spam."""
    found = ComplaintPause.objects.standing().aggregate(
        domains=Count("domain"), ips=Count("source"), untold=Count("domain", filter=Q(told_at=None))
    )
    return [
        Metric(
            name="complaint_pauses",
            text="Domains and shared IPs whose marketing mail is paused over spam complaints.",
            samples=[({"of": "domain"}, found["domains"]), ({"of": "ip"}, found["ips"])],
        ),
        one(
            "complaint_alerts_unsent",
            "Of the paused domains, those whose owners have not been written to.",
            found["untold"],
        ),
    ]


@metrics.source
def webhooks() -> list[Metric]:
    """What endpoints have not got yet."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, ["waiting", COUNTED])
        waiting = int(cursor.fetchone()[0])
    alive = WebhookEndpoint.objects.filter(deleted_at=None)
    off = alive.filter(state__in=(EndpointState.DISABLED, EndpointState.GONE)).count()
    return [
        one(
            "webhooks_waiting",
            f"Events to be posted to endpoints, counted to {COUNTED:,}.",
            waiting,
        ),
        one("webhooks_off", "Endpoints that were switched off because they took nothing.", off),
    ]

"""How fast an account's mail leaves lately, by lane and by site: what a prediction goes by."""

import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models.functions import Coalesce
from django.utils import timezone

from config.ids import uuid7_floor, uuid7_time
from transactional.models import DeliveryAttempt, Lane
from transactional.queue import InFront, Plan

RECENT = timedelta(minutes=1)  # what counts as the pace of now
SAMPLED = (
    2_000  # tries looked at; where there were more within RECENT, these are the last seconds' own
)
UNKNOWN = 20.0  # messages a second where nothing like it has left lately

Flow = tuple[int, bool]  # a stream, and whether it is its urgent mail


@dataclass(frozen=True, slots=True)
class Finish:
    """A predicted time, and the messages a second that it rests on."""

    at: datetime
    per_second: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Tries a second of late. Urgent mail has workers of its own, so its pace is its own."""

    flows: Counter[Flow]
    sites: Counter[tuple[Flow, str]]
    seconds: float

    def finish(self, plan: Plan, before: InFront, now: datetime) -> Finish:
        """When mail with so much before it has had its turn: in its lane, and at its receiver.

        What is before it begins now, so a later try of its own waits for what is left of that.
        """
        flow = (plan.stream_id, plan.lane == Lane.URGENT)
        flowing = self.flows[flow] / self.seconds or UNKNOWN
        taken = self.sites[flow, plan.domain] / self.seconds or UNKNOWN
        in_lane, at_site = before.all / flowing, before.same_domain / taken
        passed = now + timedelta(seconds=max(in_lane, at_site))
        due = plan.tries[0] if plan.tries else now
        at = min(max(passed, due), max(plan.expires, now))
        return Finish(at, taken if at_site >= in_lane else flowing)


NO_PACE = Pace(Counter(), Counter(), 1.0)


def of(account_id: int) -> Pace:
    """The pace of an account's mail; one query over SAMPLED tries at most."""
    now = timezone.now()
    tries = DeliveryAttempt.objects.of(account_id).filter(pk__gte=uuid7_floor(now - RECENT))
    found = tries.order_by("-pk").values_list(
        "pk",
        "message__stream_id",
        Coalesce("message__lane", "message__version__lane"),
        "recipient__address",
    )[:SAMPLED]
    flows: Counter[Flow] = Counter()
    sites: Counter[tuple[Flow, str]] = Counter()
    oldest: uuid.UUID | None = None
    for pk, stream_id, lane, address in found:
        oldest = pk
        flow = (stream_id, lane == Lane.URGENT)
        flows[flow] += 1
        sites[flow, (address or "").rpartition("@")[2].lower()] += 1
    seconds = RECENT.total_seconds()
    if oldest is not None and flows.total() >= SAMPLED:
        seconds = min(seconds, max(0.1, (now - uuid7_time(oldest)).total_seconds()))
    return Pace(flows, sites, seconds)

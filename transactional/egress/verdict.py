"""What a try's conversation means for its recipient: delivered, later, bounced, unknown, expired."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone, translation

from transactional import retry
from transactional.classify import Category, Reason, Verdict
from transactional.classify import reply as verdict_on
from transactional.classify import report as verdict_on_text
from transactional.egress import fallback
from transactional.egress.decisions import Trail
from transactional.egress.route import Route
from transactional.egress.waits import tell_wait
from transactional.lifecycle import Attempt, Outcome
from transactional.mailable import STOPPED, Bar
from transactional.models import Status
from transactional.queue import Job
from transactional.wire import outcome as wire
from transactional.wire.reply import ReplyClass, Stage, classify

# A reply at these stages is about the host, not the recipient: the next host may take the mail
HOST_STAGES = frozenset({Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS, Stage.AUTH})
# What a "not yet" says of the mailbox itself, and wears its address out if it never changes
OF_THE_MAILBOX = frozenset({Reason.MAILBOX_FULL, Reason.SUSPEND})
# What is said of mail whose worker died behind the final dot, where no reply is known
IN_DOUBT = (
    "450 4.4.7 A copy was sent and its answer never seen. The deadline passed before it could be sent "
    "again."
)
# What a smarthost's refusal says of the mail itself; any other that is not about the recipient is about
# us there: an account that is not paid, a sender that it does not know
OF_THE_MAIL = frozenset(
    {
        Reason.CONTENT_ERROR,
        Reason.NOT_COMPLIANT_RFC,
        Reason.SPAM_DETECTED,
        Reason.SYNTAX_ERROR,
        Reason.VIRUS_DETECTED,
    }
)
UNSENDABLE = Verdict(Reason.CONTENT_ERROR, Category.BLOCK)  # our own mail cannot be built


@dataclass(slots=True)
class Tried:
    """One try as far as it has come: what was spoken with whom, from which IP, and why so."""

    job: Job
    trail: Trail = field(default_factory=Trail)
    tries: list[Attempt] = field(default_factory=list)
    source_id: int | None = None
    warms_up_at: str = ""  # the mailbox provider, where that IP warms up
    provider: str = ""  # of the receiver's exchangers, where it is a large one
    last: wire.Outcome | None = None
    smarthost_id: int | None = None  # which it goes round by, where it does


def next_host_may_know(seen: wire.Outcome) -> bool:
    """Whether this try goes on with another host: the last one was not there, would not speak with
    us, or fell silent before the final dot.
    """
    if seen.uncertain or seen.local:
        return False
    return seen.reply is None or seen.stage in HOST_STAGES


def judge(tried: Tried, last: wire.Outcome, policy: str, doubts: int = 0) -> Outcome:
    """What the last conversation means for the recipient; `policy` is the stream's for unknowns.

    `doubts`: earlier copies whose outcome was never known. A smarthost ends no mail by what it has
    against us, nor by its own limits: the receiver itself may take it yet. What is in doubt there
    is held: no other way could be called the same.
    """
    smarthost = tried.smarthost_id
    reply = str(last.reply) if last.reply else f"{last.stage}: {last.error}"
    if last.accepted:
        return _ended(tried, Status.DELIVERED, reply, data=_left(tried))
    if last.uncertain:
        return _uncertain(tried, policy if smarthost is None else "smarthost", reply, doubts + 1)
    if last.reply is None:
        return defer(tried, "connection", reply, doubts)
    kind = classify(last.reply, stage=last.stage)
    if last.stage in HOST_STAGES or last.reply.is_temporary:
        return defer(tried, kind, reply, doubts)
    verdict = verdict_on(last.reply, stage=last.stage)
    if smarthost is not None:
        limit = fallback.beyond(smarthost, last.reply, verdict)
        if limit is not None:
            tried.trail.add(limit)
        of_us = verdict.category is Category.BLOCK and verdict.reason not in OF_THE_MAIL
        if limit is not None or of_us:
            return defer(tried, ReplyClass.TEMPORARY, reply, doubts)
    return bounce(tried, reply, kind, verdict, status=last.reply.enhanced or "")


def _left(tried: Tried) -> dict[str, Any]:
    """What complaint rates are counted by: the IP that the receiver saw (none behind a smarthost), and
    the provider.
    """
    left: dict[str, Any] = {"egress": tried.source_id if tried.smarthost_id is None else None}
    if tried.provider:
        left["provider"] = tried.provider
    return left


def without_route(tried: Tried, route: Route) -> Outcome:
    """The domain takes no mail, or DNS does not say where."""
    if route.permanent:
        verdict = verdict_on_text(diagnostic=route.refusal)
        return bounce(tried, route.refusal, ReplyClass.DNS, verdict)
    return defer(tried, ReplyClass.DNS, route.refusal)


def bounce(
    tried: Tried,
    reply: str,
    kind: ReplyClass = ReplyClass.PERMANENT,
    verdict: Verdict = UNSENDABLE,
    *,
    status: str = "",
) -> Outcome:
    """Refused for good; `status` is the enhanced code of the reply, if it had one."""
    why = {"category": str(verdict.category), "reason": str(verdict.reason), "class": str(kind)}
    if status:
        why["status"] = status
    return _ended(tried, Status.BOUNCED, reply, data=why)


def poisoned(tried: Tried, reply: str) -> Outcome:
    """It ends whoever builds it: kept, and not tried again by itself. Of this try nothing has left."""
    data = {"class": "poison", "crashes": tried.job.crashes}
    return _ended(tried, Status.HELD, reply, data=data)


def defer(tried: Tried, kind: str, reply: str, doubts: int = 0) -> Outcome:
    """Try again later, or give up once the message's lifetime is over.

    Of a mail of which a copy is in doubt nobody can say that it did not arrive: it is held instead.
    """
    now = tried.job.now()
    attempts = tried.job.attempt + 1
    left = (tried.job.deliver_by - now).total_seconds()
    wait = retry.wait(kind, attempts, left, jitter=random.random, scale=settings.RETRY_SCALE)
    due = retry.next_due(now, tried.job.deliver_by, wait)
    if due is None and tried.job.resent:
        return _held_in_doubt(tried, reply, max(1, doubts), "deadline")
    status = Status.DEFERRED if due else Status.EXPIRED
    tried.trail.note("retry", str(kind) if due else "expired", due=due, tries=attempts)
    data = {"class": str(kind)} if due else {"class": str(kind), **_gave_up(reply)}
    return _ended(tried, status, reply, due_at=due, data=data)


def expire(tried: Tried, last: str, doubts: int = 0) -> Outcome:
    """The deadline passed while the mail waited; `last` is what was said to the last try, if any.

    `doubts`: copies that may have arrived. With one it is held: it did leave, and has not failed.
    """
    with translation.override("en"):
        waited = f" It waited for {tell_wait(tried.job.parked)}." if tried.job.parked else ""
    if tried.job.resent:
        reply = last or f"{IN_DOUBT}{waited}"
        held = _held_in_doubt(tried, reply, max(1, doubts), "deadline")
        return replace(held, attempts=tried.job.attempt)
    tried.trail.note("retry", "expired", tries=tried.job.attempt)
    reply = last or f"450 4.4.7 The deadline passed before this could be sent.{waited}"
    expired = _ended(tried, Status.EXPIRED, reply, data={"class": "deadline", **_gave_up(last)})
    return replace(expired, attempts=tried.job.attempt)


def over(tried: Tried) -> Outcome:
    """A report has ended it meanwhile: it leaves the queue, and what it stands at stays."""
    tried.trail.note("retry", "over", status=tried.job.status)
    return replace(_ended(tried, Status.EXPIRED, ""), attempts=tried.job.attempt)


def barred(tried: Tried, bar: Bar) -> Outcome:
    """Its address must not be mailed any more: what has waited is not sent. Of a copy that is in doubt
    nothing is said: it may have arrived, and there is no second one.
    """
    job = tried.job
    since = {"since": bar.since.isoformat()} if bar.since is not None else {}
    tried.trail.note("policy", "barred_since" if bar.since else "barred", barred=bar.code, **since)
    data: dict[str, Any] = {
        "how": "suppressed",
        "was": job.status,
        "code": bar.code,
        "reason": STOPPED[bar.code],
    }
    if bar.cause is not None:
        data["cause"] = str(bar.cause)
    ended = _ended(tried, Status.SUPPRESSED, bar.code, data=data)
    return replace(ended, attempts=job.attempt)


def _gave_up(last: str) -> dict[str, str]:
    """The contract's soft bounce, with what the last reply said of the mailbox, if it did."""
    reason = verdict_on_text(diagnostic=last).reason
    kept = reason if reason in OF_THE_MAILBOX else Reason.EXPIRED
    return {"category": str(Category.SOFT), "reason": str(kept)}


def _held_in_doubt(tried: Tried, reply: str, copies: int, because: str) -> Outcome:
    """`because`: what keeps it from being sent again by itself (`explain/held.py` has the words)."""
    tried.trail.note("retry", "in_doubt_held", copies=copies)
    data = {"class": "in_doubt", "copies": copies, "because": because}
    return _ended(tried, Status.HELD, reply, data=data)


def _uncertain(tried: Tried, policy: str, reply: str, doubts: int) -> Outcome:
    """The final dot was sent and no reply came: hold, or send again, marked, a few times at most."""
    now = tried.job.now()
    wait = retry.delay("connection", doubts, jitter=random.random, scale=settings.RETRY_SCALE)
    due = retry.next_due(now, tried.job.deliver_by, wait)
    if policy != "resend":
        return _held_in_doubt(tried, reply, doubts, policy)
    if doubts >= retry.DOUBTS or due is None:
        return _held_in_doubt(tried, reply, doubts, "deadline" if due is None else "copies")
    tried.trail.note("retry", "in_doubt", due=due, copies=doubts)
    return _ended(tried, Status.UNCERTAIN, reply, due_at=due, resent=True)


def _ended(
    tried: Tried,
    status: Status,
    reply: str,
    *,
    due_at: datetime | None = None,
    resent: bool = False,
    data: Mapping[str, Any] | None = None,
) -> Outcome:
    return Outcome(
        job=tried.job,
        status=status,
        at=timezone.now(),
        attempts=tried.job.attempt + 1,
        reply=reply,
        source_id=tried.source_id,
        due_at=due_at,
        tries=tuple(tried.tries),
        resent=resent,
        data=data or {},
        decisions=tried.trail.rows(),
        warms_up_at=tried.warms_up_at,
    )

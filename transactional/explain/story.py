"""The story of one message, told from what the deciding functions wrote down when they decided."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from transactional import mail_log, queue
from transactional.explain import pace as pace_of
from transactional.explain.held import WhyHeld, why_held
from transactional.explain.pace import NO_PACE, Pace
from transactional.explain.paused import why_paused
from transactional.explain.tell import Step, steps
from transactional.mail_log import Story
from transactional.models import DeliveryAttempt, Event, EventType, Kind, Message, Recipient
from transactional.queue import InFront, Plan
from transactional.submission import policy
from transactional.submission.editions_table import EDITION, EDITIONS, NOTED

COUNTED = 10_000  # rows in front that are counted at most: an estimate needs no more


@dataclass(frozen=True, slots=True)
class Try:
    """One delivery attempt with the decisions that led to it and followed from it."""

    attempt: DeliveryAttempt
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is still to come: the plan, and when it should be done if the receiver takes it.

    `in_front`: messages of the same stream and lane before it; `per_second`: the pace that the
    estimate rests on, of its lane or of its receiver, whichever takes longer. `why`: what keeps it
    waiting where that is no receiver.
    """

    plan: Plan
    in_front: int
    per_second: float
    finish: datetime
    why: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """One recipient's part: `before` are decisions after which nothing was tried."""

    recipient: Recipient
    before: tuple[Step, ...]
    tries: tuple[Try, ...]
    ahead: Ahead | None
    bounce: Mapping[str, Any] | None = None  # what the event that ended it says, if it failed
    held: WhyHeld | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A message's decisions: at the door, and then for each recipient."""

    message: Message
    door: tuple[Step, ...]
    recipients: tuple[Told, ...]
    cut: bool


def explain(account_id: int, message_id: uuid.UUID) -> Explanation | None:
    """The explanation of a message; None if the account has no such message."""
    story = mail_log.story(account_id, message_id)
    return None if story is None else of_story(account_id, story)


def of_story(account_id: int, story: Story) -> Explanation:
    """The same from a story already read."""
    plans = queue.plans(account_id, [one.pk for one in story.recipients])
    pace = pace_of.of(account_id) if plans else NO_PACE
    waiting = why_held(account_id, story.recipients)
    return Explanation(
        message=story.message,
        door=_door(story),
        recipients=tuple(
            replace(_told(one, story, plans, pace), held=waiting.get(one.pk))
            for one in story.recipients
        ),
        cut=story.cut,
    )


def _door(story: Story) -> tuple[Step, ...]:
    message = story.message
    if message.refusal:
        data = {"reason": message.refusal, "message": message.refusal_text}
        return (Step("policy", "refused", data),)
    passed = EDITIONS.get(_edition(story))
    if passed is None:  # accepted before it was noted, or its events are past their time
        today = EDITIONS[EDITION]
        told = tuple(Step("policy", _name(one, message.kind)) for one in today)
        return (Step("policy", "not_noted"), *told)
    return tuple(Step("policy", _name(one, message.kind)) for one in passed)


def _edition(story: Story) -> int:
    """The edition of the policy that the message passed; 0: not noted."""
    for moment in story.moments:
        event = moment.event
        if event is not None and event.type == EventType.ACCEPTED and isinstance(event.data, dict):
            edition = event.data.get(NOTED)
            return edition if isinstance(edition, int) else 0
    return 0


def _name(check: str, kind: str) -> str:
    if check != policy.marketing_obeys_consent.__name__:
        return check
    return "consent_obeyed" if kind == Kind.MARKETING else "consent_ignored"


def _told(recipient: Recipient, story: Story, plans: Mapping[uuid.UUID, Plan], pace: Pace) -> Told:
    before: list[Step] = []
    tries: list[Try] = []
    bounce: Mapping[str, Any] | None = None
    for moment in story.moments:
        if moment.recipient is None or moment.recipient.pk != recipient.pk:
            continue
        if moment.attempt is not None:
            tries.append(Try(moment.attempt, steps(moment.attempt.decisions)))
        elif moment.event is not None:
            before += _of_event(moment.event)
            if moment.event.type in (EventType.BOUNCED, EventType.EXPIRED):
                bounce = moment.event.data if isinstance(moment.event.data, dict) else None
    plan = plans.get(recipient.pk)
    ahead = None if plan is None else _ahead(recipient, story.message, plan, pace)
    return Told(recipient, tuple(before), tuple(tries), ahead, bounce)


def _of_event(event: Event) -> Sequence[Step]:
    data: dict[str, Any] = event.data if isinstance(event.data, dict) else {}
    if event.type == EventType.DROPPED:
        return (Step("policy", "suppressed", {"reason": data.get("reason", "")}),)
    return steps(data.get("decisions"))


def _ahead(recipient: Recipient, message: Message, plan: Plan, pace: Pace) -> Ahead:
    before = InFront() if plan.under_way else queue.in_front(recipient.pk, most=COUNTED)
    done = pace.finish(plan, before, timezone.now())
    why = why_paused(message, plan.waits_for)
    return Ahead(plan, before.all, round(done.per_second, 2), done.at, why)

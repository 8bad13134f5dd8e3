"""The pages of the mail log: the list of messages, and one message with its timeline."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from domains.coach_sentences_table import tell_alignment
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional import explain, held, mail_log, mailable, retention, sweeper
from transactional.egress.waits import tell_wait
from transactional.explain import Step
from transactional.mail_log import Filters
from transactional.models import DeliveryAttempt, EventType, Machine, Status
from transactional.views import refusal_words

PAGE = 50
# The colour of each status and event: colour only repeats what the word says
TONES: Mapping[str, str] = {
    Status.DELIVERED: "ok",
    Status.DEFERRED: "warn",
    Status.HELD: "warn",
    Status.UNCERTAIN: "warn",
    Status.BOUNCED: "bad",
    Status.EXPIRED: "bad",
    mail_log.REFUSED: "bad",
    EventType.DROPPED: "bad",
    EventType.COMPLAINED: "bad",
    EventType.RESENT: "warn",
    EventType.UNSUBSCRIBED: "warn",
    EventType.OPENED: "accent",
    EventType.CLICKED: "accent",
}
MACHINES: Mapping[str, object] = dict(Machine.choices)
# Reasons that events keep in English
REASONS = frozenset(
    {
        held.SENT_AGAIN,
        held.GIVEN_UP,
        *held.BARRED.values(),
        *mailable.STOPPED.values(),
        sweeper.UNSEEN,
    }
)
STATUSES = [*Status.choices, (mail_log.REFUSED, _("Refused"))]


SUPPRESSED = str(Status.SUPPRESSED)  # also how a `cancelled` event says that it came to this


def pill(value: str) -> dict[str, object]:
    """A status as the pages show it: its word and its tone."""
    words = {**dict(EventType.choices), **dict(STATUSES)}
    return {"word": words.get(value, value), "tone": TONES.get(value, "mute")}


@account_page(Role.VIEWER)
def message_list(request: AccountRequest) -> HttpResponse:
    """Messages of the account, newest first, narrowed to an address or a status."""
    filters = _filters(request)
    before = _uuid(request.GET.get("before", ""))
    rows = mail_log.message_list(request.account.pk, filters, before=before, limit=PAGE + 1)
    kept = {"address": filters.address, "status": filters.status}
    kept = {name: value for name, value in kept.items() if value}
    context = {
        "rows": [
            {
                "row": row,
                "pills": _row_pills(row),
                "origin": row.message.campaign.name if row.message.campaign else "",
            }
            for row in rows[:PAGE]
        ],
        "filters": filters,
        "statuses": STATUSES,
        "paged": before is not None,
        "newest": "?" + urlencode(kept),
        "older": (
            "?" + urlencode({**kept, "before": str(rows[PAGE - 1].message.pk)})
            if len(rows) > PAGE
            else ""
        ),
    }
    return render(request, "transactional/messages.html", context)


def _filters(request: AccountRequest) -> Filters:
    address = request.GET.get("address", "").replace("\0", "").strip()[:254]
    status = request.GET.get("status", "")
    return Filters(address=address, status=status if status in dict(STATUSES) else "")


def _row_pills(row: mail_log.Row) -> list[dict[str, object]]:
    if row.message.refusal:
        return [pill(mail_log.REFUSED)]
    several = len(row.statuses) > 1
    return [{**pill(status), "count": count if several else 0} for status, count in row.statuses]


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


@account_page(Role.VIEWER)
def message_detail(request: AccountRequest, message_id: uuid.UUID) -> HttpResponse:
    """One message: who it went to, what each server said, who opened it."""
    story = mail_log.story(request.account.pk, message_id)
    if story is None:
        if not retention.is_gone(message_id):
            raise Http404
        days = retention.days().messages
        return render(request, "transactional/message_gone.html", {"days": days}, status=404)
    why = explain.of_story(request.account.pk, story)
    ahead = {one.recipient.pk: one.ahead for one in why.recipients if one.ahead is not None}
    reasons = {one.attempt.pk: one.steps for told in why.recipients for one in told.tries}
    bounces = {one.recipient.pk: one.bounce for one in why.recipients}
    told = {text for one in story.moments if one.attempt for text in _words(one.attempt)}
    waiting = {one.recipient.pk: one.held for one in why.recipients if one.held is not None}
    context = {
        "story": story,
        "message": story.message,
        "refusal": refusal_words.told(story.message.refusal_text),
        "remedy": refusal_words.remedy(story.message.refusal),
        "recipients": [
            {
                "recipient": one,
                "pill": pill(one.status),
                "bounce": bounces.get(one.pk),
                **_last_reply(waiting[one.pk].reply if one.pk in waiting else one.reply),
            }
            for one in story.recipients
        ],
        "why": why,
        "moments": [_moment(one, told, reasons) for one in story.moments],
        "planned": [
            {
                "recipient": one,
                "plan": plan.plan,
                "ahead": plan,
                "waits": tell_wait(plan.plan.waits_for),
                "incident": plan.plan.waits_for.startswith("incident "),
            }
            for one in story.recipients
            if (plan := ahead.get(one.pk)) is not None
        ],
        "held": [
            {"recipient": one, "why": waiting[one.pk]}
            for one in story.recipients
            if one.pk in waiting
        ],
        "may_decide": request.may(Role.MARKETER),
        "several": len(story.recipients) > 1,
        "log_begins": _log_begins(story),
    }
    return render(request, "transactional/message.html", context)


def _log_begins(story: mail_log.Story) -> datetime | None:
    """From when on events are kept, where this message is older: its timeline has lost some."""
    begins = retention.events_kept_from()
    return begins if begins is not None and story.message.created_at < begins else None


def _last_reply(reply: str) -> dict[str, str]:
    """What a recipient's row says: a server's own words, or in ours what kept it from speaking, or
    why its address must not be mailed.
    """
    return {"reply": reply, "error": explain.tell_reply(reply) or explain.tell_barred(reply)}


def _by_hand(data: Mapping[str, object]) -> str:
    """The reason that an event of ours gives, in the reader's language where it is a fixed one."""
    reason = str(data.get("reason") or "")
    return gettext(reason) if reason in REASONS else reason


def _words(attempt: DeliveryAttempt) -> tuple[str, str]:
    """What its entry tells: the reply, or the failure as events name it, with its stage."""
    return attempt.reply, f"{attempt.stage}: {attempt.reply}"


def _moment(
    moment: mail_log.Moment, told: set[str], reasons: Mapping[uuid.UUID, Sequence[Step]]
) -> dict[str, object]:
    """An entry of the timeline; a reply that a try's entry tells is not told again."""
    event = moment.event
    if event is None:
        attempt = moment.attempt
        steps = reasons.get(attempt.pk, ()) if attempt is not None else ()
        error = attempt.reply if attempt is not None and not attempt.code else ""
        said = explain.tell_error(attempt.stage, error) if attempt is not None and error else ""
        return {"moment": moment, "attempt": attempt, "steps": steps, "error": said}
    data = event.data if isinstance(event.data, dict) else {}
    dmarc = data.get("dmarc")
    said = tell_alignment(dmarc) if isinstance(dmarc, dict) else ""
    says = said or data.get("response") or data.get("message") or ""
    ours = "" if says else _by_hand(data)
    says = "" if says in told else says
    return {
        "moment": moment,
        "pill": pill(SUPPRESSED if data.get("how") == SUPPRESSED else event.type),
        "steps": explain.steps(data.get("decisions")),
        "url": data.get("url", ""),
        "says": says,
        "error": explain.tell_reply(str(says)) or ours,
        "who": data.get("user_agent") or data.get("by", ""),
        "ip": data.get("ip", ""),
        "machine": MACHINES.get(str(data.get("machine", "")), ""),
    }

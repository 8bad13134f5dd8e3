"""The pages of publishing: requests for approval, and roll-outs with what they have done so far."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config import attention
from config.attention import Item, Level
from config.errors import PostinoError
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.compose import approvals, rollouts, version_counts
from transactional.compose.rollout_verdict import MEASURES
from transactional.models import Approval, ApprovalState, RollOut, RollOutState
from transactional.models.publishing import UNDER_WAY
from transactional.views.emails import find_email, refusal_sentence

PAGE = 50
HISTORY = 10  # requests and roll-outs of an email that are told
TONES = {
    ApprovalState.OPEN: "accent",
    ApprovalState.APPROVED: "ok",
    ApprovalState.DECLINED: "bad",
    RollOutState.RUNNING: "accent",
    RollOutState.HELD: "warn",
    RollOutState.FINISHED: "ok",
    RollOutState.ROLLED_BACK: "bad",
}


def may_approve(request: AccountRequest) -> bool:
    """Whether the member's role is one that approves in this account."""
    return bool(request.account.approvers) and request.may(request.account.approvers)


@require_safe
@account_page(Role.VIEWER)
def approval_list(request: AccountRequest) -> HttpResponse:
    """What waits for approval, the last asked first."""
    rows = Approval.objects.of(request.account).filter(state=ApprovalState.OPEN)
    rows = rows.select_related("email", "version").defer("version__html", "version__document")
    context = {"rows": rows.order_by("-pk")[:PAGE], "may_approve": may_approve(request)}
    return render(request, "transactional/approvals.html", context)


@require_safe
@account_page(Role.VIEWER)
def email_approval(request: AccountRequest, email_id: int) -> HttpResponse:
    """The requests to publish an email: the one that waits, and what became of the others."""
    email = find_email(request, email_id)
    current = approvals.current(email)
    rows = Approval.objects.of(request.account).filter(email=email).order_by("-pk")
    rows = rows.select_related("version").defer("version__html", "version__document")
    told = rows.prefetch_related("comments")[:HISTORY]
    context: dict[str, Any] = {
        "email": email,
        "current": current,
        "rows": [{"one": one, "tone": TONES.get(ApprovalState(one.state), "mute")} for one in told],
        "mine": current is not None and current.asked_by == request.user.email,
        "may_approve": may_approve(request),
        "may_edit": request.may(Role.MARKETER),
        "tab": "versions",
    }
    return render(request, "transactional/email_approval.html", context)


@require_POST
@account_page(Role.MARKETER)
def approval_act(
    request: AccountRequest, email_id: int, approval_id: int, action: str
) -> HttpResponseBase:
    """Approve, decline, recall, or say something about a request."""
    email = find_email(request, email_id)
    rows = Approval.objects.of(request.account).filter(email=email)
    one: Approval = get_object_or_404(rows.select_related("email", "version"), pk=approval_id)
    by, text = request.user.email, request.POST.get("text", "").replace("\0", "").strip()
    here = redirect("email_approval", request.account.pk, email.pk)
    if action in {"approve", "decline"} and not may_approve(request):
        messages.error(request, _("Your role does not approve in this account."))
        return here
    if action == "recall" and one.asked_by != by and not request.may(Role.OWNER):
        messages.error(request, _("Only who asked, or an owner, takes a request back."))
        return here
    acts: dict[str, Callable[[], object]] = {
        "approve": lambda: approvals.approve(one, by=by),
        "decline": lambda: approvals.decline(one, by=by, why=text),
        "recall": lambda: approvals.recall(one, by=by),
        "comment": lambda: approvals.comment(one, text, by=by),
    }
    if action not in acts:
        raise Http404
    _do(request, acts[action])
    return here


def _do(request: AccountRequest, act: Callable[[], object]) -> None:
    try:
        act()
    except PostinoError as err:
        messages.error(request, refusal_sentence(err.refusal.code, err.refusal.message))
    else:
        messages.success(request, _("Done."))


@require_safe
@account_page(Role.VIEWER)
def email_rollout(request: AccountRequest, email_id: int) -> HttpResponse:
    """The roll-out under way, with both versions' mail side by side; and those before it."""
    email = find_email(request, email_id)
    current = rollouts.under_way(email.pk)
    rows = RollOut.objects.of(request.account).filter(email=email).exclude(state__in=UNDER_WAY)
    rows = rows.select_related("version").defer("version__html", "version__document")
    context: dict[str, Any] = {
        "email": email,
        "current": current,
        "figures": _figures(current) if current else [],
        "verdict": rollouts.verdict_of(current) if current else None,
        "enough": rollouts.ENOUGH,
        "minutes": int(rollouts.STAGE.total_seconds() // 60),
        "steps": [
            (share, current is not None and share <= current.share) for share in rollouts.SHARES
        ],
        "rows": [
            {
                "one": one,
                "tone": TONES.get(RollOutState(one.state), "mute"),
                "why": _why(one.verdict),
            }
            for one in rows.order_by("-pk")[:HISTORY]
        ],
        "may_edit": request.may(Role.MARKETER),
        "tab": "versions",
    }
    return render(request, "transactional/email_rollout.html", context)


def _figures(one: RollOut) -> list[dict[str, Any]]:
    """Each measure of both versions: bad ones, of how many, the share in per cent."""
    counts = version_counts.of([one.version_id, one.baseline_id], trial=True)
    names = {
        "RENDER_ERRORS": _("Failed to render"),
        "BOUNCES": _("Bounced"),
        "COMPLAINTS": _("Reported as spam"),
    }
    found = []
    for measure in MEASURES:
        row: dict[str, Any] = {"name": names[measure.code]}
        for side, pk in (("trial", one.version_id), ("live", one.baseline_id)):
            bad = counts[pk].get(measure.bad, 0)
            total = sum(counts[pk].get(name, 0) for name in measure.of)
            rate = round(100 * bad / total, 1) if total else None
            row[side] = {"bad": bad, "of": total, "rate": rate}
        found.append(row)
    return found


def _why(verdict: Mapping[str, Any]) -> str:
    """Why a roll-out was rolled back by itself, with its figures."""
    data = verdict.get("data", {}) if verdict.get("harm") else {}
    sentences = {
        "RENDER_ERRORS": _("%(bad)s of %(of)s sends failed to render, %(live_bad)s of %(live_of)s before."),
        "BOUNCES": _("%(bad)s of %(of)s mails bounced, %(live_bad)s of %(live_of)s before."),
        "COMPLAINTS": _("%(bad)s of %(of)s readers reported spam, %(live_bad)s of %(live_of)s before."),
    }  # fmt: skip
    sentence = sentences.get(str(verdict.get("code")), "")
    return sentence % data if sentence and data else ""


@require_POST
@account_page(Role.MARKETER)
def rollout_act(
    request: AccountRequest, email_id: int, rollout_id: int, action: str
) -> HttpResponseBase:
    """The next step, hold, go on, finish, roll back."""
    email = find_email(request, email_id)
    rows = RollOut.objects.of(request.account).filter(email=email)
    one: RollOut = get_object_or_404(rows.select_related("email", "version"), pk=rollout_id)
    by = request.user.email
    acts: dict[str, Callable[[], object]] = {
        "advance": lambda: rollouts.advance(one, by=by),
        "hold": lambda: rollouts.hold(one, by=by),
        "resume": lambda: rollouts.resume(one, by=by),
        "finish": lambda: rollouts.finish(one, by=by),
        "roll-back": lambda: rollouts.roll_back(one, by=by),
    }
    if action not in acts:
        raise Http404
    _do(request, acts[action])
    return redirect("email_rollout", request.account.pk, email.pk)


@attention.source
def publishing(account_id: int) -> list[Item]:
    """Roll-outs that ended themselves and nobody has published since; requests that wait."""
    found = []
    backed = RollOut.objects.of(account_id).filter(
        state=RollOutState.ROLLED_BACK, verdict__harm=True, email__archived_at=None
    )
    for one in backed.select_related("email").order_by("-pk")[:5]:
        later = one.email.published_id not in (one.baseline_id, None)
        if (
            later
            or RollOut.objects.of(account_id).filter(email=one.email_id, pk__gt=one.pk).exists()
        ):
            continue
        text = _("A version of “%(name)s” was rolled back by itself: %(why)s")
        found.append(
            Item(
                code="ROLLOUT_ROLLED_BACK",
                level=Level.BAD,
                text=text % {"name": one.email.name, "why": _why(one.verdict)},
                link=_("See why"),
                url=reverse("email_rollout", args=[account_id, one.email_id]),
            )
        )
    waiting = Approval.objects.of(account_id).filter(state=ApprovalState.OPEN).count()
    if waiting:
        found.append(
            Item(
                code="APPROVALS_WAIT",
                level=Level.INFO,
                text=_("Emails that wait for approval: %(count)s") % {"count": waiting},
                link=_("See them"),
                url=reverse("approvals", args=[account_id]),
            )
        )
    return found

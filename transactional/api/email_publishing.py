"""Publishing over HTTP: the draft goes live, is rolled out, or waits for somebody's approval."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from config.calls import Call
from config.rest import CallRefused, Fault, invalid
from tokens.models import ApiKey
from tokens.web import caller
from transactional.api.emails import email_of, version_of, version_view, view
from transactional.compose import approvals, restore, rollouts, version_counts, versions
from transactional.models import Approval, RollOut

MOST_NOTE = 500


class EmailPublish(Call):
    """The draft of an email, made live."""

    scopes = frozenset({"publish"})

    def post(self, request: Request, email_id: str) -> Response:
        """200 with the version that is live, or on its way at `share` per cent. Where the account
        wants approval: 403, or 202 with the request if `requestApproval` is true.
        """
        email = email_of(request, email_id)
        note, share, ask = _asked(request.data)
        by = caller(request).name
        if versions.needs_approval(email.account_id) and ask:
            # Whoever made the key has asked, and so cannot approve it
            key = ApiKey.objects.of(email.account_id).get(pk=caller(request).credential_id)
            made = approvals.ask(email, by=key.created_by, note=note, share=share)
            return Response({"approval": _approval(made)}, status=202)
        if share < rollouts.SHARES[-1]:
            rollout = rollouts.start(email, by=by, share=share, note=note)
            return Response({"rollout": rollout_view(rollout)})
        version = versions.publish(email, by=by, note=note)
        return Response({"version": version_view(version)})


def _asked(body: Any) -> tuple[str, int, bool]:
    """note, share, requestApproval. Raises CallRefused."""
    body = body if isinstance(body, dict) else {}
    note, share = body.get("note", ""), body.get("share", 100)
    ask, faults = body.get("requestApproval", False), []
    if not isinstance(note, str) or len(note) > MOST_NOTE:
        message = f"note must be text of at most {MOST_NOTE} characters"
        faults.append(Fault(message, "/note", "INVALID_VALUE"))
    if isinstance(share, bool) or share not in rollouts.SHARES:
        faults.append(Fault("share must be 5, 25 or 100", "/share", "INVALID_VALUE"))
    if not isinstance(ask, bool):
        message = "requestApproval must be true or false"
        faults.append(Fault(message, "/requestApproval", "INVALID_TYPE"))
    if faults:
        raise invalid(faults)
    return " ".join(note.split()), share, ask


class VersionRestore(Call):
    """A version, made the draft again."""

    scopes = frozenset({"content"})

    def post(self, request: Request, email_id: str, number: str) -> Response:
        """200 with the email; what is live stays live."""
        email = email_of(request, email_id)
        version = version_of(email, number)
        restored = restore.restore(email, version, by=caller(request).name)
        return Response(view(email_of(request, str(restored.pk))))


class EmailRollOut(Call):
    """The roll-out of an email that is under way."""

    scopes = frozenset({"publish"})

    def get(self, request: Request, email_id: str) -> Response:
        """200 with its share, both versions' counters and the verdict; 404 without one."""
        return Response(rollout_view(self._current(request, email_id)))

    def post(self, request: Request, email_id: str) -> Response:
        """200 after `{"action": "advance" | "hold" | "resume" | "finish" | "rollBack"}`."""
        one, by = self._current(request, email_id), caller(request).name
        acts: dict[str, Callable[..., RollOut]] = {
            "advance": rollouts.advance,
            "hold": rollouts.hold,
            "resume": rollouts.resume,
            "finish": rollouts.finish,
            "rollBack": rollouts.roll_back,
        }
        action = request.data.get("action") if isinstance(request.data, dict) else None
        if not isinstance(action, str) or action not in acts:
            message = f"action must be one of {', '.join(acts)}"
            raise invalid([Fault(message, "/action", "INVALID_VALUE")])
        acts[action](one, by=by)
        one.refresh_from_db()
        return Response(rollout_view(one))

    def _current(self, request: Request, email_id: str) -> RollOut:
        one = rollouts.under_way(email_of(request, email_id).pk)
        if one is None:
            raise CallRefused(404, "OBJECT_NOT_FOUND", "No roll-out is under way.")
        return one


def rollout_view(one: RollOut) -> dict[str, Any]:
    """A roll-out with what has been counted since it began."""
    counts = version_counts.of([one.version_id, one.baseline_id], trial=True)
    verdict = rollouts.verdict_of(one)
    return {
        "version": one.version.number,
        "baseline": one.baseline.number,
        "share": one.share,
        "state": one.state,
        "startedAt": one.started_at,
        "startedBy": one.started_by,
        "counts": {"version": counts[one.version_id], "baseline": counts[one.baseline_id]},
        "verdict": {"code": verdict.code, "harm": verdict.harm, "data": dict(verdict.data)},
    }


def _approval(one: Approval) -> dict[str, Any]:
    page = reverse("email_approval", args=[one.account_id, one.email_id])
    return {
        "state": one.state,
        "version": one.version.number,
        "askedBy": one.asked_by,
        "askedAt": one.asked_at,
        "link": f"{settings.PUBLIC_URL}{page}",
    }

"""`GET /api/v1/messages/{id}/explain`: why a message fared as it did, decision by decision."""

import uuid
from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from config.calls import Call
from tokens.web import caller
from transactional import explain
from transactional.api.gone import gone_or_absent
from transactional.classify import Reason
from transactional.classify.names_table import NAMES
from transactional.egress.waits import tell_wait
from transactional.explain import Ahead, Step, Told, Try, WhyHeld


class Explain(Call):
    """A message's decisions."""

    scopes = frozenset({"transactional-email", "marketing-email"})

    def get(self, request: Request, message_id: str) -> Response:
        """What was decided at the door, and for each recipient from try to try."""
        try:
            found = explain.explain(caller(request).account_id, uuid.UUID(message_id))
        except ValueError:
            found = None
        if found is None:
            raise gone_or_absent(message_id)
        message = found.message
        return Response(
            {
                "id": str(message.pk),
                "kind": message.kind,
                "stream": message.stream.name if message.stream else None,
                "sendId": (message.labels or {}).get("sendId") or None,
                "metadata": (message.labels or {}).get("metadata", {}),
                "requestedAt": message.created_at,
                "door": [_step(one) for one in found.door],
                "recipients": [_recipient(one) for one in found.recipients],
                "complete": not found.cut,
            }
        )


def _step(step: Step) -> dict[str, Any]:
    told: dict[str, Any] = {
        "step": step.step,
        "code": step.code,
        "says": step.says,
        "data": step.facts,
    }
    if step.others:
        told["others"] = [
            {"address": one.address, "code": one.code, "says": one.says, "data": one.data}
            for one in step.others
        ]
    return told


def _recipient(told: Told) -> dict[str, Any]:
    row = told.recipient
    return {
        "id": str(row.pk),
        "address": row.address,
        "status": row.status,
        "since": row.status_at,
        "reply": row.reply,
        "bounce": None if told.bounce is None else _bounce(told.bounce),
        "held": None if told.held is None else _held(told.held),
        "decisions": [_step(one) for one in told.before],
        "attempts": [_try(one) for one in told.tries],
        "ahead": None if told.ahead is None else _ahead(told.ahead),
    }


def _bounce(data: Mapping[str, Any]) -> dict[str, Any]:
    """Why it failed: our words, and what others call it."""
    reason = str(data.get("reason", ""))
    names = NAMES[Reason(reason)] if reason in set(Reason) else None
    return {
        "kind": data.get("category", ""),
        "reason": reason,
        "status": data.get("status", ""),
        "category": names.contract if names else "UNCATEGORIZED",
        "ses": names.ses if names else "Undetermined",
        "postmark": names.postmark if names else "Unknown",
    }


def _held(why: WhyHeld) -> dict[str, Any]:
    """Why it waits for a decision, and what sending it again would do."""
    return {
        "code": why.code,
        "keptBy": why.kept_by,
        "says": why.says,
        "mayHaveArrived": why.in_doubt,
        "releasable": why.releasable,
        "onRelease": why.release,
        "onReleaseSays": why.on_release,
        "reply": why.reply,
    }


def _try(one: Try) -> dict[str, Any]:
    attempt = one.attempt
    return {
        "number": attempt.number,
        "at": attempt.at,
        "milliseconds": attempt.duration_ms,
        "from": attempt.source_address,
        "host": attempt.host,
        "address": attempt.address,
        "tls": attempt.tls,
        "stage": attempt.stage,
        "code": attempt.code,
        "reply": attempt.reply,
        "decisions": [_step(step) for step in one.steps],
        "dialogue": attempt.transcript.splitlines(),
    }


def _ahead(ahead: Ahead) -> dict[str, Any]:
    plan = ahead.plan
    return {
        "underWay": plan.under_way,
        "waitsFor": plan.waits_for,
        "waitsForSays": tell_wait(plan.waits_for),
        "decisions": [_step(one) for one in ahead.why],
        "nextAttempts": list(plan.tries),
        "expires": plan.expires,
        "inFront": ahead.in_front,
        "perSecond": ahead.per_second,
        "predictedFinish": None if ahead.why else ahead.finish,
    }

"""The checks of an email over HTTP: the same as in the editor, for a build that publishes."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from config.calls import Call
from config.paging import find
from tokens.web import caller
from transactional.compose import link_probes
from transactional.compose.document import checks
from transactional.compose.document.problem import Problem
from transactional.models import Email

LEVELS = {"block": "BLOCKS_PUBLISHING", "warn": "WARNING", "advice": "ADVICE"}


class EmailChecks(Call):
    """What is wrong with the draft of an email."""

    scopes = frozenset({"transactional-email", "marketing-email"})

    def get(self, request: Request, email_id: str) -> Response:
        """The draft as it was saved last. Links are asked behind the answer, for the next one."""
        rows = Email.objects.of(caller(request).account_id).select_related("account")
        email: Email = find(rows, email_id)
        link_probes.wake(email)
        report = checks.report(email)
        results = [_view(one) for one in report.problems]
        for one, row in report.dismissed:
            let = {"by": row.by, "reason": row.why, "at": row.at}
            results.append({**_view(one), "dismissed": let})
        path = reverse("email_checks", args=[email.account_id, email.pk])
        return Response(
            {
                "emailId": str(email.pk),
                "revision": email.revision,
                "publishable": report.publishable,
                "results": results,
                "link": f"{settings.PUBLIC_URL}{path}",
            }
        )


def _view(one: Problem) -> dict[str, Any]:
    return {
        "level": LEVELS[one.level],
        "code": one.code,
        "message": one.message,
        "blockId": one.block,
        "dismissed": None,
    }

"""Incidents over HTTP: list, show with what an undo would do, undo."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from config.calls import Call
from config.paging import find, page
from tokens.web import caller
from transactional.incidents import undo
from transactional.models import IncidentAccount


class IncidentsCall(Call):
    """A call that needs the scope `transactional-email`."""

    scopes = frozenset({"transactional-email"})


def _rows(request: Request) -> QuerySet[IncidentAccount]:
    rows: QuerySet[IncidentAccount] = IncidentAccount.objects.of(caller(request).account_id)
    return rows.select_related("incident__source")


class Incidents(IncidentsCall):
    """The account's incidents."""

    def get(self, request: Request) -> Response:
        """A page of them, newest first."""
        found, paging = page(request, _rows(request))
        return Response({"results": [view(row) for row in found], **paging})


class IncidentById(IncidentsCall):
    """One incident."""

    def get(self, request: Request, incident_id: str) -> Response:
        """What is refused, and what an undo would do now."""
        return Response(_whole(find(_rows(request), incident_id)))


class IncidentUndo(IncidentsCall):
    """Undo of what an incident did to the account."""

    def post(self, request: Request, incident_id: str) -> Response:
        """200 with what was done; a second time finds nothing to do."""
        row = find(_rows(request), incident_id)
        lifted, again = undo.undo(row, by=caller(request).name)
        row.refresh_from_db()
        return Response({"lifted": lifted, "requeued": again, "incident": _whole(row)})


def view(row: IncidentAccount) -> dict[str, Any]:
    """An incident as the API shows it."""
    one = row.incident
    return {
        "id": str(row.pk),
        "site": one.site,
        "receiver": one.receiver,
        "ip": one.source.address,
        "state": one.state,
        "reason": one.reason,
        "answer": one.sample,
        "beganAt": one.began_at.isoformat(),
        "openedAt": one.opened_at.isoformat(),
        "closedAt": one.closed_at.isoformat() if one.closed_at else None,
        "undoneAt": row.undone_at.isoformat() if row.undone_at else None,
        "requeued": row.requeued,
        "lifted": row.lifted,
    }


def _whole(row: IncidentAccount) -> dict[str, Any]:
    caused = undo.preview(row)
    return {
        **view(row),
        "caused": {
            "since": caused.since.isoformat(),
            "until": caused.until.isoformat(),
            "failed": caused.failed,
            "suppressed": caused.suppressed,
            "suppressedMeanwhile": caused.barred,
            "tooLate": caused.late,
            "noLongerKept": caused.gone,
            "more": caused.cut,
        },
    }

"""What became of a single send: `send-statuses/{statusId}`."""

import uuid

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from config.calls import Call
from tokens.web import caller
from transactional import selectors
from transactional.api import send_view
from transactional.api.gone import gone_or_absent


class SendStatusById(Call):
    """The status of one send of the key's account."""

    scopes = frozenset({"transactional-email", "marketing-email"})

    def get(self, request: Request, status_id: str) -> Response:
        """EmailSendStatusView; 404 for what this account has not sent."""
        try:
            message_id = uuid.UUID(status_id)
        except ValueError:
            raise Http404 from None
        found = selectors.send_status(caller(request).account_id, message_id)
        if found is None:
            raise gone_or_absent(status_id)
        return Response(send_view.of_status(found))

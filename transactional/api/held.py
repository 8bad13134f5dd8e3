"""`POST /api/v1/messages/{id}/release` and `/give_up`: decisions about what of a message is held."""

import uuid
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from config.calls import Call
from config.rest import Fault, invalid
from tokens.web import caller
from transactional import held
from transactional.api.gone import gone_or_absent
from transactional.models import Message, Recipient, Status


class _HeldCall(Call):
    """A call about one message; its body may name one `recipient` by id."""

    scopes = frozenset({"transactional-email", "marketing-email"})

    def chosen(self, request: Request, message_id: str) -> list[uuid.UUID]:
        """What of the message is held. Raises Http404, CallRefused."""
        account_id = caller(request).account_id
        wanted = self._recipient(request.data)
        try:
            message = Message.objects.of(account_id).filter(pk=uuid.UUID(message_id)).first()
        except ValueError:
            message = None
        if message is None:
            raise gone_or_absent(message_id)
        rows = Recipient.objects.of(account_id).filter(message_id=message.pk)
        if wanted is not None:
            rows = rows.filter(pk=wanted)
            if not rows.exists():
                fault = Fault("recipient is none of this message's", "recipient", "INVALID_VALUE")
                raise invalid([fault])
        return list(rows.filter(status=Status.HELD).order_by("pk").values_list("pk", flat=True))

    def _recipient(self, body: Any) -> uuid.UUID | None:
        if not body:
            return None
        named = body.get("recipient") if isinstance(body, dict) else ""
        if named is None:
            return None
        try:
            return uuid.UUID(named)
        except (ValueError, AttributeError, TypeError):
            words = "recipient must be the id of one of the message's recipients"
            raise invalid([Fault(words, "recipient", "INVALID_VALUE")]) from None


class MessageRelease(_HeldCall):
    """Sends held mail again."""

    def post(self, request: Request, message_id: str) -> Response:
        """200 with what was done; a second time finds nothing to do."""
        who, ids = caller(request), self.chosen(request, message_id)
        done = held.release(who.account_id, ids, by=who.name)
        return Response(
            {
                "released": done.done,
                "suppressedMeanwhile": done.barred,
                "tooLate": done.late,
                "noLongerKept": done.gone,
            }
        )


class MessageGiveUp(_HeldCall):
    """Gives held mail up."""

    def post(self, request: Request, message_id: str) -> Response:
        """200 with what was done; a second time finds nothing to do."""
        who, ids = caller(request), self.chosen(request, message_id)
        return Response({"givenUp": held.give_up(who.account_id, ids, by=who.name).done})

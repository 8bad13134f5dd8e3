"""HubSpot's first version of single send and SMTP tokens, for programs that were never moved on from it.

The same doors and rows as version 3's: only the words of the question and of the answer differ.
"""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from config.calls import Call
from config.rest import Fault, answered, invalid
from config.v1 import APP_ID, milliseconds
from tokens import credentials
from tokens.models import SmtpCredential
from tokens.web import caller
from transactional import selectors
from transactional.api import send_view
from transactional.api.single_send import REPLY_TO_LIMIT, Reader
from transactional.api.smtp_tokens import LONGEST_PAGE, make, token_named
from transactional.submission import together
from transactional.submission.request import Refused

CREATED_BY = 254  # characters of an address, as its column holds


class SingleEmailSend(Call):
    """`POST /email/public/v1/singleEmail/send`."""

    scopes = frozenset({"transactional-email"})

    def post(self, request: Request) -> HttpResponse:
        """200 with sendResult, `message` and the event that tells of it; 400 for what is no request."""
        account_id = caller(request).account_id
        answer = together.accept(LegacyReader(request.data).submission(caller(request)))
        if isinstance(answer, Refused):
            told = send_view.refused(answer)
        else:
            told = {"sendResult": "QUEUED", "message": "", **send_view.accepted(answer)}
        view: dict[str, Any] = {name: told.get(name, "") for name in ("sendResult", "message")}
        if answer.message_id is not None:
            found = selectors.send_status(account_id, answer.message_id)
            if found is not None and found.event is not None:
                event_id, created = found.event
                view["eventId"] = {"id": str(event_id), "created": milliseconds(created)}
        return answered(view)


class LegacyReader(Reader):
    """Properties are lists of `{name, value}`; one address to reply to, or `replyToList`."""

    def _texts(
        self, message: Mapping[str, Any], name: str, most: int | None = None
    ) -> tuple[str, ...]:
        if name != "replyTo":
            return super()._texts(message, name, most)
        many = super()._texts(message, "replyToList", REPLY_TO_LIMIT)
        one = self._text(message, "replyTo")
        return (one, *many[: REPLY_TO_LIMIT - 1]) if one and one not in many else many

    def _contact(self, value: Any) -> Mapping[str, str]:
        return super()._contact(self._named(value, "contactProperties"))

    def _custom(self, value: Any) -> Mapping[str, Any]:
        return super()._custom(self._named(value, "customProperties"))

    def _named(self, value: Any, pointer: str) -> Any:
        """A list of names and values as the object that it stands for; what is none stays."""
        if not isinstance(value, list):
            return value
        found: dict[str, Any] = {}
        for place, one in enumerate(value):
            name = one.get("name") if isinstance(one, dict) else None
            if not isinstance(name, str):
                words = "must be an object with `name`, a string, and `value`"
                self._fault(f"{pointer}[{place}]", words, "INVALID_TYPE")
                return None
            found[name] = one.get("value")
        return found


class SmtpApiTokens(Call):
    """`/email/public/v1/smtpapi/tokens`."""

    scopes = frozenset({"transactional-email"})

    def get(self, request: Request) -> Response:
        """The newest of the account's SMTP tokens, without their passwords; version 3 has pages."""
        rows, _ = selectors.smtp_token_page(caller(request).account_id, limit=LONGEST_PAGE)
        return Response([_view(token) for token in rows])

    def post(self, request: Request) -> Response:
        """200 with the password, which is shown this once."""
        name, by = _asked(request.data)
        token, password = make(request, name, create_contact=False, by=by)
        return Response({**_view(token), "password": password})


class SmtpApiTokenReset(Call):
    """`POST /email/public/v1/smtpapi/tokens/{userName}/password-reset`."""

    scopes = frozenset({"transactional-email"})

    def post(self, request: Request, username: str) -> Response:
        """The new password; the old one is refused from now on."""
        token = token_named(caller(request).account_id, username)
        password = credentials.reset_smtp_password(token)
        return Response({**_view(token), "password": password, "passwordHash": None})


def _view(token: SmtpCredential) -> dict[str, Any]:
    return {
        "portalId": token.account_id,
        "userName": token.username,
        "emailCampaignId": token.campaign.pk,
        "createdAt": milliseconds(token.created_at),
        "deleted": False,
        "createdBy": token.created_by,
        "appId": APP_ID,
        "campaignName": token.campaign_name,
    }


def _asked(body: Any) -> tuple[str, str]:
    """campaignName and createdBy, which may be absent. Raises CallRefused with every fault."""
    if not isinstance(body, dict):
        raise invalid([Fault("The body must be a JSON object.", "body", "INVALID_TYPE")])
    faults = []
    name, by = body.get("campaignName"), body.get("createdBy") or ""
    if name is None:
        faults.append(Fault("campaignName is required", "campaignName", "REQUIRED_FIELD"))
    elif not isinstance(name, str):
        faults.append(Fault("campaignName must be a string", "campaignName", "INVALID_TYPE"))
    if not isinstance(by, str):
        faults.append(Fault("createdBy must be a string", "createdBy", "INVALID_TYPE"))
    elif len(by) > CREATED_BY:
        words = f"createdBy must be an address of at most {CREATED_BY} characters"
        faults.append(Fault(words, "createdBy", "INVALID_VALUE"))
    if faults:
        raise invalid(faults)
    return str(name), str(by)

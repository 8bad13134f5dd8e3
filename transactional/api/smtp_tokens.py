"""SMTP tokens over HTTP: make, list, show, reset, delete. The password is answered once."""

from typing import Any
from urllib.parse import urlencode

from django.db import transaction
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from config.calls import Call
from config.rest import Fault, invalid
from tokens import credentials
from tokens.models import Account, ApiKey, SmtpCredential
from tokens.web import caller
from transactional import selectors
from transactional.models import Campaign

PAGE, LONGEST_PAGE = 100, 500  # tokens of an answer, unless asked for fewer or more
MAX_ID = 2**63 - 1


class SmtpTokens(Call):
    """The account's SMTP tokens."""

    scopes = frozenset({"transactional-email"})

    def get(self, request: Request) -> Response:
        """A page of them, newest first."""
        query = _Query(request)
        limit = query.number("limit", most=LONGEST_PAGE) or PAGE
        campaign_id = query.number("emailCampaignId")
        before = query.number("after")
        query.refuse_faults()
        tokens, after = selectors.smtp_token_page(
            caller(request).account_id,
            campaign_name=request.query_params.get("campaignName"),
            campaign_id=campaign_id,
            before=before,
            limit=limit,
        )
        answer: dict[str, Any] = {"results": [view(token) for token in tokens]}
        if after is not None:
            asked = {**request.query_params.dict(), "after": str(after)}
            link = f"{request.build_absolute_uri(request.path)}?{urlencode(asked)}"
            answer["paging"] = {"next": {"after": str(after), "link": link}}
        return Response(answer)

    def post(self, request: Request) -> Response:
        """201 with the password."""
        name, create_contact = _asked(request.data)
        token, password = make(request, name, create_contact=create_contact)
        return Response(view(token, password=password), status=201)


class SmtpToken(Call):
    """One SMTP token, known by its user name."""

    scopes = frozenset({"transactional-email"})

    def get(self, request: Request, token_id: str) -> Response:
        """Everything but the password."""
        return Response(view(token_named(caller(request).account_id, token_id)))

    def delete(self, request: Request, token_id: str) -> Response:
        """204: it signs in no more; its numbers stay."""
        credentials.delete(token_named(caller(request).account_id, token_id))
        return Response(status=204)


class SmtpTokenReset(Call):
    """A new password for one SMTP token."""

    scopes = frozenset({"transactional-email"})

    def post(self, request: Request, token_id: str) -> Response:
        """The new password; the old one is refused from now on."""
        token = token_named(caller(request).account_id, token_id)
        password = credentials.reset_smtp_password(token)
        return Response(view(token, password=password))


def view(token: SmtpCredential, *, password: str | None = None) -> dict[str, Any]:
    """SmtpApiTokenView."""
    found = {
        "id": token.username,
        "createdBy": token.created_by,
        "emailCampaignId": str(token.campaign.pk),
        "createdAt": token.created_at,
        "createContact": token.create_contact,
        "campaignName": token.campaign_name,
    }
    return found if password is None else {**found, "password": password}


def make(
    request: Request, name: str, *, create_contact: bool, by: str = ""
) -> tuple[SmtpCredential, str]:
    """A new token with its campaign, and its password. Without `by` its maker is the key's."""
    account = Account.objects.get(pk=caller(request).account_id)
    key = ApiKey.objects.of(account).get(pk=caller(request).credential_id)
    with transaction.atomic():
        token, password = credentials.create_smtp(
            account,
            campaign_name=name,
            create_contact=create_contact,
            by=by or key.created_by,
            made_by_api=True,
        )
        Campaign.objects.open_for(token)
    return token, password


def token_named(account_id: int, token_id: str) -> SmtpCredential:
    """The account's token of this user name. Raises Http404."""
    rows = selectors.smtp_tokens(account_id)
    token = rows.filter(username=token_id.strip().lower()).first() if "\0" not in token_id else None
    if token is None:
        raise Http404
    return token


def _asked(body: Any) -> tuple[str, bool]:
    """campaignName and createContact. Raises CallRefused with every fault."""
    if not isinstance(body, dict):
        raise invalid([Fault("The body must be a JSON object.", "body", "INVALID_TYPE")])
    faults = []
    for name, kind, word in (
        ("campaignName", str, "a string"),
        ("createContact", bool, "a boolean"),
    ):
        value = body.get(name)
        if value is None:
            faults.append(Fault(f"{name} is required", name, "REQUIRED_FIELD"))
        elif not isinstance(value, kind):
            faults.append(Fault(f"{name} must be {word}", name, "INVALID_TYPE"))
    if faults:
        raise invalid(faults)
    return body["campaignName"], body["createContact"]


class _Query:
    """Reads whole numbers from a query string, collecting what is wrong."""

    def __init__(self, request: Request) -> None:
        self.values = request.query_params
        self.faults: list[Fault] = []

    def number(self, name: str, *, most: int = MAX_ID) -> int | None:
        """The positive number; None where it is absent or wrong."""
        text = self.values.get(name, "")
        if not text:
            return None
        if text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= most:
            return int(text)
        fault = Fault(f"{name} must be a whole number of 1 to {most}", name, "INVALID_VALUE")
        self.faults.append(fault)
        return None

    def refuse_faults(self) -> None:
        """Raises CallRefused where a number was wrong."""
        for name, texts in self.values.lists():
            if any("\0" in text for text in texts):
                self.faults.append(Fault(f"{name} holds U+0000", name, "INVALID_VALUE"))
        if self.faults:
            raise invalid(self.faults)

"""Emails over HTTP: list, make, read, put the draft, check data against the contract, render."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from config.calls import Call
from config.errors import PostinoError
from config.paging import find, number, page
from config.rest import CallRefused, Fault, invalid
from tokens.models import Account
from tokens.web import caller
from transactional.compose import drafts, exchange, render
from transactional.compose.contract import check, schema
from transactional.compose.sample import sample_context
from transactional.models import Email, EmailVersion

_LIGHT = ("html", "text", "document", "sample", "contract", "published__html", "published__text",
          "published__document", "published__contract")  # fmt: skip


def email_of(request: Request, email_id: str) -> Email:
    """The caller's email. Raises Http404."""
    rows = Email.objects.of(caller(request).account_id).select_related("account", "published")
    found: Email = find(rows, email_id)
    return found


def version_of(email: Email, text: str) -> EmailVersion:
    """A version by its number. Raises Http404."""
    wanted = number(text, most=2**31 - 1)
    if wanted is None:
        raise CallRefused(404, "OBJECT_NOT_FOUND", "There is no such version.")
    found = email.versions.filter(number=wanted).first()
    if found is None:
        raise CallRefused(404, "OBJECT_NOT_FOUND", "There is no such version.")
    return found


class Emails(Call):
    """The account's emails."""

    scopes = frozenset({"content"})

    def get(self, request: Request) -> Response:
        """A page of them, newest first, without their content."""
        asked = request.query_params
        rows = Email.objects.of(caller(request).account_id).select_related("published")
        rows = rows.filter(archived_at__isnull=asked.get("archived") != "true").defer(*_LIGHT)
        for name in ("folder", "name"):
            if text := asked.get(name, "").replace("\0", ""):
                rows = rows.filter(**{name: text})
        if tag := asked.get("tag", "").replace("\0", ""):
            rows = rows.filter(tags__contains=[tag])
        found, paging = page(request, rows)
        return Response({"results": [summary(one) for one in found], **paging})

    def post(self, request: Request) -> Response:
        """201 with the new email; 422 with every fault and its place."""
        account = Account.objects.get(pk=caller(request).account_id)
        email = exchange.create(account, request.data, by=caller(request).name)
        return Response(view(email), status=201)


class EmailById(Call):
    """One email."""

    scopes = frozenset({"content"})

    def get(self, request: Request, email_id: str) -> Response:
        """The email with its draft, whole."""
        return Response(view(email_of(request, email_id)))

    def delete(self, request: Request, email_id: str) -> Response:
        """204: it is archived. Nothing can send it; its numbers stay."""
        email = email_of(request, email_id)
        if email.archived_at is None:
            drafts.set_archived(email, True, by=caller(request).name)
        return Response(status=204)


class EmailDraft(Call):
    """The draft of an email."""

    scopes = frozenset({"content"})

    def put(self, request: Request, email_id: str) -> Response:
        """200 after saving over the `revision` that is named; 409 where somebody saved since."""
        email = email_of(request, email_id)
        body = dict(request.data) if isinstance(request.data, dict) else {}
        revision = body.pop("revision", None)
        if isinstance(revision, bool) or not isinstance(revision, int):
            message = "revision must be the whole number this was made from"
            raise invalid([Fault(message, "/revision", "REQUIRED_FIELD")])
        return Response(
            view(exchange.save(email, body, revision=revision, by=caller(request).name))
        )


class EmailValidate(Call):
    """Data against the contract of an email, without sending anything."""

    scopes = frozenset({"content", "transactional-email", "marketing-email"})

    def post(self, request: Request, email_id: str) -> Response:
        """200 where `customProperties` keep the live version's contract; 422 with each place."""
        email = email_of(request, email_id)
        custom = request.data.get("customProperties") if isinstance(request.data, dict) else None
        if not isinstance(custom, dict):
            message = "customProperties must be an object"
            raise invalid([Fault(message, "/customProperties", "INVALID_TYPE")])
        content = email.published or email
        refusal = check.refusal(schema.parse(content.contract), custom)
        if refusal is not None:
            raise PostinoError(refusal)
        return Response({"valid": True, "version": email.published and email.published.number})


class EmailRender(Call):
    """The draft, filled with data."""

    scopes = frozenset({"content"})

    def post(self, request: Request, email_id: str) -> Response:
        """200 with subject, HTML and text; 422 where it cannot be rendered."""
        email = email_of(request, email_id)
        data = request.data.get("sample") if isinstance(request.data, dict) else None
        if data is not None and not isinstance(data, dict):
            raise invalid([Fault("sample must be an object", "/sample", "INVALID_TYPE")])
        try:
            words = render.render(email, sample_context(email, data))
        except PostinoError as err:
            raise CallRefused(422, err.refusal.code, err.refusal.message) from err
        return Response({"subject": words.subject, "html": words.html, "text": words.text})


class EmailVersions(Call):
    """The versions of an email."""

    scopes = frozenset({"content"})

    def get(self, request: Request, email_id: str) -> Response:
        """A page of them, newest first, without their content."""
        email = email_of(request, email_id)
        rows = EmailVersion.objects.filter(email=email)
        found, paging = page(request, rows.defer("html", "text", "document", "contract"))
        return Response({"results": [version_view(one) for one in found], **paging})


class EmailVersionByNumber(Call):
    """One version."""

    scopes = frozenset({"content"})

    def get(self, request: Request, email_id: str, number: str) -> Response:
        """The version with its content."""
        version = version_of(email_of(request, email_id), number)
        return Response({**version_view(version), "content": exchange.content(version)})


def summary(email: Email) -> dict[str, Any]:
    """An email without its content."""
    live = email.published
    return {
        "id": str(email.pk),
        "name": email.name,
        "type": email.kind,
        "folder": email.folder,
        "tags": email.tags,
        "revision": email.revision,
        "published": version_view(live) if live else None,
        "archived": email.archived_at is not None,
        "createdAt": email.created_at,
        "updatedAt": email.updated_at,
        "updatedBy": email.updated_by,
    }


def view(email: Email) -> dict[str, Any]:
    """An email with its draft."""
    return {**summary(email), "draft": exchange.told(email)}


def version_view(version: EmailVersion) -> dict[str, Any]:
    """A version without its content."""
    return {
        "number": version.number,
        "note": version.note,
        "createdAt": version.created_at,
        "createdBy": version.created_by,
        "publishedAt": version.published_at,
        "publishedBy": version.published_by or None,
    }

"""The list of emails: searched, narrowed to a folder, a tag or a type, and sorted in bulk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.compose import drafts
from transactional.models import Email, Kind
from transactional.views import email_places
from transactional.views.emails import Cursor, with_changed

PAGE = 25
_HEAVY = ("html", "text", "sample", "document", "contract", "published__html", "published__text",
          "published__document", "published__contract")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filters:
    """What the query string narrows the list to."""

    query: str = ""
    folder: str = ""
    tag: str = ""
    kind: str = ""
    archived: bool = False

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "Filters":
        """From a query string; what is not known there narrows nothing."""
        kind = str(given.get("kind", ""))
        return cls(
            query=_line(given, "q", 200),
            folder=_line(given, "folder", 100),
            tag=_line(given, "tag", 40),
            kind=kind if kind in Kind.values else "",
            archived=given.get("archived") == "1",
        )

    @property
    def kept(self) -> dict[str, str]:
        """As a query string says it, without what is empty."""
        said = {"q": self.query, "folder": self.folder, "tag": self.tag, "kind": self.kind}
        said["archived"] = "1" if self.archived else ""
        return {name: value for name, value in said.items() if value}

    def rows(self, account_id: int) -> QuerySet[Email]:
        """The emails that are left."""
        rows = Email.objects.of(account_id).filter(archived_at__isnull=not self.archived)
        if self.query:
            rows = rows.filter(Q(name__icontains=self.query) | Q(subject__icontains=self.query))
        if self.folder:
            rows = rows.filter(folder=self.folder)
        if self.tag:
            rows = rows.filter(tags__contains=[self.tag])
        return rows.filter(kind=self.kind) if self.kind else rows


def _line(given: Mapping[str, Any], name: str, limit: int) -> str:
    text = str(given.get(name, "")).replace("\0", "").strip()[:limit]
    return text.encode("utf-8", "replace").decode()


@account_page(Role.VIEWER)
def email_list(request: AccountRequest) -> HttpResponse:
    """Emails, the last changed first."""
    filters = Filters.read(request.GET)
    rows = filters.rows(request.account.pk)
    cursor = Cursor.read(request.GET.get("before", ""))
    if cursor:
        rows = rows.filter(Q(updated_at__lt=cursor.at) | Q(updated_at=cursor.at, pk__lt=cursor.pk))
    listed = with_changed(rows).select_related("published").order_by("-updated_at", "-pk")
    found = list(listed.defer(*_HEAVY)[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    kept = filters.kept
    context = {
        "emails": found[:PAGE],
        "filters": filters,
        "archived": filters.archived,
        "query": filters.query,
        "narrowed": bool(kept.keys() - {"archived"}),
        "folders": email_places.folders(request.account.pk),
        "tags": email_places.tags(request.account.pk),
        "kinds": Kind.choices,
        "paged": cursor is not None,
        "newest": "?" + urlencode(kept),
        "older": "?" + urlencode({**kept, "before": str(Cursor(last.updated_at, last.pk))})
        if last
        else "",
        "back": urlencode(kept),
        "may_edit": request.may(Role.MARKETER),
        "may_import": request.may(Role.DEVELOPER),
    }
    return render(request, "transactional/emails.html", context)


@require_POST
@account_page(Role.MARKETER)
def email_bulk(request: AccountRequest) -> HttpResponseBase:
    """Do one thing with the emails that were ticked: archive, bring back, move to a folder."""
    ids = [int(one) for one in request.POST.getlist("email")[:500] if _is_id(one)]
    action, by = request.POST.get("action"), request.user.email
    if not ids:
        messages.warning(request, _("Tick the emails first."))
    elif action in {"archive", "bring_back"}:
        count = drafts.archive_many(request.account, ids, action == "archive", by=by)
        said = (
            ngettext("%(count)s email was archived.", "%(count)s emails were archived.", count)
            if action == "archive"
            else ngettext("%(count)s email is back.", "%(count)s emails are back.", count)
        )
        messages.success(request, said % {"count": count})
    elif action == "move":
        folder = " ".join(_line(request.POST, "into", 100).split())
        count = drafts.sort_into(request.account, ids, folder=folder, by=by)
        said = ngettext("%(count)s email was moved.", "%(count)s emails were moved.", count)
        messages.success(request, said % {"count": count})
    kept = Filters.read({**request.POST.dict(), "q": request.POST.get("q", "")}).kept
    response = redirect("emails", request.account.pk)
    response["Location"] += f"?{urlencode(kept)}" if kept else ""
    return response


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19

"""The pages of emails: the list, one email, and what is done with it at a click."""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import BooleanField, Case, F, Q, QuerySet, Value, When
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from config.errors import PostinoError
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.compose import approvals, drafts, rollouts, versions
from transactional.compose.document import starters
from transactional.models import Email, Kind
from transactional.models.email import CONTENT_FIELDS
from transactional.views import refusal_words, snippets, starter
from transactional.views.email_forms import NewEmailForm, verified_domains

PAGE = 25


def find_email(request: AccountRequest, email_id: int) -> Email:
    """This account's email, with `changed` set. Raises Http404."""
    rows = with_changed(Email.objects.of(request.account)).select_related("published", "account")
    email: Email = get_object_or_404(rows, pk=email_id)
    return email


def with_changed(emails: QuerySet[Email]) -> QuerySet[Email]:
    """Annotate whether the draft differs from what is published, without loading either."""
    differs = Q(published__isnull=True)
    for name in CONTENT_FIELDS:
        if name == "subscription_type_id":
            mine, live = f"{name}__isnull", f"published__{name}__isnull"
            differs |= Q(**{mine: True, live: False}) | Q(**{mine: False, live: True})
            differs |= Q(**{mine: False, live: False}) & ~Q(**{name: F(f"published__{name}")})
            continue
        differs |= ~Q(**{name: F(f"published__{name}")})
    return emails.annotate(
        changed=Case(When(differs, then=Value(True)), default=False, output_field=BooleanField())
    )


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page of the list ends: the list is in order of change, newest first."""

    at: datetime
    pk: int

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(f"{self.at.isoformat()}|{self.pk}".encode()).decode()

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """The cursor in a query string; None if it is not one of ours."""
        try:
            at, _sep, pk = base64.urlsafe_b64decode(text.encode()).decode().partition("|")
            found = cls(datetime.fromisoformat(at), int(pk))
        except ValueError:
            return None
        return found if found.at.tzinfo and 0 < found.pk < 2**63 else None


@account_page(Role.MARKETER)
def email_create(request: AccountRequest) -> HttpResponseBase:
    """Name a new email, choose its type and what it starts from."""
    form = NewEmailForm(
        request.POST or None,
        may_html=request.may(Role.DEVELOPER),
        account_language=request.account.language,
    )
    if request.method == "POST" and form.is_valid():
        fields = _first_draft(request, form)
        email = drafts.create(request.account, fields, by=request.user.email)
        if form.starting_point in starters.SECRET:
            drafts.declare_proposed(email)
        page = "email_edit" if email.document is None else "email_compose"
        return redirect(page, request.account.pk, email.pk)
    return render(request, "transactional/email_create.html", {"form": form})


def _first_draft(request: AccountRequest, form: NewEmailForm) -> drafts.DraftFields:
    name, kind = form.cleaned_data["name"], Kind(form.cleaned_data["kind"])
    domains = verified_domains(request.account)
    if form.starting_point == NewEmailForm.HTML:
        return starter.draft(request.account, name, kind, domains=domains)
    return starter.from_template(
        request.account,
        form.starting_point,
        name=name,
        kind=kind,
        language=form.cleaned_data["language"],
        domains=domains,
    )


@account_page(Role.VIEWER)
def email_detail(request: AccountRequest, email_id: int) -> HttpResponse:
    """One email: where it stands, what is wrong with its draft, how a program sends it."""
    email = find_email(request, email_id)
    problems = drafts.template_problems(email)
    context: dict[str, Any] = {
        "email": email,
        "problems": problems,
        "may_edit": request.may(Role.MARKETER),
        "versions": email.versions.order_by("-number").only(
            "number", "created_at", "created_by", "note"
        )[:5],
        "code": snippets.single_send(email),
        "needs_approval": bool(request.account.approvers),
        "approval": approvals.current(email),
        "rollout": rollouts.under_way(email.pk),
        "tab": "overview",
    }
    return render(request, "transactional/email.html", context)


def publish_or_say_why(
    request: AccountRequest, email: Email, *, note: str = "", share: int = 100
) -> bool:
    """Publish, roll out, or ask for approval where the account wants it; says which, or why not."""
    by = request.user.email
    try:
        if versions.needs_approval(request.account.pk):
            approvals.ask(email, by=by, note=note, share=share)
            said = _("Asked: it is published as soon as somebody else approves it.")
        elif share in rollouts.SHARES[:-1]:
            made = rollouts.start(email, by=by, share=share, note=note)
            said = _("Version %(number)s goes to %(share)s %% of the recipients from now on.") % {
                "number": made.version.number,
                "share": share,
            }
        else:
            version = versions.publish(email, by=by, note=note)
            said = _("Version %(number)s is published: sends use it from now on.") % {
                "number": version.number
            }
    except PostinoError as err:
        messages.error(request, refusal_sentence(err.refusal.code, err.refusal.message))
        return False
    messages.success(request, said)
    return True


def refusal_sentence(code: str, message: str) -> str:
    """The core's sentence in the reader's language."""
    return refusal_words.told(message)


@require_POST
@account_page(Role.MARKETER)
def email_publish(request: AccountRequest, email_id: int) -> HttpResponseBase:
    """Make the draft what programs and people send."""
    email = find_email(request, email_id)
    note = " ".join(request.POST.get("note", "").replace("\0", "").split())[:500]
    share = {"5": 5, "25": 25}.get(request.POST.get("share", ""), 100)
    done = publish_or_say_why(request, email, note=note, share=share)
    page = "email_rollout" if done and rollouts.under_way(email.pk) else "email"
    return redirect(page, request.account.pk, email.pk)


@require_POST
@account_page(Role.MARKETER)
def email_archive(request: AccountRequest, email_id: int) -> HttpResponseBase:
    """Archive an email, or bring it back (`archived=0`)."""
    email = find_email(request, email_id)
    archived = request.POST.get("archived") != "0"
    drafts.set_archived(email, archived, by=request.user.email)
    messages.success(
        request,
        _("Archived. Nothing can send it until you bring it back.")
        if archived
        else _("Back among your emails."),
    )
    return redirect("email", request.account.pk, email.pk)

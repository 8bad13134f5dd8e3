"""An email's settings, and its HTML where it is written as such."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from config.errors import PostinoError
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.compose import drafts, plain
from transactional.compose import render as compose
from transactional.compose.contract import infer, schema
from transactional.compose.document import variables
from transactional.compose.sample import sample_context
from transactional.models import Email, SenderAddress, SenderState
from transactional.views import contract_form, email_places, inbox_line
from transactional.views.contract_form import Row
from transactional.views.email_forms import EmailForm, verified_domains
from transactional.views.emails import find_email, publish_or_say_why
from transactional.views.refusal_words import told

TABLE_ONLY = frozenset({"propose", "more-variables"})  # what changes the page and saves nothing


@account_page(Role.MARKETER)
def email_edit(request: AccountRequest, email_id: int) -> HttpResponseBase:
    """Edit the draft. A save over somebody else's gets 409 and keeps what was typed."""
    email = find_email(request, email_id)
    if request.method != "POST":
        return _editor(request, email, EmailForm.of(email), _declared(email))
    form = EmailForm(request.POST, account=request.account, blocks=email.document is not None)
    rows = contract_form.read(request.POST)
    then = request.POST.get("then")
    if then in TABLE_ONLY:
        return _table(request, email, form, rows or [], then)
    contract = None if rows is None else contract_form.contract_of(rows)
    if form.is_valid() and (rows is None or contract is not None):
        sample = form.cleaned_data["sample"]
        if contract_form.sampled(rows or [], sample, email.sample) is not None:
            return _save(request, email, form, rows, contract)
    return _editor(request, email, form, _declared(email) if rows is None else rows, status=422)


def _save(
    request: AccountRequest,
    email: Email,
    form: EmailForm,
    rows: list[Row] | None,
    contract: list[dict[str, Any]] | None,
) -> HttpResponseBase:
    revision = _overwritten(request) or form.cleaned_data["revision"]
    fields = replace(form.draft(), contract=contract)
    try:
        email = drafts.save_draft(email, fields, revision=revision, by=request.user.email)
    except PostinoError as err:
        if err.refusal.http != 409:
            raise
        email = find_email(request, email.pk)
        shown = _declared(email) if rows is None else rows
        return _editor(request, email, form, shown, stale=True, status=409)
    return _after_save(request, email)


def _table(
    request: AccountRequest, email: Email, form: EmailForm, rows: list[Row], then: str
) -> HttpResponse:
    """The same page with more rows in its table; nothing is saved yet."""
    if then == "propose":
        rows = contract_form.with_proposed(rows, infer.proposed(email), email.sample)
    else:
        rows = [*rows, *(Row() for _new in range(3))]
    form.errors.clear()
    return _editor(request, email, form, rows, unsaved=True)


def _declared(email: Email) -> list[Row]:
    return contract_form.rows_of(schema.parse(email.contract), email.sample)


def _overwritten(request: AccountRequest) -> int:
    """The revision that the member, having been told of it, saves over; 0: none."""
    text = request.POST.get("overwrite", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _after_save(request: AccountRequest, email: Email) -> HttpResponseBase:
    here = (request.account.pk, email.pk)
    then = request.POST.get("then")
    if drafts.template_problems(email):
        messages.warning(request, _("Saved. The template has problems: they are listed below."))
        return redirect("email_edit", *here)
    if then == "publish":
        published = publish_or_say_why(request, email)
        return redirect("email" if published else "email_edit", *here)
    messages.success(request, _("Saved."))
    return redirect("email_preview" if then == "preview" else "email_edit", *here)


def _editor(
    request: AccountRequest,
    email: Email,
    form: EmailForm,
    rows: list[Row],
    *,
    stale: bool = False,
    unsaved: bool = False,
    status: int = 200,
) -> HttpResponse:
    domains = verified_domains(request.account)
    used = Email.objects.of(request.account).exclude(from_address="")
    addresses = set(used.values_list("from_address", flat=True)[:200])
    addresses |= {f"hello@{name}" for name in domains}
    missing = contract_form.undeclared(schema.parse(email.contract), infer.proposed(email))
    single = SenderAddress.objects.of(request.account).filter(state=SenderState.CONFIRMED)
    outside = list(single.values_list("address", flat=True)[:20])
    context: dict[str, Any] = {
        "email": email,
        "form": form,
        "stale": stale,
        "unsaved": unsaved or stale or bool(form.errors),
        "rows": [*rows, Row()],
        "types": schema.TYPES.items(),
        "undeclared": [one.name for one in missing if one.required][:10],
        "folders": email_places.folders(request.account.pk),
        "line": inbox_line.of(email),
        "drifted": plain.drifted(email),
        "automatic": plain.automatic(email)[:20_000],
        "known": [f"{{{{ {one.path} }}}}" for one in variables.known(email)],
        "problems": drafts.template_problems(email),
        "from_addresses": [
            *sorted(a for a in addresses if a.rpartition("@")[2] in domains)[:50],
            *outside,
        ],
        "tab": "edit",
    }
    return render(request, "transactional/email_edit.html", context, status=status)


@require_POST
@account_page(Role.MARKETER)
def email_inbox_line(request: AccountRequest, email_id: int) -> HttpResponse:
    """How the words typed so far look in a list of mail; a fragment for the Settings page."""
    email = find_email(request, email_id)
    for name in ("from_name", "subject", "preview_text"):
        setattr(email, name, request.POST.get(name, "").replace("\0", "")[:2000])
    context = {"line": inbox_line.of(email)}
    return render(request, "transactional/inbox_line.html", context)


def rendered(email: Email, *, which: str) -> tuple[compose.Rendered | None, str]:
    """The draft or the published version with the sample data, or why it cannot be rendered."""
    content = email.published if which == "published" and email.published else email
    try:
        return compose.render(content, sample_context(email)), ""
    except PostinoError as err:
        return None, told(err.refusal.message)

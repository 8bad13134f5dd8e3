"""The pages of contact lists: all of them, one with its people, making and changing."""

import re
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config.errors import PostinoError
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional import contact_lists, contact_log
from transactional.models import ContactList, ListKind
from transactional.views import list_forms
from transactional.views.list_forms import OPERATOR_WORDS, ListForm

PAGE = 50
NAMES_MAX = 200  # properties offered while typing


def find(request: AccountRequest, list_id: int) -> ContactList:
    """This account's list. Raises Http404."""
    found: ContactList = get_object_or_404(ContactList.objects.of(request.account), pk=list_id)
    return found


def _before(request: AccountRequest) -> int | None:
    asked = request.GET.get("before", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None


@require_safe
@account_page(Role.VIEWER)
def list_list(request: AccountRequest) -> HttpResponse:
    """Lists, the newest first."""
    rows = ContactList.objects.of(request.account).annotate(size=Count("members"))
    before = _before(request)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: PAGE + 1])
    context = {
        "lists": found[:PAGE],
        "older": found[PAGE - 1].pk if len(found) > PAGE else "",
        "paged": before is not None,
        "may_edit": request.may(Role.MARKETER),
    }
    return render(request, "transactional/lists.html", context)


@account_page(Role.MARKETER)
def list_create(request: AccountRequest) -> HttpResponseBase:
    """Make a list."""
    form = ListForm(request.POST or None)
    rules = list_forms.typed(request.POST)
    if request.method == "POST" and "more" not in request.POST and form.is_valid():
        try:
            made = _created(request, form, rules)
        except PostinoError as err:
            form.add_error("name" if err.refusal.code == "LIST_EXISTS" else None, _word(err))
        else:
            messages.success(request, _("The list was made."))
            return redirect("contact_list", request.account.pk, made.pk)
    return _form(request, form, rules, None)


def _created(request: AccountRequest, form: ListForm, rules: list[list_forms.Rule]) -> ContactList:
    conditions = None
    if form.cleaned_data["kind"] == ListKind.FILTER:
        stated = list_forms.as_json(rules, form.cleaned_data["match"])
        conditions = contact_lists.read_conditions(stated)
    return contact_lists.create(
        request.account.pk,
        name=form.cleaned_data["name"],
        conditions=conditions,
        by=request.user.email,
    )


def _word(err: PostinoError) -> str:
    """The refusal in the interface's words."""
    if err.refusal.code == "LIST_EXISTS":
        return _("There is a list of this name already.")
    if err.refusal.pointer == "conditions.rules":
        return _("Write at least one condition.")
    if err.refusal.pointer.endswith(".value"):
        return _("A condition lacks its value.")
    return _("A name or a condition is too long, or holds what cannot be printed.")


def _form(
    request: AccountRequest,
    form: ListForm,
    rules: list[list_forms.Rule],
    found: ContactList | None,
) -> HttpResponse:
    context = {
        "form": form,
        "rules": list_forms.with_blanks(rules),
        "operators": list(OPERATOR_WORDS.items()),
        "list": found,
        "names": ["email", *contact_log.property_names(request.account.pk)[:NAMES_MAX]],
    }
    status = 422 if form.is_bound and form.errors and "more" not in request.POST else 200
    return render(request, "transactional/list_edit.html", context, status=status)


@account_page(Role.MARKETER)
def list_edit(request: AccountRequest, list_id: int) -> HttpResponseBase:
    """Another name, other conditions."""
    found = find(request, list_id)
    stored = {"name": found.name, "kind": found.kind, "match": found.conditions.get("match", "all")}
    if request.method != "POST":
        return _form(request, ListForm(initial=stored), list_forms.shown(found), found)
    form = ListForm({**request.POST.dict(), "kind": found.kind})
    rules = list_forms.typed(request.POST)
    if "more" not in request.POST and form.is_valid():
        try:
            conditions = None
            if found.kind == ListKind.FILTER:
                stated = list_forms.as_json(rules, form.cleaned_data["match"])
                conditions = contact_lists.read_conditions(stated)
            contact_lists.change(found, name=form.cleaned_data["name"], conditions=conditions)
        except PostinoError as err:
            form.add_error("name" if err.refusal.code == "LIST_EXISTS" else None, _word(err))
        else:
            messages.success(request, _("Saved."))
            return redirect("contact_list", request.account.pk, found.pk)
    return _form(request, form, rules, found)


@require_safe
@account_page(Role.VIEWER)
def list_detail(request: AccountRequest, list_id: int) -> HttpResponse:
    """A list: how many are on it now, who, and what puts them there."""
    found = find(request, list_id)
    before = _before(request)
    people = contact_lists.page(request.account.pk, found, before=before, limit=PAGE + 1)
    words = {key: str(word) for key, word in OPERATOR_WORDS.items()}
    context: dict[str, Any] = {
        "list": found,
        "size": contact_lists.count(request.account.pk, found),
        "people": people[:PAGE],
        "older": people[PAGE - 1].pk if len(people) > PAGE else "",
        "paged": before is not None,
        "static": found.kind == ListKind.STATIC,
        "match": found.conditions.get("match", "all"),
        "rules": [
            (one.property, words[one.operator], one.value) for one in list_forms.shown(found)
        ],
        "may_edit": request.may(Role.MARKETER),
    }
    return render(request, "transactional/list.html", context)


@require_POST
@account_page(Role.MARKETER)
def list_members(request: AccountRequest, list_id: int) -> HttpResponseBase:
    """Put typed addresses on a static list, or take people off it."""
    found = find(request, list_id)
    here = redirect("contact_list", request.account.pk, found.pk)
    removed = request.POST.get("remove", "")
    texts = [removed] if removed else re.split(r"[\s,;]+", request.POST.get("add", ""))
    good, bad = contact_lists.addresses(
        [text for text in texts if text][: contact_lists.ADDRESSES_MAX]
    )
    try:
        if removed:
            contact_lists.remove(request.account.pk, found, good)
            messages.success(request, _("Taken off the list."))
            return here
        count = contact_lists.add(request.account.pk, found, good)
    except PostinoError as err:
        messages.error(request, err.refusal.message)
        return here
    messages.success(request, _("%(count)s people were put on the list.") % {"count": count})
    if bad:
        told = {"count": len(bad), "first": ", ".join(one[:60] for one in bad[:5])}
        words = _("%(count)s are no email addresses and were left out: %(first)s")
        messages.warning(request, words % told)
    return here


@account_page(Role.MARKETER)
def list_delete(request: AccountRequest, list_id: int) -> HttpResponseBase:
    """Ask, then delete the list; its people stay."""
    found = find(request, list_id)
    if request.method == "POST":
        found.delete()
        messages.success(request, _("The list was deleted; its people are still contacts."))
        return redirect("contact_lists", request.account.pk)
    context = {"list": found, "size": contact_lists.count(request.account.pk, found)}
    return render(request, "transactional/list_delete.html", context)

"""The pages of an account's own smarthosts: a new one, one of them, and its end."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from config.errors import PostinoError
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional import smarthosts
from transactional.egress import smarthost_check
from transactional.egress.smarthost_words_table import tell
from transactional.models import Smarthost, Stream
from transactional.views.stream_forms import SmarthostForm

SHOWN = 20  # streams that are named


@account_page(Role.DEVELOPER)
def create(request: AccountRequest) -> HttpResponseBase:
    """Make one."""
    form = SmarthostForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            smarthosts.create(request.account, form.wanted(), by=request.user.email)
        except PostinoError:
            words = _("There are %(n)s smarthosts already: delete one that no stream uses.")
            form.add_error(None, words % {"n": smarthosts.MOST})
        else:
            messages.success(request, _("The smarthost is saved. Choose it in a stream to use it."))
            return redirect("streams", request.account.pk)
    return _form(request, form, None)


@account_page(Role.DEVELOPER)
def edit(request: AccountRequest, smarthost_id: int) -> HttpResponseBase:
    """Change it; its password is never shown."""
    row = _find(request, smarthost_id)
    form = SmarthostForm(request.POST or None, row=row)
    if request.method == "POST" and form.is_valid():
        smarthosts.change(request.account, row, form.wanted(), by=request.user.email)
        messages.success(request, _("The smarthost is saved."))
        return redirect("streams", request.account.pk)
    return _form(request, form, row)


@account_page(Role.DEVELOPER)
def delete(request: AccountRequest, smarthost_id: int) -> HttpResponseBase:
    """Ask, then delete it; not while a stream uses it."""
    row = _find(request, smarthost_id)
    if request.method == "POST":
        try:
            smarthosts.delete(request.account, row, by=request.user.email)
        except PostinoError:
            messages.error(request, _("A stream uses it: nothing was deleted."))
            return redirect("smarthost_delete", request.account.pk, row.pk)
        messages.success(request, _("The smarthost was deleted."))
        return redirect("streams", request.account.pk)
    users = Stream.objects.of(request.account).filter(fallback=row).order_by("pk")[:SHOWN]
    context = {"row": row, "users": list(users)}
    return render(request, "transactional/smarthost_delete.html", context)


@require_POST
@account_page(Role.DEVELOPER)
def check(request: AccountRequest, smarthost_id: int) -> HttpResponseBase:
    """Try it out as it is saved, and show what was found; nothing is sent."""
    row = _find(request, smarthost_id)
    try:
        found = smarthost_check.check(row)
    except PostinoError:
        messages.info(request, _("A test is under way already: wait until it has ended."))
        return redirect("smarthost", request.account.pk, row.pk)
    context = {"form": SmarthostForm(row=row), "row": row, "checked": found, "says": tell(found)}
    return render(request, "transactional/smarthost_edit.html", context)


def _find(request: AccountRequest, smarthost_id: int) -> Smarthost:
    row: Smarthost = get_object_or_404(Smarthost.objects.of(request.account), pk=smarthost_id)
    return row


def _form(request: AccountRequest, form: SmarthostForm, row: Smarthost | None) -> HttpResponseBase:
    status = 422 if form.errors else 200
    context = {"form": form, "row": row}
    return render(request, "transactional/smarthost_edit.html", context, status=status)

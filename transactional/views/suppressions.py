"""The pages of the suppression list: found, added to, taken off with a reason, imported, exported."""

from collections.abc import Iterator
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from tokens.models import Role, Scope
from tokens.web import AccountRequest, account_page
from transactional import suppression_exports, suppression_files
from transactional import suppression_list as listed
from transactional import suppression_undo as undone
from transactional.models import Suppression, SuppressionReason
from transactional.views.suppression_forms import (
    FILE_ERRORS,
    PROBLEMS,
    AddForm,
    ImportForm,
    RemoveForm,
    UndoForm,
)

PAGE = 50


@require_safe
@account_page(Role.VIEWER)
def suppression_list(request: AccountRequest) -> HttpResponse:
    """Suppressed addresses, the last first, narrowed to an address."""
    address = request.GET.get("q", "").replace("\0", "").strip()[:254]
    address = address.encode("utf-8", "replace").decode()  # no lone surrogates
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    rows = listed.listing(request.account.pk, address, before=before, limit=PAGE + 1)
    context = {
        "rows": rows[:PAGE],
        "address": address,
        "paged": before is not None,
        "newest": _query(q=address),
        "older": _query(q=address, before=rows[PAGE - 1].row.pk) if len(rows) > PAGE else "",
        "blocked": listed.blocked_for_all(address) if address else None,
        "forms": [(key, form.name) for key, form in suppression_exports.FORMS.items()],
        "changes": listed.changes(request.account.pk, address),
        "may_edit": request.may(Role.MARKETER),
    }
    return render(request, "transactional/suppressions.html", context)


def _query(**asked: object) -> str:
    return "?" + urlencode({name: value for name, value in asked.items() if value})


@account_page(Role.MARKETER)
def suppression_add(request: AccountRequest) -> HttpResponseBase:
    """Put an address on the list by hand."""
    form = AddForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        new = listed.add(
            request.account.pk,
            form.cleaned_data["address"],
            scope=Scope(form.cleaned_data["scope"]),
            why=form.cleaned_data["why"],
            by=request.user.email,
        )
        if new:
            messages.success(request, _("The address was added to the list."))
        else:
            messages.info(request, _("This address had been added by hand before."))
        return redirect("suppressions", request.account.pk)
    return render(request, "transactional/suppression_add.html", {"form": form})


@account_page(Role.MARKETER)
def suppression_remove(request: AccountRequest, suppression_id: int) -> HttpResponseBase:
    """Ask why, then let the address be mailed again."""
    row = get_object_or_404(Suppression.objects.of(request.account), pk=suppression_id)
    form = RemoveForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        why = form.cleaned_data["why"]
        listed.remove(request.account.pk, row.pk, why=why, by=request.user.email)
        messages.success(request, _("The address was taken off the list."))
        return redirect("suppressions", request.account.pk)
    return render(request, "transactional/suppression_remove.html", {"form": form, "row": row})


@account_page(Role.MARKETER)
def suppression_undo(request: AccountRequest) -> HttpResponseBase:
    """Take many off at once: shown and counted first, done when that is confirmed."""
    form = UndoForm(request.POST or None)
    context: dict[str, object] = {"form": form}
    if request.method == "POST" and form.is_valid():
        account_id, rule = request.account.pk, form.rule
        if "confirm" in request.POST:
            why, by = form.cleaned_data["why"], request.user.email
            lifted = undone.undo(account_id, rule, why=why, by=by)
            told = ngettext(
                "%(n)d address was taken off the list.",
                "%(n)d addresses were taken off the list.",
                lifted,
            )
            messages.success(request, told % {"n": lifted})
            return redirect("suppressions", account_id)
        seen = undone.preview(account_id, rule)
        names = dict(SuppressionReason.choices)
        context["seen"] = seen
        context["reasons"] = [(names[reason], n) for reason, n in seen.reasons.items()]
    return render(request, "transactional/suppression_undo.html", context)


@account_page(Role.MARKETER)
def suppression_import(request: AccountRequest) -> HttpResponseBase:
    """Add the addresses of a CSV file; what is wrong is told by line."""
    form = ImportForm(request.POST or None, request.FILES or None)
    context: dict[str, object] = {"form": form, "most": suppression_files.ROWS_MAX}
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data["file"]
        try:
            read = suppression_files.read(given.read(suppression_files.SIZE_MAX + 1))
        except suppression_files.FileError as err:
            form.add_error("file", FILE_ERRORS[str(err)])
        else:
            name, by = given.name or "", request.user.email
            done = listed.import_read(request.account.pk, read, name=name, by=by)
            context |= {"read": read, "done": done, "told": _told(done, read)}
            context["problems"] = [(one.line, PROBLEMS[one.code]) for one in read.problems]
    return render(request, "transactional/suppression_import.html", context)


def _told(done: listed.Imported, read: suppression_files.Read) -> list[str]:
    lines = [
        ngettext(
            "%(n)d address is new on the list.", "%(n)d addresses are new on the list.", done.new
        )
        % {"n": done.new},
        ngettext("%(n)d was on it before.", "%(n)d were on it before.", done.known)
        % {"n": done.known},
    ]
    if read.skipped:
        left = ngettext("%(n)d line was left out.", "%(n)d lines were left out.", read.skipped)
        lines.append(left % {"n": read.skipped})
    return lines


@require_safe
@account_page(Role.VIEWER)
def suppression_export(request: AccountRequest) -> HttpResponseBase:
    """The whole list as a CSV file, sent as it is read."""
    form = request.GET.get("form", "")
    if form and form not in suppression_exports.FORMS:
        raise Http404
    rows = listed.exported(request.account.pk)
    pieces: Iterator[bytes] = (
        suppression_exports.write(rows, form) if form else suppression_files.write(rows)
    )
    answer = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    day = timezone.now().date().isoformat()
    answer["Content-Disposition"] = f'attachment; filename="{form or "suppressions"}-{day}.csv"'
    return answer

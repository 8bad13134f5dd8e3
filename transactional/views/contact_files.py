"""The pages of CSV files of contacts: one in, in three steps, and one out."""

from collections.abc import Iterable, Mapping

from django.contrib import messages
from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional import contact_export, contact_import, csv_file, subscription_types
from transactional.csv_file import CsvError
from transactional.models import ContactImport, ContactList, LegalBasis, ListKind
from transactional.views.contacts import read_filters

SHOWN = 50  # problems on the page; the file of them has all
EXAMPLES = 3  # values of a column
RECENT = 5  # earlier files
LISTS_MAX = 200  # lists offered
FILE_WORDS: Mapping[str, Promise] = {
    "empty": gettext_lazy("The file is empty."),
    "size": gettext_lazy("The file is larger than 5 MB. Split it."),
    "encoding": gettext_lazy(
        "This is no text we can read. Save it as CSV in UTF-8, UTF-16 or Windows-1252."
    ),
    "quotes": gettext_lazy("A quotation mark is opened and not closed, or stands within a value."),
    "rows": gettext_lazy("The file has more than 10,000 rows. Split it."),
    "columns": gettext_lazy("The file has more than 200 columns."),
    "header": gettext_lazy("The first line holds an address. It must name the columns."),
}
COLUMN_WORDS: Mapping[str, Promise] = {
    "address": gettext_lazy("Choose the one column that holds the addresses."),
    "twice": gettext_lazy("Two columns would become the same property."),
    "name": gettext_lazy("A name is at most 100 characters, without line breaks."),
    "basis": gettext_lazy("Say on which legal basis these people are subscribed."),
}
ROW_WORDS: Mapping[str, Promise] = {
    "address": gettext_lazy("This is not one email address."),
    "columns": gettext_lazy("The row has more columns than the header."),
    "long": gettext_lazy("A value is longer than 5000 characters."),
}


def _find(request: AccountRequest, import_id: int) -> ContactImport:
    found: ContactImport = get_object_or_404(
        ContactImport.objects.of(request.account), pk=import_id
    )
    return found


@account_page(Role.MARKETER)
def import_start(request: AccountRequest) -> HttpResponseBase:
    """Step one: hand in a file."""
    error = ""
    file = request.FILES.get("file")
    if request.method == "POST":
        try:
            if file is None:
                raise CsvError("empty")
            if (file.size or 0) > csv_file.BYTES_MAX:
                raise CsvError("size")
            received = contact_import.receive(
                request.account.pk,
                name="".join(c for c in file.name or "" if c.isprintable()),
                content=file.read(),
                by=request.user.email,
            )
            return redirect("contact_import", request.account.pk, received.pk)
        except CsvError as err:
            error = str(FILE_WORDS[err.code])
            if err.line:
                error = _("Line %(line)s: %(what)s") % {"line": err.line, "what": error}
    recent = ContactImport.objects.of(request.account).defer("content", "problems")
    context = {"error": error, "recent": recent.order_by("-pk")[:RECENT]}
    return render(request, "transactional/contact_import.html", context)


@account_page(Role.MARKETER)
def import_detail(request: AccountRequest, import_id: int) -> HttpResponseBase:
    """Step two: what each column becomes. Step three: what came of it, or where it stopped."""
    received = _find(request, import_id)
    if not received.columns:
        return _choose(request, received)
    if request.method == "POST":
        contact_import.run(request.account.pk, received.pk)
        return redirect("contact_import", request.account.pk, received.pk)
    context = {
        "received": received,
        "finished": received.content is None,
        "problems": [(line, ROW_WORDS.get(code, code)) for line, code in received.problems[:SHOWN]],
        "further": max(0, len(received.problems) - SHOWN),
    }
    return render(request, "transactional/contact_import_report.html", context)


def _choose(request: AccountRequest, received: ContactImport) -> HttpResponseBase:
    sheet = contact_import.sheet_of(received)
    columns = contact_import.suggested(sheet.header)
    if request.method == "POST":
        asked = request.POST
        address = asked.get("address", "")
        columns = [
            contact_import.ADDRESS
            if address == str(number)
            else asked.get(f"column-{number}", "").replace("\0", "").strip()
            for number in range(len(sheet.header))
        ]
        # The sign that marks the column of addresses is no property's name
        wrong = contact_import.wrong_columns(sheet.header, columns)
        chosen = _audience(request)
        if not wrong and chosen is None:
            wrong = "basis"
        if not wrong:
            contact_import.start(request.account.pk, received.pk, columns, chosen)
            contact_import.run(request.account.pk, received.pk)
            return redirect("contact_import", request.account.pk, received.pk)
        messages.error(request, str(COLUMN_WORDS[wrong]))
    context = {
        "lists": ContactList.objects.of(request.account)
        .filter(kind=ListKind.STATIC)
        .order_by("-pk")[:LISTS_MAX],
        "types": subscription_types.all_types(request.account.pk),
        "bases": LegalBasis.choices,
        "asked": request.POST,
        "received": received,
        "sheet": sheet,
        "delimiter": {",": _("comma"), ";": _("semicolon"), "\t": _("tab")}[sheet.delimiter],
        "columns": [
            {
                "number": number,
                "title": title,
                "is_address": columns[number] == contact_import.ADDRESS,
                "name": columns[number].replace(contact_import.ADDRESS, ""),
                "examples": [
                    row.cells[number][:60]
                    for row in sheet.rows[:EXAMPLES]
                    if number < len(row.cells) and row.cells[number].strip()
                ],
            }
            for number, title in enumerate(sheet.header)
        ],
    }
    return render(request, "transactional/contact_import_columns.html", context)


def _audience(request: AccountRequest) -> contact_import.Audience | None:
    """The list and the type that were chosen; None for a type without a legal basis."""
    lists = ContactList.objects.of(request.account).filter(kind=ListKind.STATIC)
    known = {str(pk) for pk in lists.values_list("pk", flat=True)}
    types = {str(one.pk) for one in subscription_types.all_types(request.account.pk)}
    list_id, type_id = request.POST.get("list", ""), request.POST.get("type", "")
    basis = request.POST.get("legal_basis", "")
    if type_id in types and basis not in LegalBasis.values:
        return None
    return contact_import.Audience(
        list_id=int(list_id) if list_id in known else None,
        type_id=int(type_id) if type_id in types else None,
        legal_basis=basis if type_id in types else "",
        explanation=request.POST.get("explanation", "").replace("\0", ""),
    )


@require_safe
@account_page(Role.MARKETER)
def import_problems(request: AccountRequest, import_id: int) -> HttpResponseBase:
    """The lines that were not imported, and why, as a file."""
    received = _find(request, import_id)
    if not received.problems:
        raise Http404
    rows = [[_("Line"), _("What is wrong")]]
    rows += [[str(line), str(ROW_WORDS.get(code, code))] for line, code in received.problems]
    return download(csv_file.written(rows), "problems.csv")


@require_safe
@account_page(Role.MARKETER)
def export(request: AccountRequest) -> HttpResponseBase:
    """The contacts that the list shows, all of them, as a file."""
    pieces = contact_export.pieces(request.account.pk, read_filters(request))
    return download(pieces, f"contacts-{timezone.now():%Y-%m-%d}.csv")


def download(pieces: Iterable[bytes], name: str) -> HttpResponseBase:
    """A CSV file as it is made."""
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response

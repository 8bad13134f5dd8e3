"""Where a send from the app begins: its audience, and for a file what each column becomes."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from config.errors import PostinoError
from tokens.models import Role
from tokens.web import AccountRequest, account_page, principal
from transactional import contact_import
from transactional.broadcast import audience, control
from transactional.compose import render as compose
from transactional.compose.contract import check as contract
from transactional.csv_file import CsvError
from transactional.models import Audience, Broadcast, Email
from transactional.views.contact_files import FILE_WORDS
from transactional.views.email_forms import SendForm, sample_text
from transactional.views.emails import find_email
from transactional.views.paused_notice import paused
from transactional.views.send_forms import ListsForm, TypedForm

EXAMPLES = 3  # values of a column
PREVIEWED = ("contact.firstname", "contact.lastname")  # offered although no template names them
TOO_LARGE = {
    "size": gettext_lazy("The file is larger than 20 MB. Split it."),
    "rows": gettext_lazy("The file has more than 100,000 rows. Split it."),
}


def page_context(request: AccountRequest, email: Email, **more: Any) -> dict[str, Any]:
    """What the Send page shows: a form for each audience, and the test's."""
    sample = sample_text(email.sample.get("custom", {}))
    found: dict[str, Any] = {
        "email": email,
        "tab": "send",
        "typed": TypedForm(initial={"custom": sample}),
        "lists": ListsForm(account=request.account, initial={"custom": sample}),
        "form": SendForm(email=email),
        "opened": Audience.TYPED,
        "file_error": "",
        "recent": Broadcast.objects.of(request.account)
        .filter(email=email)
        .defer("content", "problems")
        .order_by("-pk")[:5],
    }
    shown = email.published or email
    found |= paused(request.account, shown.kind, shown.from_address)
    found.update(more)
    return found


@require_POST
@account_page(Role.MARKETER)
def send_start(request: AccountRequest, email_id: int) -> HttpResponseBase:
    """Take the audience; what is wrong with it is told with all that was typed kept."""
    email = find_email(request, email_id)
    begin = {Audience.TYPED: _typed, Audience.LISTS: _lists, Audience.CSV: _file}
    asked = request.POST.get("audience", "")
    if asked not in begin:
        asked = Audience.TYPED
    try:
        made = begin[Audience(asked)](request, email)
    except PostinoError as err:
        messages.error(request, str(REFUSED.get(err.refusal.code, err.refusal.message)))
        return redirect("email_send", request.account.pk, email.pk)
    if isinstance(made, Broadcast):
        return redirect("send", request.account.pk, made.pk)
    context = page_context(request, email, opened=asked, **made)
    return render(request, "transactional/email_send.html", context, status=422)


REFUSED = {
    "NOT_PUBLISHED": gettext_lazy("Publish this email first: only what is published is sent."),
    "EMAIL_ARCHIVED": gettext_lazy("This email is archived. Bring it back to send it."),
}


def _typed(request: AccountRequest, email: Email) -> Broadcast | dict[str, Any]:
    form = TypedForm(request.POST)
    if not form.is_valid():
        return {"typed": form}
    return control.begin(
        email,
        principal(request),
        audience_kind=Audience.TYPED,
        addresses=form.cleaned_data["to"],
        custom=form.cleaned_data["custom"],
    )


def _lists(request: AccountRequest, email: Email) -> Broadcast | dict[str, Any]:
    form = ListsForm(request.POST, account=request.account)
    if not form.is_valid():
        return {"lists": form}
    return control.begin(
        email,
        principal(request),
        audience_kind=Audience.LISTS,
        include=form.cleaned_data["include"],
        exclude=form.cleaned_data["exclude"],
        custom=form.cleaned_data["custom"],
    )


def _file(request: AccountRequest, email: Email) -> Broadcast | dict[str, Any]:
    file = request.FILES.get("file")
    try:
        if file is None:
            raise CsvError("empty")
        if (file.size or 0) > audience.BYTES_MAX:
            raise CsvError("size")
        return control.begin(
            email,
            principal(request),
            audience_kind=Audience.CSV,
            file_name="".join(c for c in file.name or "" if c.isprintable()),
            content=file.read(),
        )
    except CsvError as err:
        error = str(TOO_LARGE.get(err.code) or FILE_WORDS[err.code])
        if err.line:
            error = _("Line %(line)s: %(what)s") % {"line": err.line, "what": error}
        return {"file_error": error}


def variables(email: Email) -> list[str]:
    """What a column may become: the variables of what is published, and the usual properties."""
    version = email.published
    if version is None:
        return []
    paths = {path for path in compose.compiled(version).paths if path.count(".") == 1}
    paths = {path for path in paths if path.partition(".")[0] in audience.PARTS}
    promised = contract.of_version(version)
    if promised is not None:
        paths |= {f"custom.{one.name}" for one in promised.variables}
    return sorted(paths - {"contact.email"}) + [one for one in PREVIEWED if one not in paths]


def suggested(header: tuple[str, ...], known: list[str]) -> list[str]:
    """What each column most likely becomes: addresses by their name, variables by theirs."""
    by_name = {one.partition(".")[2]: one for one in reversed(known)}
    found: list[str] = []
    for name in contact_import.suggested(header):
        column = name if name == audience.ADDRESS else by_name.get(name, "")
        squeezed = {key.replace("_", ""): value for key, value in by_name.items()}
        column = column or squeezed.get(name.replace("_", ""), "")
        found.append("" if column in found else column)
    return found


def choose_columns(request: AccountRequest, found: Broadcast) -> HttpResponseBase:
    """What each column of the file becomes; nothing is sent yet."""
    sheet = audience.sheet_of(bytes(found.content or b""))
    known = variables(found.email)
    columns = list(found.columns) or suggested(sheet.header, known)
    error = ""
    if request.POST.get("step") == "columns":
        columns = _asked(request, len(sheet.header))
        wrong = audience.wrong_columns(sheet.header, columns)
        if not wrong:
            audience.write_file(found, columns)
            return redirect("send", request.account.pk, found.pk)
        error = str(COLUMN_WORDS[wrong])
    context = {
        "send": found,
        "email": found.email,
        "sheet": sheet,
        "rows": len(sheet.rows),
        "delimiter": {",": _("comma"), ";": _("semicolon"), "\t": _("tab")}[sheet.delimiter],
        "known": known,
        "error": error,
        "columns": [
            {
                "number": number,
                "title": title,
                "becomes": columns[number],
                "other": columns[number] not in ("", audience.ADDRESS, *known),
                "examples": [
                    row.cells[number][:60]
                    for row in sheet.rows[:EXAMPLES]
                    if number < len(row.cells) and row.cells[number].strip()
                ],
            }
            for number, title in enumerate(sheet.header)
        ],
    }
    status = 422 if error else 200
    return render(request, "transactional/send_columns.html", context, status=status)


COLUMN_WORDS = {
    "address": gettext_lazy("Choose the one column that holds the addresses."),
    "twice": gettext_lazy("Two columns would become the same variable."),
    "name": gettext_lazy("A variable is custom.name or contact.name, the name without spaces."),
}


def _asked(request: AccountRequest, count: int) -> list[str]:
    return [
        request.POST.get(f"column-{number}", "").replace("\0", "").strip()[:120]
        for number in range(count)
    ]

"""Importing templates: upload or paste, and the report that says line by line what became of it."""

from collections import Counter
from typing import Any

from django import forms
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.errors import PostinoError
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.compose.importing import archive, keep
from transactional.models import Email, Kind, TemplateImport
from transactional.views.email_forms import verified_domains
from transactional.views.import_sentences_table import LEVELS, NOTES, REFUSALS
from transactional.views.settings_fields import one_line


class ImportForm(forms.Form):
    """A file or pasted text, and what kind of email it becomes."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        help_text=gettext_lazy("HTML, MJML, HubL or Handlebars, or a ZIP of them. At most 10 MB."),
        widget=forms.ClearableFileInput(
            attrs={"accept": ".html,.htm,.mjml,.hubl,.hbs,.zip,text/html,application/zip"}
        ),
    )
    source = forms.CharField(
        label=gettext_lazy("Or paste the source"),
        required=False,
        max_length=archive.FILE_LIMIT,
        strip=False,
        widget=forms.Textarea(attrs={"class": "code", "rows": 10, "spellcheck": "false"}),
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        required=False,
        max_length=200,
        validators=[one_line],
        help_text=gettext_lazy("Empty: the name of the file."),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Type"),
        choices=Kind.choices,
        initial=Kind.TRANSACTIONAL,
        widget=forms.RadioSelect,
    )

    def clean(self) -> dict[str, Any]:
        """Exactly one of the two. Raises ValidationError."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and not cleaned.get("file") and not cleaned.get("source", "").strip():
            self.add_error("file", _("Choose a file or paste the source."))
        return cleaned

    def upload(self) -> tuple[str, archive.Upload]:
        """The templates, and the name of the file. Raises PostinoError."""
        file = self.cleaned_data["file"]
        if file is None:
            return "", archive.read("pasted.html", self.cleaned_data["source"].encode())
        name = "".join(char for char in file.name if char.isprintable())[:200]
        return name, archive.read(name, file.read(archive.ARCHIVE_LIMIT + 1))


@account_page(Role.DEVELOPER)
def email_import(request: AccountRequest) -> HttpResponseBase:
    """The form; templates that could be read are drafts at once."""
    form = ImportForm(request.POST or None, request.FILES or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                name, upload = form.upload()
            except PostinoError as err:
                field = "file" if form.cleaned_data["file"] else "source"
                form.add_error(field, str(REFUSALS.get(err.refusal.code, err.refusal.message)))
            else:
                made = _kept(request, form, name, upload)
                return redirect("email_import_report", request.account.pk, made.pk)
    recent = TemplateImport.objects.of(request.account).order_by("-pk").only("name", "by", "at")[:5]
    context = {"form": form, "recent": recent}
    return render(request, "transactional/email_import.html", context, status=status)


def _kept(
    request: AccountRequest, form: ImportForm, name: str, upload: archive.Upload
) -> TemplateImport:
    domains = verified_domains(request.account)
    return keep.keep(
        request.account,
        upload,
        name=name,
        title=form.cleaned_data["name"].strip(),
        kind=form.cleaned_data["kind"],
        from_address=f"hello@{domains[0]}" if domains else "",
        by=request.user.email,
    )


@require_safe
@account_page(Role.VIEWER)
def email_import_report(request: AccountRequest, import_id: int) -> HttpResponse:
    """What became of each line of each template."""
    made = get_object_or_404(TemplateImport.objects.of(request.account), pk=import_id)
    ids = [entry["email"] for entry in made.report if entry.get("email")]
    alive = set(Email.objects.of(request.account).filter(pk__in=ids).values_list("pk", flat=True))
    context = {
        "made": made,
        "entries": [_entry(entry, alive) for entry in made.report],
        "count": len(ids),
        "may_edit": request.may(Role.MARKETER),
    }
    return render(request, "transactional/email_import_report.html", context)


def _entry(entry: dict[str, Any], alive: set[int]) -> dict[str, Any]:
    notes = [_note(note) for note in entry["notes"]]
    counts = Counter(note["level"] for note in entry["notes"])
    return {
        "path": entry["path"],
        "name": entry.get("name", ""),
        "email": entry["email"] if entry["email"] in alive else None,
        "problem": REFUSALS.get(entry.get("problem", ""), ""),
        "message": entry.get("message", ""),
        "notes": notes,
        "counts": [(LEVELS[level], counts[level]) for level in LEVELS if counts[level]],
    }


def _note(note: dict[str, Any]) -> dict[str, Any]:
    tone, word = LEVELS[note["level"]]
    return {**note, "tone": tone, "word": word, "sentence": NOTES.get(note["code"], note["code"])}

"""The Preview tab: the email with sample data, a contact's or a past message's, in every guise."""

import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from config.errors import PostinoError
from config.headers import EMAIL_POLICY
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.compose import render as compose
from transactional.compose import samples
from transactional.compose.guises import Guise, dressed
from transactional.compose.sample import sample_context
from transactional.models import Email, SampleSet
from transactional.views.email_forms import json_object, sample_text
from transactional.views.emails import find_email
from transactional.views.refusal_words import told

SHAPES = {
    "desktop": gettext_lazy("Desktop"),
    "phone": gettext_lazy("Phone"),
    "dark": gettext_lazy("Dark"),
    "images-off": gettext_lazy("Images off"),
    "text": gettext_lazy("Plain text"),
    "all": gettext_lazy("Side by side"),
}
GUISES: dict[str, Guise] = {"light": "light", "dark": "dark"}
NO_IMAGES = EMAIL_POLICY.replace("img-src * data:", "img-src 'none'")
STARTS = {"copy": lambda data: data, "empty": samples.emptied, "many": samples.multiplied}


@dataclass(frozen=True, slots=True)
class Filling:
    """What a preview is filled with: its key for links, and the data; `problem`: there is none."""

    key: str
    data: dict[str, Any] | None
    problem: str = ""


def _filling(request: AccountRequest, email: Email) -> Filling:
    """What `person` (an address or a message's number) or else `data` asks for."""
    person = request.GET.get("person", "").replace("\0", "").strip()[:254]
    key = request.GET.get("data", "")[:80]
    if person:
        key = f"message-{person}" if _uuid(person) else f"contact-{person}"
    kind, _dash, name = key.partition("-")
    if kind == "set" and name.isascii() and name.isdigit() and len(name) < 19:
        row = SampleSet.objects.of(request.account).filter(email=email, pk=int(name)).first()
        if row is not None:
            return Filling(key, row.data)
    elif kind == "contact":
        data = samples.of_contact(email, name)
        missing = _("There is no contact with the address %(address)s.") % {"address": name[:100]}
        return Filling(key, data, "" if data is not None else missing)
    elif kind == "message" and (number := _uuid(name)):
        data = samples.of_message(email, number)
        missing = _("This email has sent no such message, or its data is no longer kept.")
        return Filling(key, data, "" if data is not None else missing)
    return Filling("sample", email.sample)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _rendered(
    request: AccountRequest, email: Email
) -> tuple[Filling, compose.Rendered | None, str]:
    filling = _filling(request, email)
    if filling.data is None:
        return filling, None, filling.problem
    live = email.published if request.GET.get("which") == "published" else None
    try:
        words = compose.render(live or email, sample_context(email, filling.data))
    except PostinoError as err:
        return filling, None, told(err.refusal.message)
    return filling, words, ""


@require_safe
@account_page(Role.VIEWER)
def email_preview(request: AccountRequest, email_id: int) -> HttpResponse:
    """The email as its readers see it."""
    email = find_email(request, email_id)
    shape = request.GET.get("as", "")
    which = "published" if request.GET.get("which") == "published" and email.published else "draft"
    filling, words, problem = _rendered(request, email)
    asked = {"which": which, "data": filling.key}
    chosen = filling.key.removeprefix("set-")
    context = {
        "email": email,
        "shape": shape if shape in SHAPES else "desktop",
        "shapes": SHAPES.items(),
        "which": which,
        "asked": urlencode(asked),
        "filling": filling,
        "set": chosen if filling.key.startswith("set-") else "",
        "sets": samples.listed(email),
        "recent": samples.recent(email),
        "person": filling.key.partition("-")[2]
        if filling.key.startswith(("contact-", "message-"))
        else "",
        "rendered": words,
        "problem": problem,
        "shown": email.published if which == "published" else email,
        "may_edit": request.may(Role.MARKETER),
        "tab": "preview",
    }
    return render(request, "transactional/email_preview.html", context)


@require_safe
@xframe_options_sameorigin
@account_page(Role.VIEWER)
def email_preview_html(request: AccountRequest, email_id: int) -> HttpResponse:
    """The rendered HTML alone, for the frame: no script runs, opened directly or not."""
    _filled, words, _problem = _rendered(request, find_email(request, email_id))
    html = words.html if words else ""
    response = HttpResponse(dressed(html, GUISES.get(request.GET.get("guise", ""), "")))
    policy = NO_IMAGES if request.GET.get("images") == "off" else EMAIL_POLICY
    response.headers["Content-Security-Policy"] = f"{policy}; sandbox"
    response.headers["Cache-Control"] = "no-store"
    return response


@require_POST
@account_page(Role.MARKETER)
def sample_create(request: AccountRequest, email_id: int) -> HttpResponseBase:
    """A new set, made from the data shown: a copy, with empty lists, or with twenty entries."""
    email = find_email(request, email_id)
    start = STARTS.get(request.POST.get("start", ""), STARTS["copy"])
    try:
        row = samples.create(
            email,
            name=request.POST.get("name", ""),
            data=start(email.sample),
            by=request.user.email,
        )
    except PostinoError as err:
        messages.error(request, err.refusal.message)
        return redirect("email_preview", request.account.pk, email.pk)
    return redirect("sample_set", request.account.pk, email.pk, row.pk)


@account_page(Role.MARKETER)
def sample_set(request: AccountRequest, email_id: int, set_id: int) -> HttpResponseBase:
    """Rename a set, change its data as fields or as JSON, or delete it."""
    email = find_email(request, email_id)
    rows = SampleSet.objects.of(request.account).filter(email=email)
    row: SampleSet = get_object_or_404(rows, pk=set_id)
    error, typed = "", request.POST
    as_json = "json" in request.GET or "json" in typed
    if request.method == "POST":
        if "delete" in typed:
            row.delete()
            messages.success(request, _("Deleted."))
            return redirect("email_preview", request.account.pk, email.pk)
        try:
            data = _typed_data(row, typed.get("json"), typed)
            samples.save(row, name=typed.get("name", ""), data=data, by=request.user.email)
        except PostinoError as err:
            error = err.refusal.message
        except ValidationError as err:
            error = " ".join(err.messages)
        else:
            preview = redirect("email_preview", request.account.pk, email.pk)
            preview["Location"] += f"?data=set-{row.pk}"
            messages.success(request, _("Saved."))
            return preview
    context = {
        "email": email,
        "row": row,
        "name": typed.get("name", row.name),
        "json": typed.get("json") or sample_text(row.data) or "{}",
        "as_json": as_json,
        "fields": [
            (f"f:{at}", at.strip("/").replace("/", "."), typed.get(f"f:{at}", samples.shown(value)))
            for at, value in samples.leaves(row.data)
        ],
        "error": error,
        "tab": "preview",
    }
    return render(request, "transactional/sample_set.html", context, status=422 if error else 200)


def _typed_data(row: SampleSet, text: str | None, typed: Any) -> dict[str, Any]:
    """The data as JSON, or the stored data with the fields' texts. Raises ValidationError."""
    if text is None:
        texts = {
            name[2:]: value.replace("\0", "")
            for name, value in typed.items()
            if name.startswith("f:")
        }
        return samples.with_texts(row.data, texts)
    if len(text) > 200_000:
        raise ValidationError(_("The data is longer than 200,000 characters."))
    data = json_object(text)
    for name in ("contact", "custom"):
        if not isinstance(data.get(name, {}), dict):
            raise ValidationError(_("“%(name)s” must be a JSON object: { … }.") % {"name": name})
    return data

"""The block editor's page and what it talks to: saving the document, the canvas, the variables."""

from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_safe

from config.errors import PostinoError
from config.headers import EMAIL_POLICY
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.compose import drafts, link_probes
from transactional.compose.document import checks, mjml, schema, variables
from transactional.compose.document.model import Document
from transactional.compose.document.starters import LANGUAGES
from transactional.models import Email
from transactional.views.email_edit import rendered
from transactional.views.email_forms import EmailForm, sample_text
from transactional.views.emails import find_email

# What the editor may save beside the document; each is checked as on the settings page
FIELDS = (
    "name", "subject", "preview_text", "from_name", "from_address", "reply_to", "kind", "lane",
    "track_opens", "track_clicks", "sample",
)  # fmt: skip
Fault = dict[str, str]


@require_safe
@account_page(Role.MARKETER)
def email_compose(request: AccountRequest, email_id: int) -> HttpResponseBase:
    """The editor of a block document; an email written as HTML has its own page."""
    email = find_email(request, email_id)
    here = (request.account.pk, email.pk)
    if email.document is None:
        return redirect("email_edit", *here)
    link_probes.wake(email)
    data = {
        "document": drafts.stored_document(email).json,
        "revision": email.revision,
        **{name: getattr(email, name) for name in FIELDS},
        "problems": _problems(email),
        "bytes": len(email.html.encode()),
        "may_html": request.may(Role.DEVELOPER),
        "languages": [list(pair) for pair in LANGUAGES],
        "icons": static("img/icons.svg"),
        "image_base": settings.IMAGE_URL,
        "urls": {
            "document": reverse("email_document", args=here),
            "canvas": reverse("email_canvas", args=here),
            "variables": reverse("email_variables", args=here),
            "problems": reverse("email_problems", args=here),
            "pass": reverse("email_check_pass", args=here),
            "images": reverse("image_choices", args=here[:1]),
            "upload": reverse("image_upload", args=here[:1]),
            "smaller": reverse("image_smaller", args=[here[0], 0]),
            "saved": reverse("saved_blocks_json", args=here[:1]),
        },
    }
    context = {"email": email, "editor": data, "tab": "design", "may_edit": True}
    return render(request, "transactional/email_compose.html", context)


@require_http_methods(["PUT"])
@account_page(Role.MARKETER)
def email_document(request: AccountRequest, email_id: int) -> HttpResponseBase:
    """Save the document over the revision it was made from.

    Answers what is wrong with it; or with `canvas` (1, or sample: filled in) how it looks now,
    which the editor needs at once, while the checks may wait until somebody stops typing.
    """
    email = _draft(request, email_id)
    try:
        body, revision, faults = _body(request, email)
    except RequestDataTooBig:
        limit = {"limit": settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20}
        return _refused([_fault("", _("The email is larger than %(limit)s MB.") % limit)], 413)
    if faults:
        return _refused(faults)
    fields, faults = _fields(email, body)
    try:
        document = schema.parse(body.get("document"))
    except schema.DocumentRefused as err:
        faults += _pointers(err)
        return _refused(faults)
    if faults:
        return _refused(faults)
    try:
        email = drafts.save_document(
            email,
            document,
            fields,
            revision=revision,
            by=request.user.email,
            may_html=request.may(Role.DEVELOPER),
        )
    except schema.DocumentRefused as err:
        return _refused(_pointers(err))
    except PostinoError as err:
        if err.refusal.http != 409:
            raise
        return _conflict(_draft(request, email_id))
    answer = {"revision": email.revision, "bytes": len(email.html.encode())}
    shape = request.GET.get("canvas", "")
    if shape not in ("1", "sample"):
        return JsonResponse({**answer, "problems": _problems(email)})
    shown = _filled(email) if shape == "sample" else _chips(email, document)
    return JsonResponse({**answer, "canvas": shown})


def _draft(request: AccountRequest, email_id: int) -> Email:
    """The email as one row, without what its other pages ask about it. Raises Http404."""
    email: Email = get_object_or_404(Email.objects.of(request.account), pk=email_id)
    email.account = request.account
    return email


def _chips(email: Email, document: Document) -> str:
    return mjml.to_html(document, title=email.subject, canvas=True)


def _filled(email: Email) -> str:
    """Filled in from the sample; or why it cannot be, as a page."""
    words, problem = rendered(email, which="draft")
    return words.html if words is not None else f"<p>{escape(problem)}</p>"


@require_safe
@account_page(Role.MARKETER)
def email_problems(request: AccountRequest, email_id: int) -> HttpResponseBase:
    """What is wrong with the draft as it was saved last."""
    return JsonResponse({"problems": _problems(_draft(request, email_id))})


def _body(request: HttpRequest, email: Email) -> tuple[dict[str, Any], int, list[Fault]]:
    """What was sent, and the revision it names."""
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return {}, 0, [_fault("", _("This is not valid JSON."))]
    if not isinstance(body, dict):
        return {}, 0, [_fault("", _("This must be a JSON object: { … }."))]
    faults = [
        _fault(f"/{str(key)[:60]}", _("This property is not known."))
        for key in body
        if key not in (*FIELDS, "revision", "document")
    ]
    revision = body.get("revision")
    if isinstance(revision, bool) or not isinstance(revision, int) or not 0 < revision < 2**31:
        faults.append(_fault("/revision", _("Name the revision this was made from.")))
        return body, 0, faults
    if email.document is None:
        faults.append(_fault("/document", _("This email is written as HTML.")))
    return body, revision, faults


def _fields(email: Email, body: dict[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """The draft's other fields that were sent, checked as if typed on the settings page."""
    sent = {name: body[name] for name in FIELDS if name in body}
    faults = [
        _fault(f"/{name}", _("This has the wrong type."))
        for name, value in sent.items()
        if not isinstance(value, _TYPES.get(name, str))
    ]
    if faults or not sent:
        return {}, faults
    data = {name: getattr(email, name) for name in FIELDS} | sent
    data["sample"] = sample_text(data["sample"])
    form = EmailForm({**data, "revision": email.revision}, account=email.account, blocks=True)
    form.is_valid()
    for name, errors in form.errors.items():
        if name in sent:
            faults += [_fault(f"/{name}", str(message)) for message in errors]
    if faults:
        return {}, faults
    return {name: form.cleaned_data[name] for name in sent}, []


_TYPES: dict[str, type] = {"lane": int, "track_opens": bool, "track_clicks": bool, "sample": dict}


def _pointers(err: schema.DocumentRefused) -> list[Fault]:
    return [_fault(f"/document{fault.pointer}", fault.message) for fault in err.faults]


def _fault(pointer: str, message: str) -> Fault:
    return {"pointer": pointer, "message": message}


def _refused(faults: list[Fault], status: int = 422) -> JsonResponse:
    return JsonResponse({"errors": faults}, status=status)


def _conflict(email: Email) -> JsonResponse:
    answer = {"revision": email.revision, "by": email.updated_by, "at": email.updated_at}
    return JsonResponse(answer, status=409)


def _problems(email: Email) -> list[dict[str, str | None]]:
    return [
        {"level": one.level, "code": one.code, "message": one.message, "block": one.block}
        for one in checks.run(email)
    ]


@require_safe
@xframe_options_sameorigin
@account_page(Role.VIEWER)
def email_canvas(request: AccountRequest, email_id: int) -> HttpResponse:
    """The compiled draft alone, for the frame: variables as chips, or filled from the sample.

    `sample=1` fills it in, `as=text` gives the plain text; `r` only keeps caches apart.
    """
    email = _draft(request, email_id)
    plain = request.GET.get("as") == "text"
    if plain:
        words, problem = rendered(email, which="draft")
        shown = problem if words is None else words.text
    elif request.GET.get("sample") == "1" or email.document is None:
        shown = _filled(email)
    else:
        shown = _chips(email, drafts.stored_document(email))
    kind = "text/plain" if plain else "text/html"
    response = HttpResponse(shown, content_type=f"{kind}; charset=utf-8")
    response.headers["Content-Security-Policy"] = EMAIL_POLICY
    response.headers["Cache-Control"] = "no-store"
    return response


@require_safe
@account_page(Role.VIEWER)
def email_variables(request: AccountRequest, email_id: int) -> JsonResponse:
    """The variables this email knows: those it names and those of its sample data."""
    email = find_email(request, email_id)
    listed = [
        {"path": one.path, "sample": one.sample, "list": one.is_list}
        for one in variables.known(email)
    ]
    return JsonResponse({"variables": listed})

"""The Send page of an email, and its test sends: write, confirm, see what became of each."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render

from config.errors import PostinoError, Refusal
from tokens.models import Role
from tokens.web import AccountRequest, account_page, principal
from transactional.compose import render as compose
from transactional.compose import versions
from transactional.compose.sample import sample_context
from transactional.models import Email, Source
from transactional.submission.accept import Answer, accept_many
from transactional.submission.request import Refused, TemplateSubmission
from transactional.views.email_forms import SendForm
from transactional.views.emails import find_email, refusal_sentence
from transactional.views.refusal_words import told
from transactional.views.send_start import page_context

ONCE = 16  # bytes: names one confirmed send, so that a second click sends nothing twice


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one address."""

    address: str
    answer: Answer

    @property
    def why(self) -> str:
        """Why it was refused, in the reader's language."""
        return told(self.answer.refusal.message) if isinstance(self.answer, Refused) else ""

    @property
    def refused(self) -> bool:
        """Whether nothing was queued for it."""
        return isinstance(self.answer, Refused)


@account_page(Role.MARKETER)
def email_send(request: AccountRequest, email_id: int) -> HttpResponseBase:
    """Where sends begin; and a test's three steps: the form, the confirmation, the results."""
    email = find_email(request, email_id)
    if request.method != "POST":
        return _page(request, email, SendForm(email=email))
    form = SendForm(request.POST, email=email)
    step = request.POST.get("step")
    if step == "edit" or not form.is_valid():
        return _page(request, email, form, status=200 if step == "edit" else 422)
    once = request.POST.get("once", "")
    try:
        shown = _checked(email, form, by=request.user.email)
        if step == "send" and once.isalnum() and len(once) == 2 * ONCE:
            return _sent(request, email, form, once=once)
    except PostinoError as err:
        problem = refusal_sentence(err.refusal.code, err.refusal.message)
        status = err.refusal.http if err.refusal.retryable else 422
        return _page(request, email, form, problem=problem, status=status)
    context: dict[str, Any] = {
        "email": email,
        "form": form,
        "addresses": form.cleaned_data["to"],
        "draft": form.cleaned_data["which"] == "draft",
        "shown": shown,
        "once": secrets.token_hex(ONCE),
        "tab": "send",
    }
    return render(request, "transactional/email_confirm.html", context)


def _checked(email: Email, form: SendForm, *, by: str) -> dict[str, str]:
    """From and Subject of what would go out. Raises PostinoError if it cannot."""
    content: Any = email
    if form.cleaned_data["which"] == "draft":
        content = versions.snapshot(email, by=by)
    elif email.published:
        content = email.published
    if not content.from_address:
        raise PostinoError(
            Refusal("INVALID_FROM_ADDRESS", "Choose the address this email comes from.")
        )
    contact = {"email": form.cleaned_data["to"][0]}
    data = sample_context(email, {"contact": contact, "custom": form.cleaned_data["custom"]})
    subject = compose.render(content, data, text=False).subject
    return {
        "subject": subject,
        "from_name": content.from_name,
        "from_address": content.from_address,
        "kind": content.get_kind_display(),
    }


def _send_id(once: str, address: str) -> str:
    """The same for a repeated click on the same confirmation, other for everything else."""
    return f"browser-{once}-{hashlib.sha256(address.lower().encode()).hexdigest()[:32]}"


def _sent(request: AccountRequest, email: Email, form: SendForm, *, once: str) -> HttpResponse:
    """Hand one submission per address to the door, and show its answers."""
    addresses = form.cleaned_data["to"]
    who = principal(request)
    answers = accept_many(
        [
            TemplateSubmission(
                principal=who,
                source=Source.TEST,
                test=True,
                email_id=email.pk,
                to=address,
                send_id=_send_id(once, address),
                custom=form.cleaned_data["custom"],
                draft=form.cleaned_data["which"] == "draft",
            )
            for address in addresses
        ]
    )
    outcomes = [Outcome(*pair) for pair in zip(addresses, answers, strict=True)]
    context = {
        "email": email,
        "outcomes": outcomes,
        "queued": sum(not one.refused for one in outcomes),
        "refused": sum(one.refused for one in outcomes),
        "tab": "send",
    }
    return render(request, "transactional/email_sent.html", context)


def _page(
    request: AccountRequest, email: Email, form: SendForm, *, problem: str = "", status: int = 200
) -> HttpResponse:
    context = page_context(request, email, form=form, problem=problem)
    context["testing"] = form.is_bound
    return render(request, "transactional/email_send.html", context, status=status)

"""The pages of single From addresses: add one, mail its link again, remove it; and the page of the link."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from config.errors import PostinoError
from domains.models import Domain
from tokens.models import Account, Role
from tokens.web import AccountRequest, account_page
from transactional.models import SenderAddress
from transactional.submission import senders

# Refusals that the reader is told in their language
TOLD = {
    "INVALID_ADDRESS": gettext_lazy("This is not one email address, like ann@example.com."),
    "ON_OWN_DOMAIN": gettext_lazy(
        "This domain is connected: every address on it may be used once it is verified."
    ),
    "NOT_ON_OWN_DOMAIN": gettext_lazy("This address is not on one of your verified domains."),
    "SENDER_EXISTS": gettext_lazy("This address is in the list already."),
    "TOO_MANY_SENDERS": gettext_lazy("There are as many addresses as there may be."),
    "TOO_SOON": gettext_lazy("A mail is on its way: wait two minutes before the next."),
    "TOO_MANY_MAILS": gettext_lazy("Enough confirmations were mailed today; try again tomorrow."),
    "CONFIRMED": gettext_lazy("This address is confirmed already."),
    "NO_PLATFORM_SENDER": gettext_lazy(
        "There is no address to write from yet: verify a domain first."
    ),
}


class SenderForm(forms.Form):
    """An address of somebody else's domain, and what recipients will see instead."""

    address = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=254,
        help_text=gettext_lazy("Answers come here. A mail with a link goes to it now."),
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    sends_as = forms.CharField(
        label=gettext_lazy("Leaves as"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        verified = Domain.objects.of(account).filter(verified_at__isnull=False).order_by("name")
        names = list(verified.values_list("name", flat=True)[:10])
        self.fields["sends_as"].help_text = (
            _("The From that recipients see, on %(domains)s.") % {"domains": ", ".join(names)}
            if names
            else _("No domain is verified yet: connect one under Domains & IPs.")
        )


@account_page(Role.DEVELOPER)
def create(request: AccountRequest) -> HttpResponseBase:
    """Add an address: its link is mailed."""
    form = SenderForm(request.POST or None, account=request.account)
    if request.method == "POST" and form.is_valid():
        try:
            row = senders.ask(
                request.account,
                form.cleaned_data["address"],
                form.cleaned_data["sends_as"],
                by=request.user.email,
            )
        except PostinoError as err:
            field = "sends_as" if err.refusal.pointer == "sendsAs" else "address"
            form.add_error(field, words(err))
        else:
            messages.success(
                request, _("A link is on its way to %(address)s.") % {"address": row.address}
            )
            return redirect("domains", request.account.pk)
    return render(request, "transactional/sender_create.html", {"form": form})


@require_POST
@account_page(Role.DEVELOPER)
def resend(request: AccountRequest, sender_id: int) -> HttpResponseBase:
    """Mail a new link."""
    row = _find(request, sender_id)
    return _done(
        request,
        lambda: senders.ask_again(row),
        _("A new link is on its way to %(address)s; the old one has ended.")
        % {"address": row.address},
    )


@require_POST
@account_page(Role.DEVELOPER)
def remove(request: AccountRequest, sender_id: int) -> HttpResponseBase:
    """Take an address off the list."""
    row = _find(request, sender_id)
    said = _("%(address)s was removed.") % {"address": row.address}
    return _done(request, lambda: senders.forget(row, by=request.user.email), said)


def _done(request: AccountRequest, work: Callable[[], None], said: str) -> HttpResponseBase:
    try:
        work()
    except PostinoError as err:
        messages.error(request, words(err))
    else:
        messages.success(request, said)
    return redirect("domains", request.account.pk)


def _find(request: AccountRequest, sender_id: int) -> SenderAddress:
    row: SenderAddress = get_object_or_404(SenderAddress.objects.of(request.account), pk=sender_id)
    return row


def words(err: PostinoError) -> str:
    """A refusal in the language of now."""
    return str(TOLD.get(err.refusal.code, err.refusal.message))


@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The page of a link: GET asks, so that scanners change nothing; POST confirms."""
    now = timezone.now()
    post = request.method == "POST"
    asked = senders.confirm(token, now=now) if post else senders.read(token, now=now)
    if asked is None:
        raise Http404
    context = {"sender": asked.sender, "state": asked.state}
    status = 410 if asked.state == "ended" else 200
    response = render(request, "transactional/sender_confirm.html", context, status=status)
    add_never_cache_headers(response)
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "same-origin"
    return response

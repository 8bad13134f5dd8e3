"""What may be done about a domain's DKIM keys: rotate, switch the schedule, import, lead to our DNS."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from config.errors import PostinoError
from domains import connect
from domains.checks import check_domain
from domains.dkim import importing, rotation
from domains.models import Domain
from domains.views.domains import PRESSED, find_domain
from domains.views.forms import KeyForm, told
from tokens.models import Role
from tokens.web import AccountRequest, account_page


@require_POST
@account_page(Role.DEVELOPER)
def rotate(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """Let the next keys sign as soon as that is safe."""
    domain = find_domain(request, domain_id)
    if connect.take_turn(domain, PRESSED):
        check_domain(domain)
    rotation.ask(domain)
    connect.record(domain, "rotation_asked", by=request.user.email)
    turns = rotation.tend(domain)
    if turns and all(turn.code == rotation.ROTATED for turn in turns):
        messages.success(request, _("The keys are rotated: the new ones sign from now on."))
    else:
        text = _("The rotation happens by itself as soon as the next keys may sign.")
        messages.success(request, text)
    return redirect("domain", request.account.pk, domain.pk)


@require_POST
@account_page(Role.DEVELOPER)
def schedule(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """Rotate on schedule, or not."""
    domain = find_domain(request, domain_id)
    rows = Domain.objects.of(request.account).filter(pk=domain.pk)
    rows.update(rotates="rotates" in request.POST)
    connect.record(domain, "schedule_changed", by=request.user.email)
    return redirect("domain", request.account.pk, domain.pk)


@require_POST
@account_page(Role.DEVELOPER)
def mode(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """Choose who publishes the domain's records."""
    domain = find_domain(request, domain_id)
    try:
        connect.set_dns_mode(domain, request.POST.get("mode", ""))
    except PostinoError as err:
        messages.error(request, told(err))
    else:
        connect.record(domain, "mode_changed", by=request.user.email, mode=domain.dns_mode)
        check_domain(domain)
    return redirect("domain", request.account.pk, domain.pk)


@account_page(Role.DEVELOPER)
def bring(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """Import a key of one's own."""
    domain = find_domain(request, domain_id)
    form = KeyForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            key = importing.import_key(domain, selector=given["selector"], text=given["text"])
        except PostinoError as err:
            field = "selector" if err.refusal.pointer == "selector" else "key"
            form.add_error(field, told(err))
        else:
            connect.record(domain, "key_imported", by=request.user.email, selector=key.selector)
            check_domain(domain)
            said = _("%(selector)s is imported.") % {"selector": key.selector}
            messages.success(request, said)
            return redirect("domain", request.account.pk, domain.pk)
    return render(request, "domains/key_import.html", {"form": form, "domain": domain})

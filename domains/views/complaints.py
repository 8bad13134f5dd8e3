"""Ending a pause of a domain's marketing mail, for who answers for it."""

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from domains import complaint_pauses
from domains.views.domains import find_domain
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional import complaint_holds


@require_POST
@account_page(Role.OWNER)
def lift(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """Let a domain's marketing mail go on; whoever does answers for it."""
    domain = find_domain(request, domain_id)
    pause = complaint_pauses.standing_of(request.account.pk, domain.name)
    if "answers" not in request.POST:
        messages.error(request, _("Confirm that you answer for it: nothing was changed."))
    elif pause is not None and complaint_holds.lift(pause, by=request.user.email):
        messages.success(request, _("Marketing mail goes on. What waited leaves little by little."))
    else:
        messages.info(request, _("The pause is over already."))
    return redirect("domain", request.account.pk, domain.pk)

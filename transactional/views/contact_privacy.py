"""The pages of a person's rights: all that is known about them as a file, and their erasure."""

import logging

from django.contrib import messages
from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.errors import PostinoError
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional import privacy
from transactional.views.contacts import find

logger = logging.getLogger(__name__)


@require_safe
@account_page(Role.MARKETER)
def contact_data(request: AccountRequest, contact_id: int) -> HttpResponseBase:
    """One person's data as JSON."""
    contact = find(request, contact_id)
    response = StreamingHttpResponse(privacy.told(contact), content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="contact-{contact.pk}.json"'
    response.headers["Cache-Control"] = "no-store"
    return response


@account_page(Role.MARKETER)
def contact_erase(request: AccountRequest, contact_id: int) -> HttpResponseBase:
    """Say what erasing does, ask for the address to be typed, and erase."""
    contact = find(request, contact_id)
    error = ""
    if request.method == "POST":
        if request.POST.get("typed", "").strip().lower() != contact.email:
            error = _("Type the address exactly as it stands above.")
        else:
            try:
                count = privacy.erase(request.account.pk, contact.pk)
            except PostinoError:
                error = _(
                    "Mail to this person is still under way, so its content is needed. Try again "
                    "when it has arrived or expired."
                )
            else:
                # Ids alone: the log must not name whom we have just forgotten
                logger.info("contact %s was erased by user %s", contact_id, request.user.pk)
                messages.success(
                    request,
                    _("The person was erased from %(count)s messages.") % {"count": count},
                )
                return redirect("contacts", request.account.pk)
    context = {"contact": contact, "error": error}
    return render(request, "transactional/contact_erase.html", context)

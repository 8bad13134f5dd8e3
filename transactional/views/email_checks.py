"""The Checks tab: what is wrong with the draft, each with its Fix; what was let pass, by whom and why."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config.errors import PostinoError
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.compose import dismissals, link_probes
from transactional.compose.document import checks
from transactional.compose.document.problem import Problem
from transactional.models import Email
from transactional.views.emails import find_email


@require_safe
@account_page(Role.VIEWER)
def email_checks(request: AccountRequest, email_id: int) -> HttpResponse:
    """All checks of the draft as it was saved last; links are asked again behind it."""
    email = find_email(request, email_id)
    link_probes.wake(email)
    report = checks.report(email)
    context: dict[str, Any] = {
        "email": email,
        "report": report,
        "problems": [(one, _fix(email, one)) for one in report.problems],
        "may_edit": request.may(Role.MARKETER),
        "tab": "checks",
    }
    return render(request, "transactional/email_checks.html", context)


def _fix(email: Email, problem: Problem) -> str:
    """Where it is put right: the editor with its block selected, or the page of settings."""
    here = [email.account_id, email.pk]
    if email.document is None:
        return reverse("email_edit", args=here)
    asked = {"code": problem.code, "block": problem.block or ""}
    return f"{reverse('email_compose', args=here)}?{urlencode(asked)}"


@require_POST
@account_page(Role.MARKETER)
def email_check_pass(request: AccountRequest, email_id: int) -> HttpResponseBase:
    """Let a warning pass with a reason, or with `withdraw` show it again."""
    email, typed = find_email(request, email_id), request.POST
    as_json = "application/json" in request.headers.get("Accept", "")
    number = typed.get("withdraw", "")
    try:
        if number:
            plain = number.isascii() and number.isdigit() and len(number) < 19
            dismissals.withdraw(email, int(number) if plain else 0)
            said = _("It is shown again.")
        else:
            code, block = typed.get("code", "")[:40], typed.get("block", "")[:40]
            why, by = typed.get("why", ""), request.user.email
            dismissals.dismiss(email, code=code, block=block, why=why, by=by)
            said = _("Let pass. Your name and the reason are kept with the email.")
    except PostinoError as err:
        if as_json:
            return JsonResponse({"errors": [{"message": err.refusal.message}]}, status=422)
        messages.error(request, err.refusal.message)
    else:
        if as_json:
            return JsonResponse({"said": said})
        messages.success(request, said)
    return redirect("email_checks", request.account.pk, email.pk)

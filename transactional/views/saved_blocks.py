"""Saved blocks: what the editor keeps and asks for, and the page that renames and deletes."""

from typing import Any

import orjson
from django.contrib import messages
from django.http import HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config.errors import PostinoError
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.compose import saved
from transactional.compose.document import schema
from transactional.models import SavedBlock


@require_safe
@account_page(Role.VIEWER)
def saved_list(request: AccountRequest) -> HttpResponseBase:
    """All of them by name."""
    context = {
        "blocks": saved.listed(request.account, may_html=True),
        "may_edit": request.may(Role.MARKETER),
        "tab": "saved",
    }
    return render(request, "transactional/saved_blocks.html", context)


@account_page(Role.MARKETER)
def saved_json(request: AccountRequest) -> HttpResponseBase:
    """For the editor: all of them; by POST, one more."""
    may_html = request.may(Role.DEVELOPER)
    if request.method != "POST":
        rows = saved.listed(request.account, may_html=may_html)
        return JsonResponse({"blocks": [_shown(one) for one in rows]})
    try:
        body: Any = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        return _refused(_("This is not valid JSON."), "name", 422)
    try:
        made = saved.save(
            request.account,
            name=body["name"],
            section=body.get("section"),
            whole=body.get("whole") is True,
            by=request.user.email,
            may_html=may_html,
        )
    except schema.DocumentRefused as err:
        return _refused(err.faults[0].message, err.faults[0].pointer, 422)
    except PostinoError as err:
        return _refused(err.refusal.message, err.refusal.pointer, err.refusal.http)
    return JsonResponse({"block": _shown(made)}, status=201)


def _shown(one: SavedBlock) -> dict[str, Any]:
    return {"id": one.pk, "name": one.name, "whole": one.section, "section": one.content}


def _refused(message: str, pointer: str, status: int) -> JsonResponse:
    return JsonResponse({"errors": [{"pointer": pointer, "message": message}]}, status=status)


@require_POST
@account_page(Role.MARKETER)
def saved_change(request: AccountRequest, saved_id: int) -> HttpResponseBase:
    """Rename, or with `delete` delete, one of them. Emails that took a copy keep it."""
    found: SavedBlock = get_object_or_404(SavedBlock.objects.of(request.account), pk=saved_id)
    if "delete" in request.POST:
        found.delete()
        messages.success(request, _("Deleted. Emails that took a copy keep it."))
    else:
        try:
            saved.rename(found, request.POST.get("name", ""))
            messages.success(request, _("Renamed."))
        except PostinoError as err:
            messages.error(request, err.refusal.message)
    return redirect("saved_blocks", request.account.pk)

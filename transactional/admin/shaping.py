"""The operators' list of shaping's cells, read from Redis, and the end of what a rule has asked for."""

import logging
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import ModelAdmin, get_content_type_for_model
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from domains import sites
from transactional.egress import cell_list, lifts
from transactional.egress.lifts import Lifted, NothingHeld, Unreachable
from transactional.models import ShapingCell
from transactional.tasks import lifts as later

logger = logging.getLogger(__name__)
LATELY = 10  # lifts shown
LONGEST = 200  # characters of an IP, a site, a search
PAGE = "admin:transactional_shapingcell_changelist"


@admin.register(ShapingCell)
class ShapingCellAdmin(ModelAdmin[Any]):
    """One page, and one act for those who may change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: engines make them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """The list and the act: there is no row to open."""
        name = "transactional_shapingcell"
        look, lift = map(self.admin_site.admin_view, (self.changelist_view, self.lift_view))
        return [
            path("", look, name=f"{name}_changelist"),
            path("lift/", lift, name=f"{name}_lift"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The cells that fit, those held back first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        wanted = request.GET.get("q", "").strip()[:LONGEST]
        lately = LogEntry.objects.filter(content_type=get_content_type_for_model(ShapingCell))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Shaping cells"),
            "opts": self.opts,
            "q": wanted,
            "list": cell_list.cells(wanted),
            "may_lift": self.has_change_permission(request),
            "lately": lately.select_related("user").order_by("-pk")[:LATELY],
        }
        return TemplateResponse(request, "admin/transactional/shapingcell/list.html", context)

    def lift_view(self, request: HttpRequest) -> HttpResponse:
        """End what rules have asked for of one cell, in every worker, and let its mail come."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        source, site, wanted = (
            request.POST.get(name, "").strip()[:LONGEST] for name in ("source", "site", "q")
        )
        if cell_list.key_from(lifts.key_of("state", (source, site))) != (source, site):
            messages.error(request, _("That is no cell: choose one of the list."))
        else:
            self._lift(request, source, site)
        query = f"?{urlencode({'q': wanted})}" if wanted else ""
        return redirect(reverse(PAGE) + query)

    def _lift(self, request: HttpRequest, source: str, site: str) -> None:
        told = {"source": source, "site": sites.named(site)}
        try:
            lifted = lifts.lift((source, site))
        except Unreachable:
            messages.error(request, _("Redis cannot be reached, so nothing was lifted. Try again."))
            return
        except NothingHeld:
            text = _("No rule holds %(source)s back towards %(site)s any more.")
            messages.warning(request, text % told)
            return
        with transaction.atomic():
            count = lifts.bring_back(lifted)
            self._note(request, source, site, lifted, count)
        _bring_the_rest(lifted, count)
        waiting = ngettext(
            "%(count)d message that waits comes back.",
            "%(count)d messages that wait come back, one after the other.",
            count,
        ) % {"count": count}
        text = _("%(source)s may speak with %(site)s again: %(rule)s was lifted.")
        said = text % {**told, "rule": lifted.rule}
        messages.success(request, f"{said} {waiting}" if count else said)

    def _note(
        self, request: HttpRequest, source: str, site: str, lifted: Lifted, count: int
    ) -> None:
        """Who lifted what: in the admin's log, which this page and the admin's first one show."""
        LogEntry.objects.create(
            user_id=request.user.pk or 0,  # somebody: the page is for staff
            content_type=get_content_type_for_model(ShapingCell),
            object_id=f"{source} {site}",
            object_repr=f"{source} → {sites.named(site)}"[:200],
            action_flag=CHANGE,
            change_message=f"{lifted.rule}: {count}",
        )
        logger.warning(
            "%s lifted %s of %s towards %s, %d messages brought forward",
            request.user.get_username(), lifted.rule, source, site, count,
        )  # fmt: skip


def _bring_the_rest(lifted: Lifted, count: int) -> None:
    """In a while, by the default worker; without it the rest comes at its own time."""
    given = (lifted.rule, lifted.site, lifted.spacing, list(lifted.whys), count)
    try:
        later.bring_back.apply_async(given, countdown=later.AFTER, retry=False)
    except (KombuError, RedisError, OSError) as err:
        logger.warning("what was parked meanwhile comes at its own time: %s", err)

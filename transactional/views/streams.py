"""The pages of streams: each flow of mail with its pool and policies, and the ones that may change."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from tokens import audit
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional import smarthosts
from transactional.models import Kind, Smarthost, Stream
from transactional.views.stream_forms import HOUR, StreamForm


@require_safe
@account_page(Role.VIEWER)
def overview(request: AccountRequest) -> HttpResponseBase:
    """The account's streams, its two default ones made at first sight; and its smarthosts."""
    for kind in Kind.values:
        Stream.objects.default(request.account, kind)
    rows = Stream.objects.of(request.account).select_related("pool", "fallback").order_by("pk")
    mine = Smarthost.objects.of(request.account).order_by("name", "pk")
    context = {
        "streams": [(row, row.lifetime // HOUR) for row in rows],
        "smarthosts": list(mine[: smarthosts.MOST * 2]),
        "may_change": request.may(Role.DEVELOPER),
    }
    return render(request, "transactional/streams.html", context)


@account_page(Role.DEVELOPER)
def edit(request: AccountRequest, stream_id: int) -> HttpResponseBase:
    """Change a stream's policies."""
    stream: Stream = get_object_or_404(
        Stream.objects.of(request.account).select_related("pool"), pk=stream_id
    )
    form = StreamForm(request.POST or None, account=request.account, stream=stream)
    if request.method == "POST" and form.is_valid() and _save(request, stream, form):
        words = _(
            "The stream is saved. Its lifetime counts for mail accepted from now on, the rest also for"
            " what waits."
        )
        messages.success(request, words)
        return redirect("streams", request.account.pk)
    return render(request, "transactional/stream_edit.html", {"stream": stream, "form": form})


def _save(request: AccountRequest, stream: Stream, form: StreamForm) -> bool:
    """Write what was changed; False with the form's error where the smarthost is gone meanwhile."""
    values = form.values()
    if not values:
        return True
    with transaction.atomic():
        chosen = values.get("fallback")
        offered = smarthosts.offered(request.account).select_for_update()
        if chosen and not offered.filter(pk=chosen.pk).exists():
            form.add_error("fallback", _("This smarthost was deleted meanwhile: choose another."))
            return False
        Stream.objects.of(request.account).filter(pk=stream.pk).update(**values)
        audit.record(
            request.account,
            "stream.changed",
            by=request.user.email,
            target=f"stream:{stream.pk}",
            name=stream.name,
            data={"changed": ", ".join(sorted(values))},
        )
    return True

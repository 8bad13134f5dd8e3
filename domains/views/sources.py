"""The pages of dedicated IPs: connect one, see its checks, pause and resume it."""

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config.errors import PostinoError
from domains import connect, warmup
from domains.connect import take_turn
from domains.models import EgressSource, SourceEvent, SourceState
from domains.source_checks import check_source
from domains.source_states import Why, move
from domains.views import complaint_rows
from domains.views.domains import POLL, PRESSED
from domains.views.forms import SourceForm
from domains.views.rows import STOP_POLLING, mark, source_rows, state_pill
from domains.views.source_rows import calendars, history, list_rows
from tokens.models import Role
from tokens.web import AccountRequest, account_page


@account_page(Role.DEVELOPER)
def create(request: AccountRequest) -> HttpResponseBase:
    """Connect an IP."""
    form = SourceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            by = request.user.email
            source = connect.source(request.account, by=by, **form.cleaned_data)
        except PostinoError:  # between the form's look and now
            form.add_error("address", _("This IP is connected already."))
        else:
            return redirect("source", request.account.pk, source.pk)
    return render(request, "domains/source_create.html", {"form": form})


@require_safe
@account_page(Role.VIEWER)
def detail(request: AccountRequest, source_id: int) -> HttpResponseBase:
    """An IP with its checks."""
    source = _find(request, source_id)
    context = _context(request, source) | {
        "calendars": calendars(source) if source.warm_up else [],
        "history": history(source),
        **complaint_rows.of_source(source),
    }
    return render(request, "domains/source.html", context)


@require_safe
@account_page(Role.VIEWER)
def state(request: AccountRequest, source_id: int) -> HttpResponseBase:
    """The part of the page that changes; asked for every few seconds while the IP waits."""
    source = _find(request, source_id)
    if source.state == SourceState.PENDING and take_turn(source, POLL):
        check_source(source)
    context = _context(request, source)
    if not context["waiting"]:
        return render(request, "domains/source_state.html", context, status=STOP_POLLING)
    if request.GET.get("seen") == context["mark"]:
        return HttpResponse(status=204)
    return render(request, "domains/source_state.html", context)


@require_POST
@account_page(Role.DEVELOPER)
def check(request: AccountRequest, source_id: int) -> HttpResponseBase:
    """Ask DNS now."""
    source = _find(request, source_id)
    if take_turn(source, PRESSED):
        check_source(source)
    return redirect("source", request.account.pk, source.pk)


@require_POST
@account_page(Role.DEVELOPER)
def pause(request: AccountRequest, source_id: int) -> HttpResponseBase:
    """Stop sending from an IP, or let it be checked and used again."""
    source = _find(request, source_id)
    by = Why(by=request.user.email)
    if "resume" not in request.POST:
        move(source.pk, SourceEvent.PAUSED, by)
    elif move(source.pk, SourceEvent.RESUMED, by):
        source.refresh_from_db()
        check_source(source)
    return redirect("source", request.account.pk, source.pk)


@require_POST
@account_page(Role.DEVELOPER)
def warm_up(request: AccountRequest, source_id: int) -> HttpResponseBase:
    """Start a warm-up from the first budgets, or skip what is left of it."""
    source = _find(request, source_id)
    by = Why(by=request.user.email)
    if "skip" in request.POST:
        move(source.pk, SourceEvent.WARM_UP_SKIPPED, by)
    else:
        warmup.start(source.pk, by)
    return redirect("source", request.account.pk, source.pk)


def _find(request: AccountRequest, source_id: int) -> EgressSource:
    source: EgressSource = get_object_or_404(EgressSource.objects.of(request.account), pk=source_id)
    return source


def _context(request: AccountRequest, source: EgressSource) -> dict[str, object]:
    lists = list_rows(source)
    return {
        "source": source,
        "pill": state_pill(source),
        "mark": mark(source),
        "rows": source_rows(source),
        "waiting": source.state == SourceState.PENDING,
        "may_change": request.may(Role.DEVELOPER),
        "lists": lists,
        "lists_first": [row for row in lists if row.remarkable],
        "lists_rest": [row for row in lists if not row.remarkable],
    }

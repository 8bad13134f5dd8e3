"""The pages of streams: each flow of mail with its pool and policies, and the ones that may change."""

from django import forms
from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional.models import Kind, Stream

HOUR = 3600
LONGEST = 7 * 24  # hours that a message may be tried for


class StreamForm(forms.Form):
    """What an account may decide about one of its streams."""

    hours = forms.IntegerField(
        label=gettext_lazy("Lifetime in hours"),
        min_value=1,
        max_value=LONGEST,
        help_text=gettext_lazy("A message that is not delivered by then expires."),
    )
    uncertain_policy = forms.ChoiceField(
        label=gettext_lazy("When nobody knows whether a message arrived"),
        choices=[
            ("resend", gettext_lazy("Send it again, marked")),
            ("hold", gettext_lazy("Hold it")),
        ],
        help_text=gettext_lazy(
            "It was handed over whole and the connection broke before the receiver's answer."
        ),
    )


@require_safe
@account_page(Role.VIEWER)
def overview(request: AccountRequest) -> HttpResponseBase:
    """The account's streams; its two default ones are made at first sight."""
    for kind in Kind.values:
        Stream.objects.default(request.account, kind)
    rows = Stream.objects.of(request.account).select_related("pool").order_by("pk")
    context = {
        "streams": [(row, row.lifetime // HOUR) for row in rows],
        "may_change": request.may(Role.DEVELOPER),
    }
    return render(request, "transactional/streams.html", context)


@account_page(Role.DEVELOPER)
def edit(request: AccountRequest, stream_id: int) -> HttpResponseBase:
    """Change a stream's policies."""
    stream: Stream = get_object_or_404(Stream.objects.of(request.account), pk=stream_id)
    now = {"hours": max(1, stream.lifetime // HOUR), "uncertain_policy": stream.uncertain_policy}
    form = StreamForm(request.POST or None, initial=now)
    if request.method == "POST" and form.is_valid():
        Stream.objects.of(request.account).filter(pk=stream.pk).update(
            lifetime=form.cleaned_data["hours"] * HOUR,
            uncertain_policy=form.cleaned_data["uncertain_policy"],
        )
        messages.success(
            request, _("The stream is saved; it counts for mail accepted from now on.")
        )
        return redirect("streams", request.account.pk)
    return render(request, "transactional/stream_edit.html", {"stream": stream, "form": form})

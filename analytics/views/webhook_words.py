"""What is said of webhooks in the reader's language: outcomes, refusals, tones."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.models import DeliveryState, EndpointState, WebhookEndpoint
from analytics.webhooks import deliveries, schedule
from config import post
from config.errors import PostinoError

TONES: Mapping[str, str] = {
    EndpointState.ENABLED: "ok",
    EndpointState.PAUSED: "muted",
    EndpointState.DISABLED: "bad",
    EndpointState.GONE: "bad",
    DeliveryState.WAITING: "warn",
    DeliveryState.DELIVERED: "ok",
    DeliveryState.DEAD: "bad",
}
# The answer's own text is never shown: it is somebody else's
OUTCOMES: Mapping[str, str | Promise] = {
    post.OK: gettext_lazy("Taken"),
    post.REDIRECT: gettext_lazy("It redirects, which is not followed: put the right URL here"),
    post.STATUS: gettext_lazy("It answered with an error"),
    post.FORBIDDEN: gettext_lazy("The URL leads to an address or port that is not allowed"),
    post.NO_ADDRESS: gettext_lazy("Its name has no address"),
    post.UNREACHABLE: gettext_lazy("No connection came about"),
    post.TLS: gettext_lazy("Its certificate is not valid for the name, or TLS failed"),
    post.TIMEOUT: gettext_lazy("It did not answer in time"),
    post.BROKEN: gettext_lazy("The connection broke before it had answered"),
    deliveries.LOST: gettext_lazy("The event is not kept any more"),
    deliveries.SEALED: gettext_lazy("The secret cannot be read here: rotate it"),
}
TOLD: Mapping[str, str | Promise] = {
    "TOO_MANY_WEBHOOKS": gettext_lazy("There are as many webhooks as there may be."),
    "TOO_MANY_TESTS": gettext_lazy("Enough tests are on their way: wait until they have arrived."),
    "WEBHOOK_STOPPED": gettext_lazy("This webhook is paused or switched off: resume it first."),
    "INVALID_OVERLAP": gettext_lazy("Choose 0 to 168 hours."),
    "INVALID_URL": gettext_lazy(
        "Events cannot be posted there: use https:// and a full name that leads to a public address, "
        "without a user name and without an unusual port."
    ),
}


def refusal(err: PostinoError) -> str:
    """A refusal in the language of now."""
    return str(TOLD.get(err.refusal.code, err.refusal.message))


def outcome(code: str, status: int) -> str:
    """How a try went: our words, and the status where there was one."""
    if not code:
        return ""
    words = str(OUTCOMES.get(code, code))
    return f"{words} ({status})" if status else words


def trouble(row: WebhookEndpoint) -> str:
    """What is wrong with an endpoint and what to do, in one sentence; empty: nothing is."""
    said = {"why": outcome(row.last_outcome, row.last_status)}
    if row.state == EndpointState.GONE:
        return _(
            "It answered 410 Gone, which means: send no more. Nothing is posted until you resume it."
        )
    if row.state == EndpointState.DISABLED:
        return _("It took nothing for three days: %(why)s. Put it right, then resume it.") % said
    if row.state == EndpointState.PAUSED:
        return _("It is paused. Events are collected and follow when you resume it.")
    if schedule.is_open(row.failures):
        return (
            _(
                "It takes nothing: %(why)s. One event tries from time to time; the rest follows once it is taken."
            )
            % said
        )
    if row.failing_since is not None:
        return _("The last event was not taken: %(why)s. It is tried again by itself.") % said
    return ""

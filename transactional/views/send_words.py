"""The words of sends: states and their colours, reasons, what a row's state means."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from transactional.models import BroadcastRow, BroadcastState, Status

TONES: Mapping[str, str] = {
    BroadcastState.DRAFT: "mute",
    BroadcastState.SCHEDULED: "accent",
    BroadcastState.RUNNING: "accent",
    BroadcastState.PAUSED: "warn",
    BroadcastState.STOPPED: "bad",
    BroadcastState.CANCELLED: "mute",
    BroadcastState.SENT: "ok",
    BroadcastState.DONE: "ok",
}
WHY_WORDS: Mapping[str, str | Promise] = {
    "EMAIL_CHANGED": _(
        "The email was published anew after this send was confirmed, or archived. Look at it; "
        "going on sends what is published now."
    ),
    "TOO_MANY_BOUNCES": _(
        "More than 5 % of the first 200 bounced. Check where these addresses come from: receivers "
        "take a list like this for spam."
    ),
    "NOT_PUBLISHED": _("Publish this email first: only what is published is sent."),
    "EMAIL_ARCHIVED": _("This email is archived. Bring it back to send it."),
    "NO_COLUMNS": _("Choose what the columns of the file become first."),
}
CODE_WORDS: Mapping[str, str | Promise] = {
    "PREVIOUSLY_BOUNCED": _("An earlier message bounced"),
    "PREVIOUS_SPAM": _("Reported an earlier message as spam"),
    "BLOCKED_ADDRESS": _("On the list of suppressed addresses"),
    "PREVIOUSLY_UNSUBSCRIBED_PORTAL": _("Has unsubscribed from all marketing mail"),
    "PREVIOUSLY_UNSUBSCRIBED_MESSAGE": _("Has unsubscribed from this type of mail"),
    "QUARANTINED_ADDRESS": _("In quarantine"),
    "EMAIL_UNCONFIRMED": _("Has not confirmed the double opt-in"),
    "MISSING_TEMPLATE_PROPERTIES": _("A variable of the email is missing"),
    "TEMPLATE_RENDER_EXCEPTION": _("The email could not be rendered"),
    "INVALID_TO_ADDRESS": _("Not an address that mail can be sent to"),
    "NO_READY_IP": _("No IP is ready"),
    "CORRUPT_INPUT": _("The row cannot be stored"),
}


def state_of_row(state: str) -> str | Promise:
    """What a row's state means to a reader."""
    own = {BroadcastRow.WAITING: _("Waiting"), BroadcastRow.REFUSED: _("Not sent")}
    return own.get(state) or dict(Status.choices).get(state) or state

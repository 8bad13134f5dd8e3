"""The words in which a warm-up, a listing and an IP's history are told on its page."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from domains.models import ListingState, SourceEvent

# Why a day's budget is as it is; the codes of `domains/warmup_plan.py`
STEPS: dict[str, Promise] = {
    "start": _("First day"),
    "grown": _("Grew: the day before was used, and answers were good"),
    "unused": _("Kept: less than half of the day before was used"),
    "held": _("Held"),
    "stepped_back": _("Halved"),
    "cold": _("Begun anew: no mail for a month"),
    "target": _("Warm: the target is reached"),
    "fits": _("Warm: its mail fits well within the budget"),
    "warm": _("Warm"),
}
SIGNALS: dict[str, Promise] = {
    "deferred": _("mail was put off"),
    "blocked": _("mail was refused"),
    "complaints": _("readers complained"),
}
OTHERS = _("All other providers")
EVENT_PILLS: dict[str, str] = {
    SourceEvent.DNS_RIGHT: "ok",
    SourceEvent.FIRST_MAIL: "ok",
    SourceEvent.WARMED: "ok",
    SourceEvent.CLEARED: "ok",
    SourceEvent.DNS_WRONG: "warn",
    SourceEvent.LISTED: "bad",
    SourceEvent.COMPLAINTS: "bad",
    SourceEvent.COMPLAINTS_OVER: "ok",
}
LISTING_PILLS: dict[str, tuple[str, Promise]] = {
    ListingState.CLEAR: ("ok", _("Not listed")),
    ListingState.LISTED: ("bad", _("Listed")),
    ListingState.UNKNOWN: ("mute", _("No answer")),
    "": ("mute", _("Not asked yet")),
}
# Why nothing is known of a list's word; the codes of `domains/blocklists.py`
UNKNOWN: dict[str, Promise] = {
    "declined": _(
        "The list does not answer this resolver. Ask it through a resolver of your own, or set a "
        "query zone with your key in the admin."
    ),
    "not_a_list": _("The resolver invents answers for names that do not exist; use another one."),
    "lists_all": _("The list has every address and is believed in nothing: it was given up."),
    "no_test": _("The list does not know its own test entry, so its silence means nothing."),
}
FAILED = _("The list did not answer; it is asked again.")

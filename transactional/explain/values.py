"""The words for what decisions were taken from: a code inside a sentence is told, never shown raw."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domains import sites
from domains import why as unready
from transactional import mailable
from transactional.egress.waits import tell_wait
from transactional.explain.errors import tell_reply

_SHUT: Mapping[str, Promise] = {
    "incident": gettext_lazy("an incident with the receiver"),
    "site_down": gettext_lazy("the receiver does not answer"),
    "receiver_throttles": gettext_lazy("the receiver asked us to slow down"),
    "no_budget": gettext_lazy("the IPs’ budgets of the day are used up"),
    "no_source": gettext_lazy("no IP of the stream is ready"),
    "rate": gettext_lazy("the receiver takes no more a minute"),
    "connections": gettext_lazy("all connections to the receiver are in use"),
    "site_busy": gettext_lazy("all connections to the receiver are in use"),
    "first_tries": gettext_lazy(
        "too much of your mail is on its way to receivers that have not answered yet"
    ),
}
#: RFC 8460 §4.3
_TLS_RESULTS: Mapping[str, Promise] = {
    "starttls-not-supported": gettext_lazy("it offers no TLS"),
    "certificate-host-mismatch": gettext_lazy("its certificate is for another name"),
    "certificate-expired": gettext_lazy("its certificate has expired"),
    "certificate-not-trusted": gettext_lazy("its certificate is not from a trusted authority"),
    "validation-failure": gettext_lazy("the encrypted connection did not come about"),
    "tlsa-invalid": gettext_lazy("its certificate is none of those that DNS names"),
    "dane-required": gettext_lazy("it must be checked by DANE"),
    "sts-policy-fetch-error": gettext_lazy("the MTA-STS policy could not be fetched"),
    "sts-policy-invalid": gettext_lazy("the MTA-STS policy cannot be read"),
    "sts-webpki-invalid": gettext_lazy("the server of the MTA-STS policy has no valid certificate"),
    "dnssec-invalid": gettext_lazy("the DNSSEC signatures do not hold"),
}
_DNS: Mapping[str, Promise] = {
    "servfail": gettext_lazy("its name servers answer with an error"),
    "timeout": gettext_lazy("its name servers do not answer"),
}
_SUPPRESSED: Mapping[str, Promise] = {
    "PREVIOUSLY_BOUNCED": gettext_lazy("an earlier message bounced"),
    "PREVIOUS_SPAM": gettext_lazy("its reader reported an earlier message as spam"),
    "BLOCKED_ADDRESS": gettext_lazy("it was added to the list by hand"),
}
_BARRED: Mapping[str, Promise] = {
    mailable.BOUNCED: gettext_lazy("mail to this address has bounced"),
    mailable.SPAM: gettext_lazy("its reader has reported mail as spam"),
    mailable.BLOCKED: gettext_lazy("the address has been suppressed by hand"),
    mailable.LEFT_ALL: gettext_lazy("its reader has unsubscribed"),
    mailable.LEFT_TYPE: gettext_lazy("its reader has unsubscribed from this type of mail"),
    mailable.QUARANTINED: gettext_lazy("the contact is in quarantine"),
    mailable.UNCONFIRMED: gettext_lazy("its reader has not confirmed the double opt-in"),
}
VALUES: Mapping[tuple[str, str], Mapping[str, Promise]] = {
    ("fallback", "because"): _SHUT,
    ("shaping", "because"): _SHUT,
    ("tls", "result"): _TLS_RESULTS,
    ("route", "status"): _DNS,
    ("policy", "reason"): _SUPPRESSED,
    ("policy", "barred"): _BARRED,
}


def tell_barred(code: str) -> str:
    """Why an address must not be mailed, as a sentence's beginning; empty for what is no such code."""
    return capfirst(str(_BARRED.get(code, "")))


def word(step: str, name: str, value: str) -> str | None:
    """What a decision's value means, in words; None where it needs none."""
    if (step, name) == ("shaping", "why"):
        return tell_wait(value)
    if (step, name) == ("source", "why"):
        return unready.told(value)
    if (step, name) == ("route", "why"):
        return tell_reply(value) or value
    if name in ("provider", "site"):
        return sites.named(value)
    known = VALUES.get((step, name))
    if known is None:
        return None
    if value in known:
        return str(known[value])
    if name == "because":  # a rule, by the name that the operator gave it
        return _("the rule “%(rule)s”") % {"rule": value}
    return _("another reason")

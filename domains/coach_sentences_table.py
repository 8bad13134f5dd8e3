"""The coach's sentences: code → what holds or what is missing, and what to do. Made when shown."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from domains.coach import Advice, Condition

ADVICE: dict[str, Promise] = {
    "start": _(
        "No DMARC policy is published. Publish the one below: it stops nothing and makes receivers "
        "report who sends in your name."
    ),
    "wait": _(
        "The policy is %(policy)s. Move on to %(next)s when everything below holds; until then "
        "mail of yours could be lost."
    ),
    "go": _("Everything holds. Publish %(next)s now: the record is below."),
    "done": _("The policy is reject: receivers refuse whatever is forged in your name."),
}
# (code, met) → sentence
CONDITIONS: dict[tuple[str, bool], Promise] = {
    ("records", True): _("Every required record is right."),
    ("records", False): _("A required record is not right. Correct it first."),
    ("reports", True): _("Reports come in."),
    ("reports", False): _(
        "No report has come for a week. Name %(address)s behind rua= in the DMARC record; the "
        "first reports come after a day or two."
    ),
    ("watched", True): _("Reports cover %(days)s days and %(messages)s messages."),
    ("watched", False): _(
        "Reports cover %(days)s days and %(messages)s messages. Wait until they cover %(wanted)s "
        "days and %(enough)s messages, so that what is sent seldom shows too."
    ),
    ("own_mail", True): _("%(rate)s %% of the mail from our IPs passes."),
    ("own_mail", False): _(
        "Of the %(messages)s messages reported from our IPs %(rate)s %% pass; it should be "
        "%(wanted)s %%."
    ),
    ("strangers", True): _("Unknown senders make %(share)s %% of the mail in your name."),
    ("strangers", False): _(
        "%(share)s %% of the mail in your name comes from senders nobody knows (%(sources)s IPs), "
        "and would be stopped. Look at them below: set up DKIM for those that are yours, and mark "
        "the others as strangers."
    ),
    ("log", True): _("No receiver refused your newest %(messages)s messages for authentication."),
    ("log", False): _(
        "Receivers refused %(refused)s of your newest %(messages)s messages for authentication; "
        "the message log has their words."
    ),
}
KINDS: dict[str, tuple[str, Promise, Promise]] = {
    "ours": ("ok", _("Ours"), _("Leaves from one of your IPs here.")),
    "authorised": ("ok", _("Authorised"), _("Another service that your DNS lets send.")),
    "forwarded": ("mute", _("Forwarded"), _("Mail of yours that somebody passed on.")),
    "unknown": ("warn", _("Unknown"), _("Neither DKIM nor SPF passes: find out who it is.")),
    "stranger": ("mute", _("Stranger"), _("Marked as not yours.")),
}
ALIGNMENT: dict[str, Promise] = {
    "aligned": _("DMARC passes: the DKIM signature and the return path are both of From’s domain."),
    "dkim_only": _("DMARC passes by the DKIM signature alone; the return path does not align."),
    "spf_only": _("DMARC passes by the return path alone; the DKIM record is not right."),
    "fails": _("DMARC fails: neither the DKIM nor the SPF record of the From domain is right."),
}


def tell_advice(advice: Advice) -> str:
    """What to do about the policy, in the language of now."""
    return str(ADVICE[advice.code]) % {"policy": advice.policy, "next": advice.next}


def tell_condition(condition: Condition) -> str:
    """What holds, or what is missing."""
    return str(CONDITIONS[condition.code, condition.met]) % condition.data


def tell_alignment(stored: Mapping[str, Any]) -> str:
    """The sentence of an alignment as kept with a message; empty where it is unknown."""
    return str(ALIGNMENT.get(str(stored.get("code", "")), ""))

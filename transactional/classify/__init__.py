"""What a reply or a report says about an address: the only place that tells hard from soft.

RFC 3463 (enhanced status codes), RFC 3464 §2.3 (Status and Diagnostic-Code of a report).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from transactional.wire.reply import Reply, ReplyClass, Stage, classify

# A bounce's category by its reply's class; only a hard one says that the address is no good
CATEGORIES: Mapping[ReplyClass, str] = {
    ReplyClass.BAD_RECIPIENT: "hard",
    ReplyClass.DNS: "hard",
    ReplyClass.MAILBOX_FULL: "soft",
    ReplyClass.GREYLISTED: "soft",
    ReplyClass.THROTTLED: "soft",
    ReplyClass.TEMPORARY: "soft",
}
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_DIAGNOSTIC = re.compile(r"\s*+([45]\d\d)[ \-]?+\s*+(?:#?([45]\.\d{1,3}\.\d{1,3})\s*+)?")
_NOBODY = re.compile(
    r"(?:user|recipient|mailbox|account|address)[^.;]{0,40}(?:unknown|not found|not exist|disabled)"
    r"|(?:unknown|no such|invalid) (?:local )?(?:user|recipient|mailbox|account|address)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Bounce:
    """Why a recipient failed: `hard` (no such address), `soft` (a good one) or `block` (us)."""

    category: str
    reply_class: ReplyClass


def category(reply_class: ReplyClass) -> str:
    """The category of a failure whose reply is of this class."""
    return CATEGORIES.get(reply_class, "block")


def bounce(*, status: str, diagnostic: str) -> Bounce:
    """Judge the failure that a report tells of, by its Status and Diagnostic-Code fields."""
    text = diagnostic.partition(";")[2] if ";" in diagnostic[:40] else diagnostic
    said = _DIAGNOSTIC.match(text)
    code = int(said[1]) if said else 0
    enhanced = _specific(status) or _specific((said and said[2]) or "")
    if enhanced.startswith("4") or (not enhanced and 400 <= code < 500):
        # given up on after many tries: nothing is known against the address
        reply = Reply(code if 400 <= code < 500 else 450, enhanced or None, (text,))
    elif not enhanced and _NOBODY.search(text):
        reply = Reply(550, "5.1.1", (text,))
    else:
        reply = Reply(code if code >= 500 else 554, enhanced or None, (text,))
    # At a later stage than RCPT the bare code 550 says nothing of the address
    found = classify(reply, stage=Stage.DOT)
    return Bounce(category(found), found)


def _specific(status: str) -> str:
    """An enhanced code that says something: x.0.0 is what reporters write when they do not know."""
    found = _STATUS.search(status)
    return found[0] if found and not found[0].endswith(".0.0") else ""

"""From a reply or a report to its reason and category: pure, and never raises.

RFC 3463 and RFC 7372 (enhanced status codes), RFC 7505 (null MX), RFC 5321 §4.2 (reply codes).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from transactional.classify import phrases
from transactional.classify.reasons import CATEGORY, Category, Reason
from transactional.wire.reply import Reply, Stage

READ_MAX = 2_000  # characters of a text that are judged: what matters stands first


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why mail failed, and the category that says what to do about it."""

    reason: Reason
    category: Category


_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")
_CODE = re.compile(r"(?<![\d.\-])([45]\d\d)(?=[ \-:]|$|\.(?!\d))")
_ADDRESS = re.compile(r"<?[^\s<>@,;:()\[\]\"']{1,64}@[^\s<>,;:()\[\]\"']{0,255}>?")
_HOST = re.compile(
    r"(?:https?://\S{1,300}|(?<![\w.])(?:[a-z0-9\-]{1,63}\.){1,8}[a-z]{2,24}(?![\w.]))"
)
# What mail programs write around a reply: of who spoke and when, not of why
_FRAME = re.compile(
    r"smtp error from remote (?:mail )?(?:server|mailer)(?: (?:after|in reply to) [a-z ]{1,30}:?)?"
    r"|remote (?:host|server|mail server|smtp server) (?:said|responded|returned|replied|answered)"
    r"|in (?:reply|response) to (?:the )?[a-z ]{2,30}command"
)
_LISTS = re.compile(r"spamhaus|spamcop|sorbs|barracudacentral|abuseat|uceprotect|senderscore|spfbl")
_STAGES: Sequence[tuple[str, Stage]] = (
    ("end of data", Stage.DOT),
    ("data command", Stage.DATA),
    ("end of message", Stage.DOT),
    ("rcpt to", Stage.RCPT),
    ("rcpt command", Stage.RCPT),
    ("mail from", Stage.MAIL),
    ("helo command", Stage.EHLO),
    ("ehlo", Stage.EHLO),
    ("initial connection", Stage.BANNER),
)
# Said of nobody but the sender: a "user unknown" beside it is what the reporter made of it
_SURELY_US = frozenset({Reason.AUTH_FAILURE, Reason.REQUIRE_PTR, Reason.VIRUS_DETECTED})
# What we are to repair, by Gmail and Microsoft (RFC 7372, RFC 8689 and numbers of their own): why they
# slow us down for it says more than that they do
_TO_REPAIR = frozenset(
    {"7.20", "7.21", "7.22", "7.23", "7.24", "7.25", "7.26", "7.27", "7.29", "7.30", "7.32", "7.40",
     "7.509", "7.515"}
)  # fmt: skip
_STOPPED = re.compile(
    r"\[tss?\d\d\]"
)  # Yahoo's marks for "no more mail from this IP", for now or for good
_NULL_MX = ("null mx", "nullmx", "record indicated no smtp service")
_SAYS_LITTLE = frozenset({Reason.UNDEFINED, Reason.ON_HOLD})
_EARLY = frozenset({Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS, Stage.MAIL})

# RFC 3463 subject.detail; what is not named falls back to the subject alone
_BY_STATUS: Mapping[str, Reason] = {
    "1.0": Reason.USER_UNKNOWN,
    "1.1": Reason.USER_UNKNOWN,
    "1.2": Reason.HOST_UNKNOWN,
    "1.3": Reason.USER_UNKNOWN,
    "1.4": Reason.FILTERED,
    "1.6": Reason.HAS_MOVED,
    "1.7": Reason.REJECTED,
    "1.8": Reason.REJECTED,
    "1.9": Reason.SYSTEM_ERROR,
    "1.10": Reason.NOT_ACCEPT,
    "2.1": Reason.SUSPEND,
    "2.2": Reason.MAILBOX_FULL,
    "2.3": Reason.EXCEED_LIMIT,
    "3.1": Reason.SYSTEM_FULL,
    "3.2": Reason.NOT_ACCEPT,
    "3.4": Reason.MESG_TOO_BIG,
    "4.3": Reason.SYSTEM_ERROR,
    "4.5": Reason.SPEEDING,
    "4.6": Reason.SYSTEM_ERROR,
    "4.7": Reason.EXPIRED,
    "5.3": Reason.SPEEDING,
    "7.4": Reason.SECURITY_ERROR,
    "7.5": Reason.SECURITY_ERROR,
    "7.8": Reason.SECURITY_ERROR,
    "7.9": Reason.SECURITY_ERROR,
    "7.10": Reason.FAILED_STARTTLS,
    "7.13": Reason.SUSPEND,
    "7.17": Reason.HAS_MOVED,
    "7.20": Reason.AUTH_FAILURE,
    "7.21": Reason.AUTH_FAILURE,
    "7.22": Reason.AUTH_FAILURE,
    "7.23": Reason.AUTH_FAILURE,
    "7.24": Reason.AUTH_FAILURE,
    "7.25": Reason.REQUIRE_PTR,
    "7.26": Reason.AUTH_FAILURE,
    "7.27": Reason.REJECTED,
    "7.28": Reason.SPEEDING,
    "7.29": Reason.FAILED_STARTTLS,
    "7.30": Reason.FAILED_STARTTLS,
    "7.32": Reason.AUTH_FAILURE,
    "7.40": Reason.AUTH_FAILURE,
    "7.515": Reason.AUTH_FAILURE,
    "7.606": Reason.BLOCKED,
    "7.509": Reason.AUTH_FAILURE,
}
_BY_SUBJECT: Mapping[str, Reason] = {
    "2": Reason.FILTERED,
    "3": Reason.SYSTEM_ERROR,
    "4": Reason.NETWORK_ERROR,
    "5": Reason.SYNTAX_ERROR,
    "6": Reason.CONTENT_ERROR,
    "7": Reason.REJECTED,
}
_BY_CODE: Mapping[int, Reason] = {
    500: Reason.SYNTAX_ERROR,
    501: Reason.SYNTAX_ERROR,
    502: Reason.SYNTAX_ERROR,
    503: Reason.SYNTAX_ERROR,
    504: Reason.SYNTAX_ERROR,
    521: Reason.NOT_ACCEPT,
    530: Reason.SECURITY_ERROR,
    535: Reason.SECURITY_ERROR,
    552: Reason.MAILBOX_FULL,
    554: Reason.REJECTED,
    556: Reason.NOT_ACCEPT,
    571: Reason.BLOCKED,
}


def reply(said: Reply, *, stage: Stage) -> Verdict:
    """The verdict on a server's own answer at `stage`."""
    return _judge(said.text, code=said.code, status=said.enhanced or "", stage=stage)


def report(*, status: str = "", diagnostic: str = "", text: str = "") -> Verdict:
    """The verdict on a failure that a report tells of: its Status and what the server said.

    Where these say little, the report's `text` for people is read too.
    """
    if not (status.strip() or diagnostic.strip() or text.strip()):
        return Verdict(Reason.UNDEFINED, Category.UNDETERMINED)
    found = _report(status[:READ_MAX], diagnostic[:READ_MAX])
    if found.reason in _SAYS_LITTLE and text.strip():
        further = _report(status[:READ_MAX], text[:READ_MAX])
        if further.reason is not Reason.UNDEFINED:
            return further
    return found


@lru_cache(maxsize=128)  # a report of many recipients says the same of each
def _report(status: str, text: str) -> Verdict:
    lower = text.lower()
    stage = next((stage for words, stage in _STAGES if words in lower), None)
    code = _CODE.search(text)
    # What the far server wrote is nearer to the truth than what the reporter made of it
    said = _specific(text) or _specific(status) or _generic(status)
    return _judge(text, code=int(code[1]) if code else 0, status=said, stage=stage)


def _specific(text: str) -> str:
    """The first enhanced code that says something: x.0.0 is written by those who do not know."""
    for found in _STATUS.finditer(text):
        if found[1] != "2" and (found[2], found[3]) != ("0", "0"):
            return f"{found[1]}.{int(found[2])}.{int(found[3])}"
    return ""


def _generic(text: str) -> str:
    found = _STATUS.search(text)
    return found[0] if found else ""


def plain(text: str) -> str:
    """A text as `phrases` wants it."""
    small = " ".join(text[:READ_MAX].lower().split())
    if "@" in small:
        small = _ADDRESS.sub(" @ ", small)
    small = _FRAME.sub(" ", _HOST.sub(" ", small))
    small = small.replace("'", "").replace("’", "").replace('"', "").replace("_", " ")
    return " ".join(small.replace("<", " ").replace(">", " ").replace("*", " ").split())


def _judge(text: str, *, code: int, status: str, stage: Stage | None) -> Verdict:
    words = plain(text)
    detail = status.partition(".")[2]
    early = stage in _EARLY
    reason = _to_repair(words, detail)
    if reason is None:
        reason = _by_words(words, text.lower(), detail, early=early)
    if reason is None:
        reason = _by_codes(code, status, detail, stage)
    elif (
        reason is Reason.USER_UNKNOWN
        and ("unavailable" in words or "temporar" in words)
        and _is_temporary(code, status)
    ):
        reason = Reason.ON_HOLD  # RFC 5321's own words for a mailbox that is busy
    elif reason is Reason.HOST_UNKNOWN and (
        status.startswith("4") or "try again" in words or "temporar" in words
    ):
        reason = Reason.NETWORK_ERROR  # its name server did not answer: it may well exist
    return Verdict(reason, _category(reason, code, status, words))


def _category(reason: Reason, code: int, status: str, words: str) -> Category:
    if reason is Reason.NOT_ACCEPT and (
        code == 556 or status == "5.1.10" or any(one in words for one in _NULL_MX)
    ):
        return Category.HARD  # the domain itself says that it takes no mail at all
    return CATEGORY[reason]


def _is_temporary(code: int, status: str) -> bool:
    return status.startswith("4") or (not status and 400 <= code < 500)


def _to_repair(words: str, detail: str) -> Reason | None:
    """Why a receiver slows us down, or will have none of it, where its code says that it tells."""
    if detail not in _TO_REPAIR and "limited because" not in words:
        return None
    cause = _first(words, phrases.TO_REPAIR)
    if cause is None and _first(words, phrases.PACE) is Reason.SPEEDING:
        cause = _BY_STATUS.get(detail)
    return cause


def _by_words(words: str, raw: str, detail: str, *, early: bool) -> Reason | None:
    against = _first(words, phrases.PACE) or _first(words, phrases.AGAINST_SENDER)
    if against is None and (_LISTS.search(raw) or _STOPPED.search(raw)):
        against = Reason.BLOCKED
    nobody = not early and _is_nobody(words)
    if against is not None and (
        against in _SURELY_US or not (nobody and detail in ("1.1", "1.0", "1.3"))
    ):
        return against
    sure = _first(words, phrases.MAILBOX)
    if sure is not None:
        return sure
    if phrases.NOWHERE.search(words):
        return Reason.REJECTED if early else Reason.HOST_UNKNOWN
    if nobody:
        return Reason.USER_UNKNOWN
    if detail in _BY_STATUS:
        return None  # a code that says this much outweighs what follows
    return _first(words, phrases.SYSTEM) or _first(words, phrases.WEAK)


def _is_nobody(words: str) -> bool:
    return phrases.NOBODY.search(words) is not None or any(
        one in words for one in phrases.NOBODY_PHRASES
    )


def _first(words: str, table: Sequence[phrases.Phrases]) -> Reason | None:
    for reason, said in table:
        for one in said:
            if one in words:
                return reason
    return None


def _by_codes(code: int, status: str, detail: str, stage: Stage | None) -> Reason:
    """What the numbers say, where the words said nothing."""
    early = stage in _EARLY
    found = _BY_STATUS.get(detail) or _BY_SUBJECT.get(detail.partition(".")[0])
    if found is Reason.USER_UNKNOWN and early:
        return Reason.REJECTED
    if found in (Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN) and _is_temporary(code, status):
        return Reason.ON_HOLD  # a number alone, and one that says to come back
    if detail == "4.4":
        return Reason.NETWORK_ERROR if status.startswith("4") else Reason.HOST_UNKNOWN
    if found is not None:
        return found
    if code >= 500 and early:
        return Reason.BLOCKED
    if code == 552 and stage in (Stage.BODY, Stage.DOT):
        return Reason.MESG_TOO_BIG
    if code in (550, 551, 553):
        # at RCPT it is the address that is refused; elsewhere it may be anything
        return Reason.USER_UNKNOWN if stage is Stage.RCPT else Reason.UNDEFINED
    if code in _BY_CODE:
        return _BY_CODE[code]
    return Reason.ON_HOLD if 400 <= code < 500 else Reason.UNDEFINED

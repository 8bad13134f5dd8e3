"""The only place that reads bounces of any form: RFC 3464 reports, and the free texts of mail
programs that never heard of it. A pure reading; what it means is for `classify`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from transactional.wire import notice_text
from transactional.wire.autoreply import is_automatic, is_challenge, is_vacation_text
from transactional.wire.dsn import DsnRecipient, read_dsn
from transactional.wire.encoded_word import decode_words
from transactional.wire.header import RawHeader
from transactional.wire.notice_text import first_value
from transactional.wire.parts import Part
from transactional.wire.report import read_parts

_DAEMON = re.compile(
    r"mailer[\-_ ]?daemon|postmaster|mdaemon|mail[\-_. ]?(?:delivery|system|administrator|admin)\b"
    r"|delivery[\-_ ]?(?:subsystem|system|service)|system administrator|jetmail|symantec|imss@"
    r"|mail ?router|bounce",
    re.I,
)
# Read in lower case: to search without re.I takes an eighth of the time
_SUBJECT = re.compile(
    r"undeliver|non-?deliver|not delivered|not be delivered|deliver\w* (?:problem|failure|fail|error|warning|delay|status|report|notification)"
    r"|failed mail|mail (?:delivery )?(?:failed|failure|error|delivery)|failure (?:notice|delivery)"
    r"|returned (?:mail|to sender|email)|returning (?:message )?to sender|message (?:\S+ )?delayed|delayed mail"
    r"|mail system error|processing error|user unknown|could not (?:be )?(?:sent|deliver)|bounce|rejected mail"
    r"|mancata consegna|impossibile recapitare|unzustellbar|nicht zustellbar|non remis|échec|devuelto|no entregado"
    r"|недоставлен|сообщение не доставлено|配信|返回|退信|退回",
)
_BODY = re.compile(
    r"(?:could|can|was|were|has|have|did|will)\s?(?:not|n[o']t)\s+(?:(?:yet|be|been|able to)\s+)*(?:deliver|reach|receive|transmit|sent|process)"
    r"|(?:not|un)\s?able\s+to\s+(?:be\s+)?(?:deliver|send)|undeliver|delivery\s+(?:to|has|failed|of|attempt)|delivery fail|failed (?:recipient|address)"
    r"|permanent (?:fatal )?error|has been (?:delayed|postponed|returned)|was (?:automatically )?rejected|returned (?:to|because)"
    r"|error was detected while processing|encountered (?:an error|delivery problems)|not (?:yet )?been delivered|not delivered"
    r"|addresses had|did not (?:exactly )?(?:match|receive)|no longer valid|unknown user|user unknown|no such user|invalid final"
    r"|mailbox is full|delivery failed|not a valid (?:user|e-?mail|address|mailbox|recipient)|is not a valid|non è stat[oa] (?:possibile )?(?:consegn|recapit)|impossibile (?:consegnare|recapitare)"
    r"|mancata consegna|konnte nicht (?:zugestellt|übermittelt)|nicht zugestellt|n'a pas pu|pas (?:été|etre|être) (?:remis|deliv)|no (?:pudo|ha podido) ser entregado"
    r"|доставлен|届け|配信でき|送信でき|无法(?:发送|投递)|無法|退信",
)
_LATE = re.compile(
    r"delayed|not yet (?:been )?deliver|has not been deliver\w+ yet|warning (?:message )?only|just a warning|will be retried"
    r"|will continue|continue (?:trying|to (?:try|attempt|be made))|attempts will (?:be|continue)|postponed|still being retried|advisory-only",
)


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail about a mail: whom it names, and its words for people.

    `automatic`: nothing failed, a program answered (a vacation, a receipt). Texts are claims of
    the sender; `text` is cut before the returned message.
    """

    recipients: tuple[DsnRecipient, ...] = ()
    text: str = ""
    automatic: bool = False


def read_notice(raw: bytes) -> Notice:
    """Read what came back. Lenient, never raises: no recipients when it is no bounce."""
    parts = read_parts(raw)
    return _read(_unwrapped(parts)) if parts else Notice()


def _unwrapped(parts: Sequence[Part]) -> Sequence[Part]:
    """The report within, where a gateway passes one on as an attachment of its own mail."""
    for part in parts[1:]:
        if part.media_type == "message/rfc822":
            inner = read_parts((part.decoded() or b"").lstrip(b"\r\n"))
            if inner and inner[0].media_type == "multipart/report" and _is_daemon(inner[0].headers):
                return inner
    return parts


def _read(parts: Sequence[Part]) -> Notice:
    headers = parts[0].headers
    text = notice_text.visible(parts)
    reported = tuple(one for one in read_dsn(parts) if one.action)
    if is_challenge(text) and not any(one.status.startswith("5") for one in reported):
        return Notice(text=text, automatic=True)
    if reported:
        words = notice_text.Words(text)
        return Notice(tuple(_told(one, words) for one in reported), text)
    if is_automatic(headers, parts[0].media_type, parts[0].parameters) and not _is_daemon(headers):
        return Notice(text=text, automatic=True)
    if _is_bounce(parts, headers, text):
        return Notice(_free_form(headers, text), text)
    return Notice(text=text, automatic=is_vacation_text(headers, text))


def _told(one: DsnRecipient, words: notice_text.Words) -> DsnRecipient:
    """A report without a Diagnostic-Code often gives the reply in its words for people."""
    if one.diagnostic:
        return one
    said = words.diagnostic(one.final_recipient or one.original_recipient)
    return replace(one, diagnostic=said)


def _is_daemon(headers: Sequence[RawHeader]) -> bool:
    sender = first_value(headers, "from")
    path = first_value(headers, "return-path")
    return _DAEMON.search(sender) is not None or path in ("<>", "< >") or "<>" in sender


def _is_bounce(parts: Sequence[Part], headers: Sequence[RawHeader], text: str) -> bool:
    if first_value(headers, "x-failed-recipients"):
        return True
    subject = _SUBJECT.search(decode_words(first_value(headers, "subject")).lower())
    report = parts[0].media_type == "multipart/report"
    hints = sum((bool(subject), _is_daemon(headers), report))
    return hints >= (1 if _BODY.search(text.lower()) else 2)


def _free_form(headers: Sequence[RawHeader], text: str) -> tuple[DsnRecipient, ...]:
    named = notice_text.recipients(headers, text) or ("",)
    subject = decode_words(first_value(headers, "subject"))
    late = _LATE.search(text.lower()) or _LATE.search(subject.lower())
    words = notice_text.Words(text)
    made = []
    for address in named:
        said = words.diagnostic(address)
        made.append(
            DsnRecipient(
                final_recipient=address,
                action="delayed" if late else "failed",
                status=notice_text.status(said),
                diagnostic=said,
            )
        )
    return tuple(made)

"""The only place that reads a bounce's words for people: where they end, whom they name, and
which of them are the server's reply.
"""

import html
import re
from collections.abc import Iterator, Sequence

from transactional.wire import charset
from transactional.wire.header import RawHeader, unfold
from transactional.wire.parts import Part

TEXT_MAX = 12_000  # characters that are read: reasons stand first, the returned mail last
SAID_MAX = 1_000
RECIPIENTS_MAX = 50
LINES_MAX = 10

_LINE_TAG = re.compile(r"(?i)<\s*(?:br|/p|/div|/tr|/li|/h\d|hr|/td)\b[^<>]{0,200}>")
_TAG = re.compile(r"<[/!]?[a-zA-Z][^<>@]{0,500}>")
_IGNORED = re.compile(r"(?is)<(script|style|title)\b.{0,4000}?</\1\s*>")
# Where the returned message, or its header, begins
_END = re.compile(
    r"(?im)^[^\w\r\n]*(?:(?:this|here|below|included|the following|a copy|enclosed) (?:is |this line is |the next line is |line is |of )*(?:a |the )?(?:copy|header|original|text|first)\b"
    r"|below this line|below the next line|(?:the )?original (?:message|mail)\b|(?:your )?returned (?:message|mail)\b|unsent message|undelivered message headers"
    r"|(?:the )?header of the (?:original|source)|message (?:headers?|body|text) (?:follow|suppress)|(?:forwarded|old|attached) message|start of returned|the (?:first|header and top) \d+ lines"
    r"|the header and top|your message reads|a summary of the undelivered|mensaje original|messaggio originale|attachment is a copy"
    r"|(?:received|return-path|mime-version):[ \t]\S)[^\r\n]*"
)
_ADDRESS = (
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.\-]{0,250}[A-Za-z0-9])?"
)
_ANY = re.compile(_ADDRESS)
_LEADING = re.compile(rf"(?m)^[ \t>*\-\"'\[(|]*<?(?:mailto:|smtp:)?({_ADDRESS})", re.I)
_LABELLED = re.compile(
    r"(?:original(?:ly)? addressed to|original address:|recipient address:|intended recipient:|failed recipient:|recipient:|recipients?:|addressed to(?: email address)?"
    r"|error-for:|unknown user:|userid:|undeliverable to|undeliverable address:|rcpt to:|your (?:mail|message) to|message to|delivered to|delivery to|attempts:|smtp[=:]|generated from"
    r"|expanded from:?|mailbox is full:|local mailbox|email to this address|did not reach the following recipient:|quota violation for|following address(?:es)?:?|destinatario:?|to the following recipients?:?)"
    rf"[\s:\-]{{0,8}}[<\[\"'(]{{0,3}}(?:smtp:|mailto:)?[<]?({_ADDRESS})",
    re.I,
)
_QUOTED_HEADER = re.compile(
    r"(?im)^[ \t>]*(?:to|cc|from|subject|sent|date|reply-to|message-id|de|para):[^\r\n]*$"
)
_SENDER = re.compile(
    rf"(?:mail from|return-path|sender|a message from)[ \t:=]{{1,4}}<?({_ADDRESS})", re.I
)
_OF_SYSTEMS = re.compile(
    r"(?i)^(?:mailer-daemon|postmaster|support|abuse|helpdesk|hostmaster|noreply|no-reply)@"
)
_SAID = re.compile(
    r"(?:^|[\s>:\"(\[#])[45]\d\d(?:[ \-:]+)(?=[^\d\s])|(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.])|\berror code \d{3}",
    re.I,
)
_STATUS = re.compile(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?!\.?\d)")
_RULE = re.compile(r"^[\W_]*$")
_POLITE = re.compile(
    r"(?i)permanent error|automatically|please|further assistance|contact|apolog|sorry it didn|i'm afraid|no action is required|you do not need"
)


def visible(parts: Sequence[Part]) -> str:
    """The words of the first text of a message, without the message it returns."""
    best = ""
    for part in parts:
        if part.is_container or part.media_type not in ("text/plain", "text/html", ""):
            continue
        body = part.decoded()
        if body is None:
            body = part.raw[part.body : part.end]
        text = charset.lenient(body[: 4 * TEXT_MAX], part.parameters.get("charset"))
        if part.media_type == "text/html":
            text = _bare(text)
        best = cut(text[:TEXT_MAX])
        if best.strip():
            break
    return best


def _bare(markup: str) -> str:
    text = _LINE_TAG.sub("\n", _IGNORED.sub(" ", markup[: 3 * TEXT_MAX]))
    return html.unescape(_TAG.sub(" ", text)).replace("\xa0", " ")


def cut(text: str) -> str:
    """What stands before the returned message, with LF line ends."""
    clean = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    for found in _END.finditer(clean):
        if clean[: found.start()].strip():  # some begin with such a line
            return clean[: found.start()]
    return clean


def recipients(headers: Sequence[RawHeader], text: str) -> tuple[str, ...]:
    """The addresses that a bounce names as failed, the likeliest first."""
    found = [
        one for value in all_values(headers, "x-failed-recipients") for one in _ANY.findall(value)
    ]
    if not found:
        own = {
            one.lower()
            for name in ("from", "to")
            for v in all_values(headers, name)
            for one in _ANY.findall(v)
        }
        own |= {one.lower() for one in _SENDER.findall(text)}
        body = _QUOTED_HEADER.sub("", text)
        for source, pattern in ((text, _LABELLED), (body, _LEADING), (body, _ANY), (text, _ANY)):
            if pattern is _ANY and found:
                break
            found += [one for one in pattern.findall(source) if not _is_own(one, own)]
    unique = {one.lower(): one for one in reversed(found)}
    return tuple(reversed(unique.values()))[:RECIPIENTS_MAX]


def _is_own(address: str, own: set[str]) -> bool:
    return address.lower() in own or _OF_SYSTEMS.match(address) is not None


def diagnostic(text: str, address: str) -> str:
    """The server's reply in a bounce's words: the lines with a code, else what follows the
    address, else the words as they are.
    """
    lines = text.split("\n")
    coded = list(_coded(lines))
    about = " ".join(coded) or " ".join(_after(lines, address))
    return " ".join((about or text).split())[:SAID_MAX]


def _coded(lines: Sequence[str]) -> Iterator[str]:
    """Lines with a 4xx or 5xx code, and what continues them."""
    going = 0
    for line in lines:
        if _SAID.search(line):
            going = LINES_MAX
        elif not line.strip() or _RULE.match(line):
            going = 0
        if going:
            yield line.strip()
            going -= 1


def _after(lines: Sequence[str], address: str) -> Iterator[str]:
    """The lines from the first one that names the address on, without courtesies."""
    if not address:
        return
    start = next((n for n, line in enumerate(lines) if address.lower() in line.lower()), None)
    if start is None:
        return
    taken = 0
    for number, line in enumerate(lines[start:]):
        if _RULE.match(line) or (number and _POLITE.search(line)):
            continue
        if number and _LEADING.match(line) and taken > 1:
            return  # the next recipient
        yield line.strip()
        taken += 1
        if taken >= LINES_MAX:
            return


def status(text: str) -> str:
    """The first enhanced status code in a text, or ""."""
    found = _STATUS.search(text)
    return found[0] if found else ""


def all_values(headers: Sequence[RawHeader], name: str) -> list[str]:
    """The values of a header that may be repeated, decoded leniently."""
    return [
        charset.lenient(unfold(h.value)).strip()[:998] for h in headers if h.name.lower() == name
    ]


def first_value(headers: Sequence[RawHeader], name: str) -> str:
    """The value of a header, or ""."""
    return next(iter(all_values(headers, name)), "")

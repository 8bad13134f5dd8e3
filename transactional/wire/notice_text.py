"""The only place that reads a bounce's words for people: where they end, whom they name, and
which of them are the server's reply.
"""

import html
import re
import string
from collections.abc import Iterable, Iterator, Sequence

from transactional.wire import charset
from transactional.wire.header import RawHeader, unfold
from transactional.wire.parts import Part

TEXT_MAX = 12_000  # characters that are read: reasons stand first, the returned mail last
SAID_MAX = 1_000
RECIPIENTS_MAX = 50
LINES_MAX = 10

_LINE_TAG = re.compile(r"(?i)<\s*(?:br|/p|/div|/tr|/li|/h\d|hr|/td)\b[^<>]{0,200}>")
_TAG = re.compile(r"<[/!]?[a-zA-Z][^<>@]{0,500}>")
_IGNORED = re.compile(r"(?i)<(script|style|title)\b")
_CLOSED = re.compile(r"(?i)</(script|style|title)\s*>")
IGNORED_MAX = 4_000  # characters of a style that are left out; what closes later closes nothing
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)  # keeps every place
# Where the returned message, or its header, begins
_END = re.compile(
    r"(?im)^[^\w\r\n]*+(?:(?:this|here|below|included|the following|a copy|enclosed) (?:is |this line is |the next line is |line is |of )*(?:a |the )?(?:copy|header|original|text|first)\b"
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
# This and _SENDER read small letters of ASCII: to search without re.I takes an eighth of the time
_LABELLED = re.compile(
    r"(?:original(?:ly)? addressed to|original address:|recipient address:|intended recipient:|failed recipient:|recipient:|recipients?:|addressed to(?: email address)?"
    r"|error-for:|unknown user:|userid:|undeliverable to|undeliverable address:|rcpt to:|your (?:mail|message) to|message to|delivered to|delivery to|attempts:|smtp[=:]|generated from"
    r"|expanded from:?|mailbox is full:|local mailbox|email to this address|did not reach the following recipient:|quota violation for|following address(?:es)?:?|destinatario:?|to the following recipients?:?)"
    rf"[\s:\-]{{0,8}}[<\[\"'(]{{0,3}}(?:smtp:|mailto:)?[<]?({_ADDRESS})"
)
_QUOTED_HEADER = re.compile(
    r"(?im)^[ \t>]*(?:to|cc|from|subject|sent|date|reply-to|message-id|de|para):[^\r\n]*$"
)
_SENDER = re.compile(
    rf"(?:mail from|return-path|sender|a message from)[ \t:=]{{1,4}}<?({_ADDRESS})"
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
    r"permanent error|automatically|please|further assistance|contact|apolog|sorry it didn|i'm afraid|no action is required|you do not need"
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
    text = _LINE_TAG.sub("\n", _shown(markup[: 3 * TEXT_MAX]))
    return html.unescape(_TAG.sub(" ", text)).replace("\xa0", " ")


def _shown(markup: str) -> str:
    """Markup without scripts, styles and title, in one walk: however many open, few need close."""
    ends: dict[str, list[re.Match[str]]] = {"script": [], "style": [], "title": []}
    for found in reversed(list(_CLOSED.finditer(markup))):
        ends[found[1].lower()].append(found)
    kept, after = [], 0
    for begin in _IGNORED.finditer(markup):
        left = ends[begin[1].lower()]
        while left and left[-1].start() < begin.end():
            left.pop()
        if begin.start() >= after and left and left[-1].start() - begin.end() <= IGNORED_MAX:
            kept.append(markup[after : begin.start()])
            after = left[-1].end()
    return " ".join([*kept, markup[after:]])


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
        small = text.translate(_SMALL)
        own |= set(_SENDER.findall(small))
        body = _QUOTED_HEADER.sub("", text)
        labelled = [text[slice(*one.span(1))] for one in _LABELLED.finditer(small)]
        found = [one for one in [*labelled, *_LEADING.findall(body)] if not _is_own(one, own)]
        for source in (body, text):
            found = found or [one for one in _anywhere(source) if not _is_own(one, own)]
    unique = {one.lower(): one for one in reversed(found)}
    return tuple(reversed(unique.values()))[:RECIPIENTS_MAX]


def _anywhere(text: str) -> Iterator[str]:
    for word in text.split():
        if "@" in word:
            yield from _ANY.findall(word)


def _is_own(address: str, own: set[str]) -> bool:
    return address.lower() in own or _OF_SYSTEMS.match(address) is not None


class Words:
    """A bounce's words, read once for however many recipients it names."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = text.split("\n")
        self._small = [line.lower() for line in self._lines]
        coded = _squeezed(_coded(self._lines))
        self._coded = coded[:SAID_MAX]
        self._whole = "" if coded else _squeezed([text])[:SAID_MAX]

    def diagnostic(self, address: str) -> str:
        """The server's reply: the lines with a code, else what follows the address, else the
        words as they are.
        """
        return self._coded or _squeezed(self._after(address.lower()))[:SAID_MAX] or self._whole

    def _after(self, address: str) -> Iterator[str]:
        """The lines from the first one that names the address on, without courtesies."""
        if not address:
            return
        start = next((n for n, line in enumerate(self._small) if address in line), None)
        if start is None:
            return
        taken = 0
        for number in range(start, len(self._lines)):
            line, further = self._lines[number], number > start
            if _RULE.match(line) or (further and _POLITE.search(self._small[number])):
                continue
            if further and taken > 1 and _LEADING.match(line):
                return  # the next recipient
            yield line.strip()
            taken += 1
            if taken >= LINES_MAX:
                return


def _squeezed(lines: Iterable[str]) -> str:
    return " ".join(" ".join(lines).split())


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

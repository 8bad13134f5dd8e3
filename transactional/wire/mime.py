"""The only place that builds message bytes: headers checked, parts encoded, CRLF (RFC 5322, 2045-2049)."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from transactional.wire.cte import encode_base64, encode_text
from transactional.wire.header import HeaderError, check_line

#: Headers nobody may set from outside: written by us, by the way the mail takes, or a leak.
RESERVED = frozenset(
    [
        "from",
        "sender",
        "to",
        "cc",
        "bcc",
        "reply-to",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "return-path",
        "received",
        "dkim-signature",
        "domainkey-signature",
        "authentication-results",
        "received-spf",
        "delivered-to",
        "list-unsubscribe",
        "list-unsubscribe-post",
        "feedback-id",
        "x-internal-id",
        "auto-submitted",
    ]
)
_RESERVED_PREFIXES = ("arc-", "content-", "resent-", "x-postino-", "original-")
#: RFC 5322 §3.6: at most one of each.
SINGLE = frozenset(
    [
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "message-id",
        "in-reply-to",
        "references",
        "subject",
        "date",
        "return-path",
        "mime-version",
    ]
)

_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,\-./:=?]{1,60}")
_MEDIA_TYPE = re.compile(r"(?!multipart/|message/)[a-z0-9][a-z0-9!#$&^_.+\-]*/[a-z0-9!#$&^_.+\-]+")
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.@]{1,200}")
_NEWLINE = re.compile(r"\r\n?")

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FILENAME_OCTETS = 200


class MimeError(ValueError):
    """A message that cannot be built, read or changed. `code` is stable, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that travels with the message. `content_id` makes it inline, for `cid:` in the HTML."""

    filename: str
    content: bytes
    content_type: str = "application/octet-stream"
    content_id: str = ""


def build(
    *,
    headers: Sequence[tuple[str, bytes]],
    text: str | None,
    html: str | None,
    boundary: str,
    attachments: Sequence[Attachment] = (),
    smtputf8: bool = False,
) -> bytes:
    """The whole message as bytes, the same for the same input: no clock, no randomness.

    `headers` are in order and already encoded (see wire.header); MIME-Version and Content-* are
    added here. `smtputf8` permits UTF-8 in header values. Raises HeaderError for a header that
    could break out or is there twice, MimeError for a boundary or attachment that cannot be.
    """
    if not _BOUNDARY.fullmatch(boundary):
        raise MimeError("boundary", "A boundary is 1 to 60 characters of RFC 2046.")
    head = _head(headers, smtputf8=smtputf8)
    body = _body(text, html, boundary, attachments)
    return b"".join((head, b"MIME-Version: 1.0\r\n", body))


def _head(headers: Iterable[tuple[str, bytes]], *, smtputf8: bool) -> bytes:
    lines: list[bytes] = []
    seen: set[str] = set()
    for name, value in headers:
        lower = name.lower()
        ours = lower.startswith("content-") and lower != "content-language"  # RFC 3282 §2
        if ours or lower in {"bcc", "mime-version"}:
            raise HeaderError("reserved", f"The {name} header is not set by the caller.")
        if lower in SINGLE:
            if lower in seen:
                raise HeaderError("duplicate", f"The {name} header is there twice.")
            seen.add(lower)
        lines.append(check_line(name, value, utf8=smtputf8))
    return b"".join(lines)


def _body(
    text: str | None, html: str | None, boundary: str, attachments: Sequence[Attachment]
) -> bytes:
    """The Content-* headers of the message, the blank line and the content."""
    inline = [a for a in attachments if a.content_id and html is not None]
    files = [a for a in attachments if a not in inline]
    parts: list[bytes] = []
    if text is not None or html is None:
        parts.append(_text_part("plain", text or ""))
    if html is not None:
        part = _text_part("html", html)
        if inline:
            related = [part, *(_attachment(a, inline=True) for a in inline)]
            part = _multipart("related", f"{boundary}r", related)
        parts.append(part)
    body = parts[0] if len(parts) == 1 else _multipart("alternative", f"{boundary}a", parts)
    if files:
        body = _multipart("mixed", f"{boundary}m", [body, *(_attachment(a) for a in files)])
    return body


def _text_part(subtype: str, content: str) -> bytes:
    plain = _NEWLINE.sub("\n", content) if "\r" in content else content
    encoding, body = encode_text(plain.encode("utf-8", "replace"))
    return b"Content-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n%b" % (
        subtype.encode(),
        encoding,
        body,
    )


def _multipart(subtype: str, boundary: str, parts: Iterable[bytes]) -> bytes:
    mark = boundary.encode()
    out = [b'Content-Type: multipart/%b;\r\n boundary="%b"\r\n\r\n' % (subtype.encode(), mark)]
    for part in parts:
        if b"--" + mark in part:
            raise MimeError("boundary", "The boundary occurs in the content.")
        out += (b"--", mark, b"\r\n", part, b"\r\n")
    out += (b"--", mark, b"--\r\n")
    return b"".join(out)


def _attachment(item: Attachment, *, inline: bool = False) -> bytes:
    media_type = item.content_type.lower()
    if len(media_type) > 127 or not _MEDIA_TYPE.fullmatch(media_type):
        raise MimeError("attachment-type", "This content type cannot be attached.")
    lines = [b"Content-Type: %b\r\nContent-Transfer-Encoding: base64\r\n" % media_type.encode()]
    lines.append(_disposition("inline" if inline else "attachment", safe_filename(item.filename)))
    if item.content_id:
        if not _CONTENT_ID.fullmatch(item.content_id):
            raise MimeError("content-id", "A content id is 1 to 200 printable ASCII characters.")
        lines.append(b"Content-ID: <%b>\r\n" % item.content_id.encode())
    return b"".join((*lines, b"\r\n", encode_base64(item.content)))


def safe_filename(name: str) -> str:
    """A file name no system takes for a path, a hidden file or another type; at most 200 octets."""
    base = re.split(r"[/\\]", name)[-1]
    base = "".join(" " if unicodedata.category(c) == "Zs" else c for c in base)
    kept = "".join(c for c in base if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    kept = re.sub(r'[<>:"|?*]', "_", kept).strip(" .")
    stem, dot, extension = kept.rpartition(".")
    room = _FILENAME_OCTETS - len((dot + extension).encode())
    if not stem or room < 1:
        stem, dot, extension, room = kept, "", "", _FILENAME_OCTETS
    return (stem.encode()[:room].decode(errors="ignore") + dot + extension) or "attachment"


def _disposition(kind: str, filename: str) -> bytes:
    """Content-Disposition, with RFC 2231 for names that are long or not ASCII."""
    head = f"Content-Disposition: {kind};\r\n "
    if filename.isascii() and len(filename) < 60:
        return f'{head}filename="{filename}"\r\n'.encode()
    coded = "utf-8''" + quote(filename, safe="!#$&+-.^_`|~")
    if len(coded) < 64:
        return f"{head}filename*={coded}\r\n".encode()
    pieces: list[str] = []
    while coded:
        cut = 60
        if len(coded) > cut:  # never inside a %XX
            cut -= next((back for back in (1, 2) if coded[cut - back] == "%"), 0)
        pieces.append(f"filename*{len(pieces)}*={coded[:cut]}")
        coded = coded[cut:]
    return (head + ";\r\n ".join(pieces) + "\r\n").encode()


def is_reserved(name: str) -> bool:
    """True for a header name that no caller of the API may set."""
    lower = name.lower()
    return lower in RESERVED or lower.startswith(_RESERVED_PREFIXES)


def format_date(moment: datetime) -> str:
    """The RFC 5322 §3.3 date of an aware datetime, in its own zone; ValueError for a naive one."""
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError("a Date header needs a datetime with a time zone")
    minutes = int(offset.total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    hours, minutes = divmod(abs(minutes), 60)
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]} {moment.year:04d}"
        f" {moment.hour:02d}:{moment.minute:02d}:{moment.second:02d} {sign}{hours:02d}{minutes:02d}"
    )

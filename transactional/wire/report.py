"""The only place that reads and writes multipart/report messages (RFC 6522) for dsn.py and arf.py."""

import re
from collections.abc import Sequence

from transactional.wire import charset
from transactional.wire.cte import encode_text
from transactional.wire.header import HeaderError, RawHeader, check_line, split_headers, unfold
from transactional.wire.mime import MimeError
from transactional.wire.parts import Part, normalise_eol, scan

#: Octets of a report that are looked at. What matters stands first; the returned message may be huge.
REPORT_MAX = 2_000_000
#: Characters kept of one field: it is shown to people and stored per event.
FIELD_MAX = 4_096
#: Groups of fields in one report: a DSN has one for each recipient.
GROUPS_MAX = 1_000

_TYPED = re.compile(r"[ \t]*[A-Za-z][A-Za-z0-9.\-]*[ \t]*;")

Fields = dict[str, list[str]]


def read_parts(raw: bytes) -> list[Part]:
    """The parts of a report, leniently: none when the message is a bomb or no MIME at all."""
    try:
        return scan(normalise_eol(raw[:REPORT_MAX].replace(b"\0", b"")), lenient=True).parts
    except MimeError:
        return []


def read_groups(part: Part) -> list[Fields]:
    """The groups of fields of a report part (RFC 3464 §2.1.1), names in lower case."""
    body = part.decoded()
    if body is None:
        return []
    groups: list[Fields] = []
    for block in normalise_eol(body.replace(b"\0", b"")).split(b"\r\n\r\n"):
        fields: Fields = {}
        for header in split_headers(block.lstrip(b"\r\n"), strict=False):
            text = charset.lenient(unfold(header.value))[:FIELD_MAX]
            fields.setdefault(header.name.lower(), []).append(text)
        if fields:
            groups.append(fields)
            if len(groups) > GROUPS_MAX:
                break
    return groups


def returned_headers(parts: Sequence[Part]) -> tuple[RawHeader, ...]:
    """The header of the message a report is about, as far as it was returned; else empty."""
    for part in parts[1:]:
        if part.media_type in ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers"):
            body = part.decoded() or b""
            head = normalise_eol(body[:REPORT_MAX].replace(b"\0", b"")).lstrip(b"\r\n")
            return tuple(split_headers(head, strict=False))
    return ()


def typed(value: str) -> str:
    """The value of a `type; value` field (RFC 3464 §2.1.2), or the whole when there is no type."""
    found = _TYPED.match(value)
    return value[found.end() :].strip() if found else value.strip()


def build_report(
    *,
    headers: Sequence[tuple[str, bytes]],
    kind: str,
    media_type: str,
    text: str,
    groups: Sequence[Sequence[tuple[str, str]]],
    original: bytes | None,
    headers_only: bool,
    boundary: str,
) -> bytes:
    """A multipart/report: a text for people, the groups of fields, the message it is about.

    `original` must have CRLF line ends. Raises HeaderError for a field that could break out,
    MimeError when the boundary occurs in the content.
    """
    mark = boundary.encode("ascii")
    head = b"".join(check_line(name, value) for name, value in headers)
    encoding, words = encode_text("\n".join(text.splitlines()).encode())
    parts = [
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n%b"
        % (encoding, words),
        b"Content-Type: %b\r\n\r\n%b" % (media_type.encode(), _fields(groups)),
    ]
    if original is not None:
        shown = original.partition(b"\r\n\r\n")[0] + b"\r\n" if headers_only else original
        wrapped = b"text/rfc822-headers" if headers_only else b"message/rfc822"
        parts.append(b"Content-Type: %b\r\n\r\n%b" % (wrapped, shown))
    if any(b"--" + mark in part for part in parts):
        raise MimeError("boundary", "The boundary occurs in the content.")
    body = b"".join(b"--%b\r\n%b\r\n" % (mark, part) for part in parts)
    return b"".join(
        (
            head,
            b"MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=%b;\r\n"
            % kind.encode(),
            b' boundary="%b"\r\n\r\n%b--%b--\r\n' % (mark, body, mark),
        )
    )


def _fields(groups: Sequence[Sequence[tuple[str, str]]]) -> bytes:
    return b"\r\n".join(
        b"".join(check_line(name, _ascii(value)) for name, value in group) for group in groups
    )


def _ascii(value: str) -> bytes:
    try:
        return value.encode("ascii")
    except UnicodeEncodeError as error:
        raise HeaderError("8bit", "A report field is ASCII; give addresses in A-labels.") from error

"""The only place that changes a submitted message: HTML, headers, encodings; all else stays byte-equal."""

from collections.abc import Callable, Sequence

from transactional.wire import charset, cte
from transactional.wire.header import check_line
from transactional.wire.inspection import Inspected, inspect, inspect_canonical, received_count
from transactional.wire.mime import MimeError
from transactional.wire.parts import Part, normalise_eol, scan

__all__ = [
    "Inspected",
    "MimeError",
    "inspect",
    "inspect_canonical",
    "normalise_eol",
    "received_count",
    "to_7bit",
    "transform",
]

_Edit = tuple[int, int, bytes]
_CTE = "content-transfer-encoding"


def transform(
    raw: bytes,
    *,
    html: Callable[[str], str] | None,
    drop_headers: frozenset[str] = frozenset(),
    add_headers: Sequence[tuple[str, bytes]] = (),
) -> bytes:
    """Return the message with every inline text/html part passed through `html`.

    The charset of a part stays (what it cannot say becomes `&#n;`), and so does 7bit where it still
    holds; any other encoding becomes a safe one. Headers of the message named in `drop_headers` (lower case) go, those of `add_headers`
    it lacks come to the end of its header. Attachments, enclosed messages, signed and encrypted
    parts keep their bytes. Body lines of over 998 octets are re-encoded, header lines folded.

    Raises MimeError (header-too-large, too-deep, too-many-parts, malformed, nul, line-too-long)
    and HeaderError for an added header that could break out.
    """
    raw = normalise_eol(raw)
    scanned = scan(raw)
    edits = _header_edits(scanned.parts[0], drop_headers, add_headers)
    long = cte.has_long_line(raw)
    for part in scanned.leaves():
        changed = _html_edits(part, html) if html and part.is_inline_html else []
        if (
            not changed
            and long
            and not part.is_protected
            and cte.has_long_line(raw, part.body, part.end)
        ):
            changed = _reencoded(part)
        edits += changed
    changed_raw = _apply(raw, edits)
    if long and cte.has_long_line(changed_raw):
        raise MimeError("line-too-long", "A line has over 998 octets and may not be changed.")
    return changed_raw


def to_7bit(raw: bytes) -> bytes:
    """Re-encode 8-bit content for a peer without 8BITMIME; to be done before signing.

    Headers are left alone: UTF-8 in them needs SMTPUTF8. Raises MimeError, "needs-8bitmime" when
    a signed or encrypted part holds 8-bit octets.
    """
    if raw.isascii():
        return raw
    edits: list[_Edit] = []
    for part in scan(raw, into_messages=True).parts:
        if part.is_container:
            if part.encoding in ("8bit", "binary"):
                edits += _encoding_edits(part, b"7bit")
        elif not raw[part.body : part.end].isascii():
            if part.is_protected:
                raise MimeError("needs-8bitmime", "A signed or encrypted part holds 8-bit octets.")
            edits += _reencoded(part)
    return _apply(raw, edits)


def _header_edits(top: Part, drop: frozenset[str], add: Sequence[tuple[str, bytes]]) -> list[_Edit]:
    edits: list[_Edit] = []
    present: set[str] = set()
    at = top.start
    for header in top.headers:
        name = header.name.lower()
        if name in drop:
            edits.append((at, at + len(header.raw), b""))
        else:
            present.add(name)
            if cte.has_long_line(header.raw):
                edits.append((at, at + len(header.raw), _folded(header.raw)))
        at += len(header.raw)
    lines = [check_line(name, value) for name, value in add if name.lower() not in present]
    if lines:
        # a message that ends within its header may lack the last CRLF
        lead = b"" if top.raw.endswith(b"\r\n", top.start, at) else b"\r\n"
        edits.append((at, at, lead + b"".join(lines)))
    return edits


def _folded(raw: bytes) -> bytes:
    """A header field with a fold put before spaces of its own, where its lines are too long.

    RFC 5322 §2.2.3: unfolded it is the same. A run without a space stays as long as it is.
    """
    lines: list[bytes] = []
    for line in raw.split(b"\r\n"):
        rest = line
        while len(rest) > cte.LINE_MAX:
            at = max(rest.rfind(b" ", 1, cte.LINE_MAX), rest.rfind(b"\t", 1, cte.LINE_MAX))
            if at < 1 or not rest[:at].strip() or not rest[at:].strip():
                break  # a line of spaces alone would end the header for some readers
            lines.append(rest[:at])
            rest = rest[at:]
        lines.append(rest)
    return b"\r\n".join(lines)


def _html_edits(part: Part, html: Callable[[str], str]) -> list[_Edit]:
    """Pass one HTML part through the callback; nothing when it cannot be read or did not change."""
    data = part.decoded()
    codec = charset.codec(part.parameters.get("charset") or "us-ascii")
    if not data or codec is None:
        return []
    try:
        text = charset.decode(data, codec)
    except UnicodeDecodeError:
        return []
    changed = html(text)
    if changed == text:
        return []
    return _body_edits(part, charset.encode(changed, codec), charset.is_ascii_compatible(codec))


def _reencoded(part: Part) -> list[_Edit]:
    """The same content in an encoding of short 7-bit lines."""
    data = part.decoded()
    if data is None:
        return []
    codec = charset.codec(part.parameters.get("charset") or "us-ascii")
    is_text = part.media_type.startswith("text/") and not part.is_attachment
    return _body_edits(part, data, is_text and bool(codec and charset.is_ascii_compatible(codec)))


def _body_edits(part: Part, data: bytes, as_text: bool) -> list[_Edit]:
    if as_text and part.encoding == "7bit" and data.isascii() and not cte.has_long_line(data):
        return [(part.body, part.end, data)]  # as its author wrote it
    encoding = b"base64"
    unix = data.replace(b"\r\n", b"\n")
    pairs = len(data) - len(unix)
    # Bare line ends inside encoded text would come back as CRLF; base64 keeps them.
    bare = b"\r" in unix or unix.count(b"\n") != pairs
    if as_text and not bare and part.encoding != "base64":
        encoding, body = cte.encode_text(unix)
    else:
        body = cte.encode_base64(data)
    if encoding == b"base64" and part.end < len(part.raw):
        body = body[:-2]  # the boundary brings its own line end
    return [*_encoding_edits(part, encoding), (part.body, part.end, body)]


def _encoding_edits(part: Part, encoding: bytes) -> list[_Edit]:
    """Name the transfer encoding in the part's header; leaves a header that says so already."""
    line = b"Content-Transfer-Encoding: %b\r\n" % encoding
    at = part.start
    for header in part.headers:
        if header.name.lower() == _CTE:
            if part.encoding.encode() == encoding:
                return []
            return [(at, at + len(header.raw), line)]
        at += len(header.raw)
    return [(at, at, line)]


def _apply(raw: bytes, edits: list[_Edit]) -> bytes:
    if not edits:
        return raw
    out: list[bytes] = []
    copied = 0
    for start, end, new in sorted(edits, key=lambda edit: (edit[0], edit[1])):
        out += (raw[copied:start], new)
        copied = end
    out.append(raw[copied:])
    return b"".join(out)

"""The only place for content transfer encodings: quoted-printable and base64 (RFC 2045 §6)."""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp, b2a_base64, b2a_qp

#: RFC 5322 §2.1.1, without the CRLF; RFC 2045 §6.7 and §6.8 encode to lines of 76.
LINE_MAX = 998
_BASE64_BYTES = 57  # 76 characters

_OVERFULL = re.compile(rb"^([^\n]{74,})(=20|=09)$", re.MULTILINE)
_LITERAL = bytes(b for b in range(0x20, 0x7F) if b != 0x3D) + b"\t\n"


def encode_base64(data: bytes) -> bytes:
    """Base64 in lines of 76, each ended by CRLF."""
    whole = b2a_base64(data, newline=False)
    return b"".join([whole[i : i + 76] + b"\r\n" for i in range(0, len(whole), 76)])


def encode_quoted_printable(data: bytes) -> bytes:
    """Quoted-printable of text whose lines end in LF, in CRLF lines of at most 76 (RFC 2045 §6.7)."""
    encoded = b2a_qp(data, istext=True)
    # Of white space that ends a line it writes a third and fourth octet without counting them
    if b"=20" in encoded or b"=09" in encoded:
        encoded = _OVERFULL.sub(rb"\1=\n\2", encoded)
    return encoded.replace(b"\n", b"\r\n")


def encode_text(data: bytes) -> tuple[bytes, bytes]:
    """Encode text with LF line ends as the shorter of the two: (encoding name, CRLF bytes)."""
    costly = len(data.translate(None, _LITERAL))
    if costly * 2 > len(data) * 3 // 8:
        return b"base64", encode_base64(data.replace(b"\n", b"\r\n"))
    return b"quoted-printable", encode_quoted_printable(data)


def decode(body: bytes, encoding: str) -> bytes | None:
    """Undo a transfer encoding leniently; None when it is unknown or cannot be undone."""
    name = encoding.strip().lower()
    if name in ("", "7bit", "8bit", "binary"):
        return body
    if name == "quoted-printable":
        return a2b_qp(body)
    if name != "base64":
        return None
    try:
        return a2b_base64(body)
    except Base64Error:
        return None


def has_long_line(data: bytes, start: int = 0, end: int | None = None) -> bool:
    """True when a line has over 998 octets. Steps from line end to line end, a window at a time."""
    stop = len(data) if end is None else end
    at = start
    while stop - at > LINE_MAX:
        newline = data.rfind(b"\n", at, min(at + LINE_MAX + 2, stop))
        if newline < 0:
            return True
        at = newline + 1
    return False

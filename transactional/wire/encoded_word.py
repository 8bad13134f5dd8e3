"""The only place that reads and writes encoded-words in headers (RFC 2047)."""

import re
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp

from transactional.wire.charset import lenient

#: Longest line that carries an encoded-word, RFC 2047 §2.
LINE = 76

_WORD = re.compile(r"=\?([^?\s*]{1,40}+)(?:\*[^?\s]{0,40}+)?\?([bBqQ])\?([^?\r\n]*+)\?=")
_LINEAR_SPACE = " \t\r\n"
# §5 rule 3: the safe alphabet inside a phrase is used everywhere.
_Q = [
    chr(b)
    if chr(b).isascii() and (chr(b).isalnum() or chr(b) in "!*+-/")
    else "_"
    if b == 0x20
    else f"={b:02X}"
    for b in range(256)
]
_Q_LENGTH = [len(q) for q in _Q]


def decode_words(value: bytes | str) -> str:
    """The text a reader would show: encoded-words decoded, malformed ones left as they are.

    Lenient, never raises; raw 8-bit bytes are read as UTF-8, else windows-1252. The value should
    be unfolded first.
    """
    text = value if isinstance(value, str) else lenient(value)
    if "=?" not in text:
        return text
    out: list[str] = []
    run: list[bytes] = []  # adjacent words of one charset: a character may be split across them
    run_charset, position = "", 0
    for match in _WORD.finditer(text):
        data = _payload(match[2], match[3])
        if data is None:
            continue
        gap = text[position : match.start()]
        charset = match[1].lower()
        if run and (charset != run_charset or gap.strip(_LINEAR_SPACE)):
            out.append(lenient(b"".join(run), run_charset))
            run = []
        if gap.strip(_LINEAR_SPACE) or position == 0:
            out.append(gap)
        run.append(data)
        run_charset, position = charset, match.end()
    if run:
        out.append(lenient(b"".join(run), run_charset))
    out.append(text[position:])
    return "".join(out)


def _payload(encoding: str, encoded: str) -> bytes | None:
    raw = encoded.encode("utf-8", "surrogateescape")
    if encoding in "qQ":
        return a2b_qp(raw, header=True)
    try:
        return a2b_base64(raw + b"=" * (-len(raw) % 4))
    except Base64Error:
        return None


def encode_words(text: str, *, column: int) -> list[bytes]:
    """Encode text as UTF-8 encoded-words, none splitting a character.

    The first word fits a line whose first `column` columns are taken; put a fold (CRLF and a
    space) between the words. Chooses Q, which people can read, unless B is clearly shorter.
    """
    data = text.encode()
    quoted = sum(map(_Q_LENGTH.__getitem__, data)) <= len(data) * 4 // 3 + 8
    words: list[bytes] = []
    room = _room(column)
    chunk, used = bytearray(), 0
    for character in text:
        piece = character.encode()
        cost = sum(map(_Q_LENGTH.__getitem__, piece)) if quoted else len(piece)
        limit = room if quoted else room // 4 * 3
        if chunk and used + cost > limit:
            words.append(_word(bytes(chunk), quoted))
            chunk, used = bytearray(), 0
            room = _room(1)
        chunk += piece
        used += cost
    if chunk:
        words.append(_word(bytes(chunk), quoted))
    return words


def _room(column: int) -> int:
    # 12 = len("=?utf-8?q??="); a header name longer than a line still gets one character a word
    return max(LINE - column - 12, 12)


def _word(data: bytes, quoted: bool) -> bytes:
    if quoted:
        return b"=?utf-8?q?" + "".join(map(_Q.__getitem__, data)).encode() + b"?="
    return b"=?utf-8?b?" + b64encode(data) + b"?="

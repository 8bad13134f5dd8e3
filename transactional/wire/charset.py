"""The only place that turns a charset name found in mail into a codec, and back (RFC 2046 §4.1.2)."""

import codecs
from functools import lru_cache

# Text codecs of Python that are no charsets, or decode in quadratic time (idna, punycode).
_NOT_CHARSETS = frozenset(
    {
        "idna",
        "punycode",
        "undefined",
        "unicode_escape",
        "raw_unicode_escape",
        "mbcs",
        "oem",
        "utf-7",
    }
)
_STATEFUL = ("iso2022", "hz", "utf-16", "utf-32")

# Browsers and mail clients read these labels as the wider set; so must whoever decodes for them.
_WIDER = {"iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949"}


@lru_cache(maxsize=256)
def codec(name: str) -> str | None:
    """The Python codec for a charset label, or None when it is unknown or not a charset."""
    try:
        info = codecs.lookup(name.strip().strip("\"'"))
    except (LookupError, ValueError):
        return None
    if info.name in _NOT_CHARSETS or not getattr(info, "_is_text_encoding", True):
        return None
    return info.name


def is_ascii_compatible(codec_name: str) -> bool:
    """True when ASCII text has the same bytes in this codec (so quoted-printable makes sense)."""
    return not codec_name.startswith(_STATEFUL)


def _escape(error: UnicodeError) -> tuple[str | bytes, int]:
    """Undecodable bytes come back as themselves; characters the charset lacks become `&#n;`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    piece = error.object[error.start : error.end]
    if all("\udc80" <= c <= "\udcff" for c in piece):
        return bytes(ord(c) - 0xDC00 for c in piece), error.end
    c = error.object[error.start]
    if "\udc80" <= c <= "\udcff":
        return bytes((ord(c) - 0xDC00,)), error.start + 1
    return f"&#{ord(c)};", error.start + 1


codecs.register_error("wire.escape", _escape)


def decode(data: bytes, codec_name: str) -> str:
    """Decode for later :func:`encode`: bytes wrong in the charset survive the round trip.

    Raises UnicodeDecodeError for charsets with shift states or wide units, where a wrong byte
    cannot be carried through.
    """
    errors = "surrogateescape" if is_ascii_compatible(codec_name) else "strict"
    return data.decode(codec_name, errors)


def encode(text: str, codec_name: str) -> bytes:
    """Encode HTML text; what the charset cannot say becomes a numeric character reference."""
    return text.encode(codec_name, "wire.escape")


def lenient(data: bytes, label: str | None = None) -> str:
    """Decode for reading only, never failing: the label, else UTF-8, else windows-1252."""
    name = codec(label) if label else None
    if name:
        return data.decode(_WIDER.get(name, name), "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")

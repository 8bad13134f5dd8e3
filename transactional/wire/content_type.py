"""The only place that reads Content-Type and Content-Disposition values (RFC 2045 §5.1, 2183, 2231)."""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from transactional.wire.charset import lenient
from transactional.wire.header import unfold

_TYPE = re.compile(r"[ \t]*([^\s;,()<>@\"]++)")
# A comment is skipped with the junk between parameters.
_PARAMETER = re.compile(
    r";[ \t]*+([^\s=;*\"]++)(?:\*([0-9]{1,3}))?(\*?+)[ \t]*+=[ \t]*+"
    r'(?:"((?:[^"\\]|\\.)*+)"|([^;\s"]*+))'
)
_KEPT_OCTETS = 200  # longer values are read anew each time: what is kept stays small
_UNQUOTE = re.compile(r"\\(.)")


def parse(value: bytes) -> tuple[str, Mapping[str, str]]:
    """A header value as (lower-case type or disposition, parameters by lower-case name).

    Lenient, never raises: the first of two equal parameters counts, RFC 2231 pieces are joined
    and decoded, what is no parameter is skipped.
    """
    return _read_once(value) if len(value) <= _KEPT_OCTETS else _read(value)


def _read(value: bytes) -> tuple[str, Mapping[str, str]]:
    text = lenient(unfold(value))
    kind = _TYPE.match(text)
    if kind is None:
        return "", {}
    parameters: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, str]]] = {}
    for found in _PARAMETER.finditer(text, kind.end()):
        name, number, star, quoted, plain = found.groups()
        content = _UNQUOTE.sub(r"\1", quoted) if quoted is not None else plain
        if number is None and not star:
            parameters.setdefault(name.lower(), content)
        else:
            pieces.setdefault(name.lower(), {}).setdefault(int(number or 0), (bool(star), content))
    for key, numbered in pieces.items():
        parameters[key] = _join(numbered)
    return kind[1].lower(), MappingProxyType(parameters)


# Mail of one program says the same of its parts in each message
_read_once = lru_cache(maxsize=256)(_read)


def _join(numbered: dict[int, tuple[bool, str]]) -> str:
    """RFC 2231 §3-4: the pieces in order, the first naming the charset."""
    charset, data = None, bytearray()
    for position, number in enumerate(sorted(numbered)):
        extended, content = numbered[number]
        if extended and position == 0 and content.count("'") >= 2:
            charset, _, content = content.split("'", 2)
        data += unquote_to_bytes(content) if extended else content.encode("utf-8", "replace")
    return lenient(bytes(data), charset)

"""The only place that shows international names as people read them, and tells look-alikes.

A name is kept and published in A-labels (RFC 5890 §2.3.2.1). Whether its letters could be taken for
others follows Unicode TR 39 in what matters for names: mixed scripts, and letters of one script
that all look Latin.
"""

import unicodedata
from dataclasses import dataclass

import idna

# Scripts that are written together (TR 39 §5.1, "highly restrictive")
TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
)
# Small letters that look like Latin ones: Cyrillic, Greek, Armenian, and Latin's own doubles
LIKE_LATIN = dict(
    zip(
        "аеорсухіјѕԁԛԝһӏҽѵ" + "αινορυ" + "օոսցհզց" + "ıɑɡɩ",
        "aeopcyxijsdqwhlev" + "aivopu" + "onughqg" + "iagi",
        strict=True,
    )
)


@dataclass(frozen=True, slots=True)
class Lookalike:
    """A label that can be taken for another: `seems` is what it looks like, in ASCII where all of
    it does; `mixed` are the scripts that it mixes.
    """

    label: str
    seems: str = ""
    mixed: tuple[str, ...] = ()


def shown(name: str) -> str:
    """A name as people read it; what cannot be read stays as it is."""
    return ".".join(_label(label) for label in name.split("."))


def _label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        return label


def lookalike(name: str) -> Lookalike | None:
    """The first label of a name that can be taken for another one; None where none can."""
    found = (_judged(label) for label in shown(name).split(".") if not label.isascii())
    return next((one for one in found if one), None)


def _judged(label: str) -> Lookalike | None:
    letters = [letter for letter in label if letter.isalpha()]
    scripts = {unicodedata.name(letter, "?").split(" ")[0] for letter in letters}
    if len(scripts) > 1 and not any(scripts <= allowed for allowed in TOGETHER):
        return Lookalike(label, seems=_ascii(label), mixed=tuple(sorted(scripts)))
    seems = _ascii(label)
    return Lookalike(label, seems=seems) if seems else None


def _ascii(label: str) -> str:
    """What a label looks like where every letter of it looks Latin; else empty."""
    text = "".join(LIKE_LATIN.get(letter, letter) for letter in label)
    return text if text.isascii() else ""

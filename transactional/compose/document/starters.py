"""The templates a new email may start from, in the languages they come in."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from transactional.compose.document.starters_table import SAMPLES, STARTERS
from transactional.models import Kind, Lane

#: Languages an email may be marked with in the editor; templates come in the first two.
LANGUAGES = (
    ("en", "English"), ("it", "Italiano"), ("de", "Deutsch"), ("es", "Español"),
    ("fr", "Français"), ("nl", "Nederlands"), ("pl", "Polski"), ("pt", "Português"),
)  # fmt: skip
BLANK = "blank"
TEMPLATES = ("receipt", "reset", "code", "invite", "shipping", "invoice", "terms")
#: Somebody waits for these; nobody wants them counted.
SECRET = frozenset({"reset", "code"})
_NOTHING: dict[str, Any] = {"subject": "", "preview": "", "blocks": []}
_NOBODY: dict[str, Any] = {"contact": {"firstname": "Anna"}, "custom": {}}
UNSUBSCRIBE = {"en": "Unsubscribe", "it": "Annulla l’iscrizione"}


@dataclass(frozen=True, slots=True)
class Starter:
    """What a new email starts with."""

    subject: str
    preview_text: str
    document: dict[str, Any]
    sample: dict[str, Any]
    lane: int
    tracked: bool


def starter(key: str, language: str, *, kind: Kind, company: str) -> Starter:
    """A template, or `BLANK`, in a language (English where it is unknown), in a company's name."""
    language = language if language in UNSUBSCRIBE else "en"
    table = _NOTHING if key == BLANK else STARTERS[key][language]
    blocks = [{"id": f"b{at}", **deepcopy(one)} for at, one in enumerate(table["blocks"], 1)]
    footer = f"<p>{_plain(company)}</p>"
    if kind == Kind.MARKETING:
        footer += f'<p><a href="{{{{ unsubscribe_link }}}}">{UNSUBSCRIBE[language]}</a></p>'
    ending = {"id": f"b{len(blocks) + 1}", "type": "footer", "props": {"html": footer}}
    return Starter(
        subject=table["subject"],
        preview_text=table["preview"],
        document={
            "version": 1,
            "settings": {"lang": language},
            "sections": [
                {"id": "s1", "columns": [1], "blocks": [blocks]},
                {"id": "s2", "columns": [1], "background": "#f3f4f6", "blocks": [[ending]]},
            ],
        },
        sample=deepcopy(_NOBODY if key == BLANK else SAMPLES[key][language]),
        lane=Lane.URGENT if key in SECRET else Lane.NORMAL,
        tracked=key not in SECRET,
    )


def _plain(text: str) -> str:
    """A company's name as text: no markup, no variable, nothing that cannot be shown."""
    text = "".join(char for char in text if char.isprintable())
    for char, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("{", "(")):
        text = text.replace(char, safe)
    return text

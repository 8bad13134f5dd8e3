"""The templates a new email may start from, in the languages they come in."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from transactional.compose.document.look import Look, footer_html
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


def starter(
    key: str, language: str, *, kind: Kind, company: str, look: Look | None = None
) -> Starter:
    """A template, or `BLANK`, in a language (English where it is unknown), in a company's name.

    `look`: the brand it wears, with its logo on top and its social links below.
    """
    language = language if language in UNSUBSCRIBE else "en"
    table = _NOTHING if key == BLANK else STARTERS[key][language]
    blocks = [{"id": f"b{at}", **deepcopy(one)} for at, one in enumerate(table["blocks"], 1)]
    footer = look.footer if look is not None and look.footer else footer_html(company, "")
    if kind == Kind.MARKETING:
        footer += f'<p><a href="{{{{ unsubscribe_link }}}}">{UNSUBSCRIBE[language]}</a></p>'
    ending = [{"id": f"b{len(blocks) + 1}", "type": "footer", "props": {"html": footer}}]
    settings: dict[str, Any] = {"lang": language}
    if look is not None:
        settings |= look.settings
        if look.logo is not None:
            logo = {"id": f"b{len(blocks) + 2}", "type": "logo", "props": dict(look.logo)}
            blocks.insert(0, logo)
        if look.links:
            links = {"links": deepcopy(look.links)}
            ending.insert(0, {"id": f"b{len(blocks) + 3}", "type": "social", "props": links})
    return Starter(
        subject=table["subject"],
        preview_text=table["preview"],
        document={
            "version": 1,
            "settings": settings,
            "sections": [
                {"id": "s1", "columns": [1], "blocks": [blocks]},
                {
                    "id": "s2",
                    "columns": [1],
                    "background": settings.get("background", "#f3f4f6"),
                    "blocks": [ending],
                },
            ],
        },
        sample=deepcopy(_NOBODY if key == BLANK else SAMPLES[key][language]),
        lane=Lane.URGENT if key in SECRET else Lane.NORMAL,
        tracked=key not in SECRET,
    )

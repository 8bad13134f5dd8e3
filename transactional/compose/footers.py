"""What the type of an email does to its footers: marketing has its way out there, transactional none."""

import re
from copy import deepcopy
from typing import Any

from transactional.compose.document.expressions import UNSUBSCRIBE
from transactional.compose.document.starters import UNSUBSCRIBE as WORDS
from transactional.models import Kind

_LINK = re.compile(rf'<a\b[^>]*href="\{{\{{ ?{UNSUBSCRIBE} ?\}}\}}"[^>]*>.*?</a>', re.DOTALL)
_EMPTY = re.compile(r"<p>(?:\s|<br ?/?>|·|\||&nbsp;)*</p>")


def for_kind(document: dict[str, Any], kind: str) -> dict[str, Any]:
    """The document with its footers as the type wants them; everything else is as it was."""
    changed = deepcopy(document)
    footers = [block for block in _blocks(changed) if block.get("type") == "footer"]
    if kind == Kind.TRANSACTIONAL:
        for block in footers:
            html = _html(block)
            if _LINK.search(html):
                block["props"]["html"] = _EMPTY.sub("", _LINK.sub("", html))
    elif footers and UNSUBSCRIBE not in str(document):
        language = str(changed.get("settings", {}).get("lang", "en"))[:2]
        word = WORDS.get(language, WORDS["en"])
        link = f'<p><a href="{{{{ {UNSUBSCRIBE} }}}}">{word}</a></p>'
        footers[-1]["props"] = {**footers[-1].get("props", {}), "html": _html(footers[-1]) + link}
    return changed


def _html(block: dict[str, Any]) -> str:
    return str(block.get("props", {}).get("html", ""))


def _blocks(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        block
        for section in document.get("sections", [])
        for column in section.get("blocks", [])
        for block in column
    ]

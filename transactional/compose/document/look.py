"""A brand's look put on a document: colours, font, logo, footer, social links. Pure."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from transactional.compose.document import richtext

LINES = 6  # of a postal address


@dataclass(frozen=True, slots=True)
class Look:
    """What a brand says about documents; `former` are footers it had, found again and replaced."""

    settings: dict[str, Any]
    logo: dict[str, Any] | None
    footer: str
    former: tuple[str, ...]
    links: list[dict[str, str]]


def footer_html(company: str, address: str) -> str:
    """A footer's paragraph: the company's name and its postal address, line by line."""
    lines = [company, *address.splitlines()[:LINES]]
    shown = [_plain(line.strip()) for line in lines if line.strip()]
    return richtext.sanitise(f"<p>{'<br>'.join(shown)}</p>") if shown else ""


def _plain(text: str) -> str:
    """Words as text: no markup, no variable, nothing that cannot be shown."""
    text = "".join(char for char in text if char.isprintable())
    for char, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("{", "(")):
        text = text.replace(char, safe)
    return text


def dressed(document: dict[str, Any], look: Look) -> dict[str, Any]:
    """A stored document with the look on it; the same again where it is on already."""
    made = deepcopy(document)
    around = made["settings"].get("background")
    made["settings"] = {**made["settings"], **look.settings}
    for section in made["sections"]:
        if section.get("background") == around and around is not None:
            section["background"] = look.settings["background"]
        for block in (one for column in section["blocks"] for one in column):
            _dress(block, look)
    return made


def _dress(block: dict[str, Any], look: Look) -> None:
    props = block["props"]
    if block["type"] == "logo" and look.logo is not None:
        props.update(look.logo)
    elif block["type"] == "social" and look.links:
        props["links"] = deepcopy(look.links)
    elif block["type"] == "footer" and look.footer:
        props["html"] = _footer(props["html"], look)


def _footer(html: str, look: Look) -> str:
    """The new footer in the place of one it had before, or above what stands there."""
    if look.footer in html:
        return html
    for former in look.former:
        if former and former in html:
            return html.replace(former, look.footer, 1)
    return look.footer + html

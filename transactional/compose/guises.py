"""Email HTML as it looks in the dark, in the light, whatever the reader's own screen prefers. Pure."""

import re
from typing import Literal

Guise = Literal["", "light", "dark"]
_PREFERS = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_META = re.compile(
    r"(<meta\b[^>]*\bname=[\"']?(?:supported-)?color-schemes?[\"']?[^>]*\bcontent=)(\"[^\"]*\"|'[^']*')",
    re.IGNORECASE,
)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)


def dressed(html: str, guise: Guise) -> str:
    """The HTML with its questions after the reader's colours answered beforehand."""
    if not guise:
        return html
    html = _PREFERS.sub(
        lambda found: "(min-width:0)" if found[1].lower() == guise else "(max-width:0)", html
    )
    html = _META.sub(rf'\g<1>"{guise}"', html)
    style = f"<style>:root{{color-scheme:{guise}}}</style>"
    head = _HEAD.search(html)
    return html[: head.end()] + style + html[head.end() :] if head else style + html

"""What mail programs do not show: marks in HTML that somebody wrote, and who ignores them.

From public support tables, as of autumn 2025; only what is seen in the mail, not what degrades
quietly. Kept short: on what our own blocks are compiled to, such a table is noise.
"""

import re

OUTLOOK, GMAIL, YAHOO = "Outlook for Windows", "Gmail", "Yahoo Mail"

#: (code, mark, what it is, who ignores it)
FEATURES: tuple[tuple[str, re.Pattern[str], str, tuple[str, ...]], ...] = tuple(
    (code, re.compile(mark, re.IGNORECASE), what, who)
    for code, mark, what, who in (
        ("FLEX", r"display\s*:\s*(?:inline-)?flex", "display: flex", (OUTLOOK,)),
        ("GRID", r"display\s*:\s*(?:inline-)?grid", "display: grid", (OUTLOOK, YAHOO)),
        (
            "POSITION",
            r"position\s*:\s*(?:absolute|fixed|sticky)",
            "position",
            (OUTLOOK, GMAIL, YAHOO),
        ),
        (
            "BACKGROUND_IMAGE",
            r"background(?:-image)?\s*:[^;\"'}]*url\(",
            "background images in CSS",
            (OUTLOOK,),
        ),
        ("FONT_FACE", r"@font-face|fonts\.googleapis\.com", "web fonts", (OUTLOOK, GMAIL, YAHOO)),
        ("IMPORT", r"@import\b", "@import", (OUTLOOK, GMAIL, YAHOO)),
        (
            "STYLESHEET",
            r"<link\b[^>]*\brel\s*=\s*[\"']?stylesheet",
            "linked style sheets",
            (OUTLOOK, GMAIL, YAHOO),
        ),
        ("VARIABLES", r"var\(\s*--", "CSS variables", (OUTLOOK, GMAIL, YAHOO)),
        ("CALC", r"\bcalc\(", "calc()", (OUTLOOK, YAHOO)),
        ("TRANSFORM", r"(?<![-\w])transform\s*:\s*\w", "transform", (OUTLOOK, GMAIL, YAHOO)),
        ("FILTER", r"(?<!-)filter\s*:\s*\w", "filter", (OUTLOOK, GMAIL, YAHOO)),
        ("OBJECT_FIT", r"object-fit\s*:", "object-fit", (OUTLOOK, GMAIL)),
        ("VIDEO", r"<video\b", "video", (OUTLOOK, GMAIL, YAHOO)),
        ("AUDIO", r"<audio\b", "audio", (OUTLOOK, GMAIL, YAHOO)),
        ("SVG", r"<svg\b", "inline SVG", (OUTLOOK, GMAIL, YAHOO)),
        ("FORM", r"<(?:form|input|select|textarea|button)\b", "forms", (OUTLOOK, GMAIL)),
        ("IFRAME", r"<(?:iframe|object|embed)\b", "frames", (OUTLOOK, GMAIL, YAHOO)),
        ("SCRIPT", r"<script\b", "scripts", (OUTLOOK, GMAIL, YAHOO, "every mail program")),
        ("BASE", r"<base\b", "<base>", (GMAIL, YAHOO)),
        ("DATA_URI", r"src\s*=\s*[\"']data:", "images within the HTML", (OUTLOOK, GMAIL)),
    )
)

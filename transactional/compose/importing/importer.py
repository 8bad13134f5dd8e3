"""The importer: an uploaded template as the draft of an HTML-mode email, with notes on every line."""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from mjml import mjml2html

from config.errors import PostinoError, Refusal
from transactional.compose import template
from transactional.compose.importing.convert import to_ours
from transactional.compose.importing.notes import Imported, Level, Notes

INCLUDES_LIMIT = 50  # files put into another
DEPTH_LIMIT = 5
_MJML = re.compile(r"<mjml[\s>]", re.I)
_INCLUDE = re.compile(
    r"<mj-include\s[^>]*?path=[\"']([^\"']+)[\"'][^>]*?(?:/>|>\s*</mj-include>)"
    r"|\{%-?\s*include\s+['\"]([^'\"]+)['\"].*?%\}|\{\{>\s*([\w./-]+)\s*\}\}"
)
_TITLE = re.compile(r"<(?:title|mj-title)[^>]*>(.*?)</(?:title|mj-title)>", re.I | re.S)
# Folders and names that say a file is put into others
_PART = re.compile(r"(?:^|/)(?:partials?|includes?|layouts?|_[^/]*)(?:/|$)", re.I)
_LABEL = re.compile(r"^\s*label:\s*(.+?)\s*$", re.M)
_PLACE = re.compile(r"\{\{\{.*?\}\}\}|\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.S)


def mains(templates: Mapping[str, str]) -> list[str]:
    """The templates that are emails of their own: not those that others include."""
    included = {
        _resolved(path, name, templates)
        for path, text in templates.items()
        for name in _named(text)
    }
    found = [path for path in sorted(templates) if path not in included and not _PART.search(path)]
    return found or sorted(templates)


def convert(path: str, templates: Mapping[str, str]) -> Imported:
    """One template as an email. Raises PostinoError for MJML that cannot be compiled."""
    notes = Notes()
    source = _whole(path, templates, notes)
    subject = _subject(source, path)
    if _MJML.search(source):
        source = _compiled(source, notes)
    html = to_ours(source, notes, field="html")
    title = to_ours(subject, Notes(), field="subject")
    if template.problems("subject", title):
        title = ""
    return Imported(
        name=_name(source, path),
        subject=" ".join(title.split())[:500],
        html=html,
        notes=notes.sorted(),
        sample=_sample(html, title),
    )


def _named(text: str) -> list[str]:
    return [next(name for name in found.groups() if name) for found in _INCLUDE.finditer(text)]


def _resolved(path: str, name: str, templates: Mapping[str, str]) -> str:
    """The path in the upload that an include means: beside the file, or by its last part."""
    folder = path.rpartition("/")[0]
    wanted = name.removeprefix("./").strip("/")
    endings = ("", ".mjml", ".html", ".hbs")
    for candidate in (f"{folder}/{wanted}".strip("/"), wanted):
        for ending in endings:
            if candidate + ending in templates:
                return candidate + ending
    last = wanted.rpartition("/")[2]
    for one in templates:
        stem = one.rpartition("/")[2]
        if stem in {last + ending for ending in endings} or stem.partition(".")[0] == last:
            return one
    return ""


def _whole(path: str, templates: Mapping[str, str], notes: Notes) -> str:
    """The template with what it includes put in, as far as the upload has it."""
    count = 0

    def filled(here: str, text: str, depth: int) -> str:
        def one(found: re.Match[str]) -> str:
            nonlocal count
            name = next(group for group in found.groups() if group)
            line = text.count("\n", 0, found.start()) + 1
            target = _resolved(here, name, templates)
            count += 1
            if not target or target == here or depth >= DEPTH_LIMIT or count > INCLUDES_LIMIT:
                notes.add(line, Level.DROPPED, "INCLUDE", name)
                return ""
            notes.add(line, Level.REPLACED, "INCLUDED", name, target)
            inner = templates[target]
            if _MJML.search(text) and _MJML.search(inner):
                inner = re.sub(r"(?is)\A.*?<mj-body[^>]*>|</mj-body>.*\Z", "", inner)
            return filled(target, inner, depth + 1)

        return _INCLUDE.sub(one, text)

    return filled(path, templates[path], 0)


def _compiled(source: str, notes: Notes) -> str:
    """MJML as HTML, template tags kept from the compiler. Raises PostinoError naming what is wrong."""
    start = _MJML.search(source)
    assert start is not None  # noqa: S101 — the caller has looked
    source = source[start.start() :]
    word = "Qz9Tag"
    while word in source:
        word += "Q"
    kept: list[str] = []

    def hide(found: re.Match[str]) -> str:
        kept.append(found[0])
        name = f"{word}{len(kept) - 1}E"
        # Between two elements only mj-raw may hold text
        between = _between(source, found)
        return f"<mj-raw>{name}</mj-raw>" if between and found[0].startswith("{%") else name

    try:
        html: str = mjml2html(_PLACE.sub(hide, source), fonts=None, social_icon_origin=None)
    except (ValueError, OSError) as err:
        message = f"The MJML cannot be compiled: {str(err)[:200]}"
        raise PostinoError(Refusal("IMPORT_MJML", message, http=422, pointer="file")) from err
    notes.add(1, Level.REPLACED, "MJML", "mjml", "html")
    return re.sub(f"{word}([0-9]+)E", lambda found: kept[int(found[1])], html)


def _between(source: str, found: re.Match[str]) -> bool:
    """Whether a tag stands where MJML allows elements alone."""
    before = re.search(
        r"<(/?)(mj-[\w-]+|mjml)[^<>]*>\s*(?:\{%[^%]*%\}\s*)*\Z", source[: found.start()]
    )
    if before is None:
        return False
    name = before[2].lower()
    ends_text = before[1] == "/" or before[0].rstrip().endswith("/>")
    return ends_text or name in (
        "mj-body",
        "mj-section",
        "mj-column",
        "mj-wrapper",
        "mj-group",
        "mj-hero",
    )


def _subject(source: str, path: str) -> str:
    found = _TITLE.search(source)
    return unescape(" ".join(found[1].split())) if found else ""


def _name(source: str, path: str) -> str:
    label = _LABEL.search(source[:2000]) if "templateType:" in source[:2000] else None
    stem = path.replace("\\", "/").rpartition("/")[2].partition(".")[0]
    name = (label[1] if label else stem.replace("_", " ").replace("-", " ")).strip()
    return "".join(char for char in name if char.isprintable())[:200] or "Imported"


def _sample(html: str, subject: str) -> dict[str, object]:
    """A value for each custom property that is named, lists where a loop needs one."""
    try:
        names = (("html.html", html), ("subject", subject))
        paths = template.compile_parts(names).paths
    except template.TemplateRefused:
        return {}
    custom: dict[str, Any] = {}
    for path in sorted(paths, key=lambda one: one.count(".")):
        head, *rest = path.split(".")
        if head != "custom" or not rest:
            continue
        _put(custom, rest)
    for name in re.findall(r"\{% for [\w, ]+ in custom\.(\w+)(?=[ |])", html):
        if not isinstance(custom.get(name), dict):
            custom[name] = []
    return {"custom": custom} if custom else {}


def _put(custom: dict[str, Any], path: list[str]) -> None:
    at = custom
    for name in path[:-1]:
        inner = at.get(name)
        if not isinstance(inner, dict):
            inner = at[name] = {}
        at = inner
    at.setdefault(path[-1], f"<{path[-1]}>")

"""The Italian catalogue is whole: every text is in it, none missing, none fuzzy, all compiled."""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(settings.BASE_DIR)
FOLDER = ROOT / "locale" / "it" / "LC_MESSAGES"
APPS = ("config", "tokens", "domains", "transactional", "analytics")
CALLS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
HOLES = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\{.*?\}\}|</?\w+[^>]*>")
Entry = tuple[str, str, list[str]]


def entries(text: str) -> Iterator[Entry]:
    """Each entry of a .po file as (comments, msgid, msgstrs), without needing gettext's tools."""
    for block in re.split(r"\n{2,}", text):
        comments, parts, last = "", {}, ""
        for line in block.splitlines():
            if line.startswith("#"):
                comments += line + "\n"
                continue
            match = re.fullmatch(r'(?:(\w+(?:\[\d\])?) )?(".*")', line)
            assert match, f"not a line of a .po file: {line!r}"
            last = match[1] or last
            parts[last] = parts.get(last, "") + ast.literal_eval(match[2])
        if parts.get("msgid"):
            strs = [value for key, value in parts.items() if key.startswith("msgstr")]
            # As the compiled catalogue keeps a text that is told apart by where it stands
            place = f"{parts['msgctxt']}\x04" if "msgctxt" in parts else ""
            yield comments, place + parts["msgid"], strs


def in_python(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        first = node.args[0]
        if name == "pgettext" and len(node.args) > 1:
            place, text = (ast.literal_eval(one) for one in node.args[:2])
            yield f"{place}\x04{text}"
        if name in CALLS and isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


def in_template(source: str) -> Iterator[str]:
    for line in templatize(source).splitlines():
        for match in re.finditer(
            r"\b(?:gettext|ngettext|_)\((u?(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"))", line
        ):
            # Django writes percent signs of a blocktrans doubled
            yield ast.literal_eval(match[1].removeprefix("u"))


def texts() -> dict[str, str]:
    found: dict[str, str] = {}
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            if "migrations" not in path.parts:
                found |= dict.fromkeys(in_python(path.read_text()), str(path.relative_to(ROOT)))
    for path in (ROOT / "templates").rglob("*.html"):
        found |= dict.fromkeys(in_template(path.read_text()), str(path.relative_to(ROOT)))
    return found


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Entry]:
    return {one[1]: one for one in entries((FOLDER / "django.po").read_text())}


def test_every_text_of_the_interface_is_in_the_catalogue(catalogue: dict[str, Entry]) -> None:
    known = texts()
    assert len(known) > 200  # the search itself works
    assert {text: path for text, path in known.items() if text not in catalogue} == {}


def test_no_translation_is_missing_or_fuzzy(catalogue: dict[str, Entry]) -> None:
    assert [
        key for key, (_, _, strs) in catalogue.items() if not all(s.strip() for s in strs)
    ] == []
    assert [key for key, (comments, _, _) in catalogue.items() if "fuzzy" in comments] == []


def test_translations_keep_the_holes_that_values_go_into(catalogue: dict[str, Entry]) -> None:
    wrong = [
        key
        for key, (_, _, strs) in catalogue.items()
        for text in strs
        if sorted(HOLES.findall(key)) != sorted(HOLES.findall(text))
    ]
    assert wrong == []


def test_what_is_compiled_is_what_is_written(catalogue: dict[str, Entry]) -> None:
    with (FOLDER / "django.mo").open("rb") as source:
        compiled = gettext.GNUTranslations(source)
    for key, (_, _, strs) in catalogue.items():
        if len(strs) == 1:
            assert compiled.gettext(key) == strs[0]
        else:
            assert compiled.ngettext(key, "", 1) == strs[0]
            assert compiled.ngettext(key, "", 2) == strs[1]


def test_a_catalogue_with_a_hole_is_noticed() -> None:
    bad = 'msgid "Save"\nmsgstr ""\n\n#, fuzzy\nmsgid "Send"\nmsgstr "Invia"\n'
    found = list(entries(bad))
    assert found[0][2] == [""] and "fuzzy" in found[1][0]

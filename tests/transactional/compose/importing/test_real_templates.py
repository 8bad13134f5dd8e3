"""More than 100 templates of other people: imported, rendered, links rewritten, no other byte changed."""

import re
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from config.errors import PostinoError
from transactional.compose import template
from transactional.compose.importing import importer
from transactional.compose.importing.notes import Imported
from transactional.compose.render import render
from transactional.wire.html import links, rewrite_links

FOLDER = Path(__file__).parents[3] / "fixtures" / "templates"
NEW = "https://t.example/c/"


@dataclass(frozen=True)
class Draft:
    """An imported template as `render` takes one."""

    subject: str
    html: str
    preview_text: str = ""
    text: str = ""


@cache
def templates() -> dict[str, str]:
    found = {path.name: path.read_bytes().decode() for path in sorted(FOLDER.glob("*.html"))}
    with zipfile.ZipFile(FOLDER / "real.zip") as archive:
        for name in archive.namelist():
            if not name.endswith("LICENSE"):
                found[name] = archive.read(name).decode()
    return found


@cache
def folder_of(name: str) -> dict[str, str]:
    """The files that lie beside a template, as an upload of that package would hold them."""
    package = name.partition("/")[0] if "/" in name else name
    return {path: text for path, text in templates().items() if path.startswith(package)}


# What MJML's compiler (mrml) does not know: refused with its place, not imported broken
REFUSED = {"mjml/mj-html-attributes.mjml"}
# A loop over what only the program knows needs sample data that a person gives
NEEDS_DATA = {
    "ghost/mail/newsletter.html",
    "ghost/staff/new-milestone-received.hbs",
    "indico/registration/base_registration.html",
    "indico/registration/base_registration_details.html",
    "oscar/commtype_order_placed_body.html",
}
NAMES = sorted(templates())


def imported(name: str) -> Imported:
    return importer.convert(name, folder_of(name))


def test_there_are_more_than_a_hundred_that_are_rendered() -> None:
    assert len(set(NAMES) - REFUSED - NEEDS_DATA) >= 130


@pytest.mark.parametrize("name", [name for name in NAMES if name not in REFUSED])
def test_imported_rendered_and_rewritten_with_no_other_byte_changed(name: str) -> None:
    found = imported(name)
    assert template.problems("html", found.html) == []
    data = {
        **found.sample,
        "contact": {"firstname": "Anna"},
        "unsubscribe_link": "https://u.example/",
    }
    draft = Draft(found.subject, found.html)
    if name in NEEDS_DATA:
        with pytest.raises(PostinoError, match="MISSING_TEMPLATE_PROPERTIES"):
            render(draft, data)
        return
    html = render(draft, data).html
    rewritten = rewrite_links(html, lambda url, index: f"{NEW}{index}.")
    check_only_values_changed(html, rewritten, count=len(links(html)))
    if "{" not in templates()[name] and "<mjml" not in templates()[name]:
        assert html == templates()[name]  # no template language: it goes through untouched


def check_only_values_changed(before: str, after: str, *, count: int) -> None:
    """All of `after` but the new values stands in `before`, in order; between, one value each.

    Knows nothing of the scanner that found the links.
    """
    pieces = re.split(re.escape(NEW) + r"\d+\.", after)
    assert len(pieces) == count + 1
    at = 0
    for place, piece in enumerate(pieces):
        assert before.startswith(piece, at), piece[:80]
        at += len(piece)
        if place == count:
            break
        quote = before[at - 1]
        assert quote in "\"'=" or before[:at].rstrip(" \t\n")[-1] in "\"'="
        end = before.index(quote, at) if quote in "\"'" else re.compile(r"[\s>]|\Z").search(before, at).start()  # type: ignore[union-attr]  # fmt: skip
        old = before[at:end]
        assert re.match(r"\s*https?:", old, re.I), old
        at = end
    assert at == len(before)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_compiled_says_where(name: str) -> None:
    with pytest.raises(PostinoError) as caught:
        imported(name)
    assert caught.value.refusal.code == "IMPORT_MJML"
    assert "position" in caught.value.refusal.message


def test_the_packages_whole_folder_is_told_apart_into_mails_and_parts() -> None:
    files = folder_of("ghost/mail/welcome.html")
    mains = importer.mains(files)
    assert "ghost/mail/welcome.html" in mains
    assert not [path for path in mains if "/partials/" in path]


def test_every_note_names_a_line_of_its_file() -> None:
    for name in NAMES:
        if name in REFUSED or "<mjml" in templates()[name]:
            continue
        found = imported(name)
        if any(note.code == "INCLUDED" for note in found.notes):
            continue  # lines are those of the whole, with what was included
        last = templates()[name].count("\n") + 1
        assert all(1 <= note.line <= last for note in found.notes), name

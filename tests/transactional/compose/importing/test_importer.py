"""Importing: each construct of HubL, Handlebars and the rest, and uploads meant to hurt."""

import io
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import PostinoError
from transactional.compose import template
from transactional.compose.importing import archive, importer
from transactional.compose.importing.convert import to_ours
from transactional.compose.importing.notes import Notes

HUBSPOT = """<!--
  templateType: email
  label: Order receipt
  isAvailableForNewContent: true
-->
<html><head><title>{{ content.subject }}</title></head><body>
{% rich_text "intro" label="Intro", html="<p>Thank you!</p>" %}
Hi {{ personalization_token('contact.firstname', 'friend') }} of {{ company.name }},
{% for item in custom.items %}{% unless item.hidden %}{{ item.price|format_currency('it-IT', 'EUR') }} {% endunless %}{% endfor %}
{{ custom.items|map('name')|join(', ') }} {{ custom.paid && !custom.late ? 'paid' : 'open' }}
{% crm_object "contact" %}{{ crm_object('deal', 1) }} {{ custom.at|geo_distance(1) }}
{% module "social" path="@hubspot/social" %}
{{ view_as_page_url }} {{ site_settings.company_name }} {% email_can_spam %}
</body></html>"""


def convert(source: str) -> tuple[str, list[tuple[int, str, str]]]:
    notes = Notes()
    made = to_ours(source, notes)
    return made, [(note.line, str(note.level), note.code) for note in notes.sorted()]


def test_a_template_of_hubspot() -> None:
    found = importer.convert("receipt.html", {"receipt.html": HUBSPOT})
    assert found.name == "Order receipt"
    assert "templateType" not in found.html
    assert "<p>Thank you!</p>" in found.html
    assert "{{ personalization_token('contact.firstname', 'friend') }}" in found.html
    assert "{{ custom.company.name }}" in found.html
    assert "{% if not (item.hidden) %}" in found.html
    assert "{{ custom.items|map(attribute='name')|join(', ') }}" in found.html
    assert "{{ 'paid' if custom.paid and not custom.late else 'open' }}" in found.html
    assert "{{ unsubscribe_anchor }}" in found.html
    told = {(note.line, str(note.level), note.code) for note in found.notes}
    assert {
        (1, "dropped", "FRONT_MATTER"),
        (7, "replaced", "MODULE"),
        (8, "replaced", "CRM_VARIABLE"),
        (9, "replaced", "TAG_NAME"),
        (11, "dropped", "TAG"),
        (11, "dropped", "EXPRESSION"),
        (11, "dropped", "FILTER"),
        (12, "dropped", "MODULE"),
        (13, "replaced", "FOOTER"),
    } <= told
    assert template.problems("html", found.html) == []


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("{{ name }}", "{{ custom.name }}"),
        ("{{ contact.a.b }} {{custom.x|upper}}", "{{ contact.a.b }} {{custom.x|upper}}"),
        ("{% set x = 1 %}{{ x }}", "{% set x = 1 %}{{ x }}"),
        ("{{ loop.index }}", "{{ loop.index }}"),
        ("{{ x is defined and y == null }}", "{{ custom.x is defined and custom.y == none }}"),
        ("{{ f(x=y) }}", ""),
        ("{{ x|date:'j F Y' }}", "{{ custom.x|datetimeformat('%-d %B %Y') }}"),
        ("{{ x|upcase|nonesuch(1)|trim }}", "{{ custom.x|upper|trim }}"),
        ("{{ xs|sum(attribute='p.q') }}", "{{ custom.xs|map(attribute='p.q')|sum }}"),
        ("{% elsif a || b %}", ""),
        ("{% if a %}x{% elsif b %}y{% endif %}", "{% if custom.a %}x{% elif custom.b %}y{% endif %}"),
        ("{% print a %}", "{{ custom.a }}"),
        ("{% for r in rows limit:3 %}{{ r.a }}{% endfor %}",
         "{% for r in custom.rows %}{{ r.a }}{% endfor %}"),
        ("{% trans 'Hello <b>' %}", "Hello &lt;b&gt;"),
        ("{% block a %}x{% endblock %}", "x"),
        ("{% extends 'base.html' %}x", "x"),
        ("{# a comment #}x", "x"),
        ("{% comment %}{{ a }}{% endcomment %}x", "x"),
        ("{% raw %}{{ kept }}{% endraw %}", "{{ '{' }}{{ '{' }} kept }}".replace("{{ '{' }}{{ '{' }}", "{{ '{' }}{")),
        ("<style>@media{#outlook a{padding:0}}</style>", "<style>@media{{ '{' }}#outlook a{padding:0}}</style>"),
        ("{{#if a}}x{{else}}y{{/if}}", "{% if custom.a %}x{% else %}y{% endif %}"),
        ("{{#each rows}}{{name}}{{this.b}}{{../top}}{{@index}}{{/each}}",
         "{% for item in custom.rows %}{{ item.name }}{{ item.b }}{{ custom.top }}{{ loop.index0 }}{% endfor %}"),
        ("{{#unless a}}x{{/unless}}", "{% if not custom.a %}x{% endif %}"),
        ("{{{html}}}{{! note }}{{> part}}", "{{ custom.html|safe }}"),
        ("{{#t 'key'}}x{{/t}}", "{% if true %}x{% endif %}"),
        ("{{#if a}}{{helper b}}{{/if}}", "{% if custom.a %}{% endif %}"),
        ("*|FNAME|* *|NOPE|*", "{{ contact.firstname }} *|NOPE|*"),
        ("a { b {{ c", "a { b {{ '{' }}{ c"),
        ("{% if %}x{% endif %}", "x"),
        ("{% endif %}x{% endfor %}", "x"),
    ],
)  # fmt: skip
def test_constructs(source: str, made: str) -> None:
    found, _ = convert(source)
    assert found == made
    assert template.problems("html", found) == []


def test_what_is_no_template_stays_byte_for_byte() -> None:
    source = (
        "<p style='color:red'>100 % {sure} \r\n\t&nbsp;<!--[if mso]><x><![endif]--> }} %} #}</p>"
    )
    assert convert(source) == (source, [])


def test_includes_are_put_in_from_the_upload() -> None:
    files = {
        "mails/a.mjml": '<mjml><mj-body><mj-include path="./parts/head.mjml" /></mj-body></mjml>',
        "mails/parts/head.mjml": "<mj-section><mj-column><mj-text>Hi {{ name }}</mj-text></mj-column></mj-section>",
        "mails/loop.html": "{% include 'loop.html' %}x",
    }
    assert importer.mains(files) == ["mails/a.mjml"] or "mails/loop.html" not in importer.mains(
        files
    )
    found = importer.convert("mails/a.mjml", files)
    assert "Hi {{ custom.name }}" in found.html and found.sample == {"custom": {"name": "<name>"}}
    itself = importer.convert("mails/loop.html", files)
    assert itself.html == "x" and itself.notes[0].code == "INCLUDE"


def test_tags_between_elements_of_mjml_are_carried() -> None:
    source = (
        "<mjml><mj-body>{% for row in rows %}<mj-section><mj-column>"
        "{% if row.a %}<mj-text>{{ row.a }}</mj-text>{% endif %}"
        '<mj-button href="{{ link }}">Go</mj-button></mj-column></mj-section>{% endfor %}</mj-body></mjml>'
    )
    found = importer.convert("a.mjml", {"a.mjml": source})
    assert "{% for row in custom.rows %}" in found.html and "{% endfor %}" in found.html
    assert 'href="{{ custom.link }}"' in found.html
    assert template.problems("html", found.html) == []


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "IMPORT_EMPTY"),
        (b"x\0y", "IMPORT_NOT_TEXT"),
        (b"a" * 1_000_001, "IMPORT_TOO_LARGE"),
        (b"a" * 10_000_001, "IMPORT_TOO_LARGE"),
        (b"PK\x03\x04nonsense", "IMPORT_BROKEN"),
        (zipped({"a.html": b"<p>"})[:40], "IMPORT_BROKEN"),
        (zipped({"a.png": b"x"}), "IMPORT_EMPTY"),
        (zipped({f"{n}.html": b"x" for n in range(501)}), "IMPORT_TOO_MANY"),
        (zipped({"bomb.html": b"\n" * 30_000_000}), "IMPORT_TOO_LARGE"),
        (zipped({f"{n}.html": b"a" * 900_000 for n in range(30)}), "IMPORT_TOO_LARGE"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(len(value)),
)
def test_uploads_that_hurt_are_a_sentence(content: bytes, code: str) -> None:
    with pytest.raises(PostinoError) as caught:
        archive.read("x.zip", content)
    assert caught.value.refusal.code == code


def test_paths_of_a_zip_are_names_only() -> None:
    files = {
        "../../etc/passwd.html": b"a",
        "C:\\x\\b.html": b"b",
        "__MACOSX/._c.html": b"c",
        "i.png": b"d",
    }
    found = archive.read("x.zip", zipped(files))
    assert sorted(found.templates) == ["../../etc/passwd.html", "C:/x/b.html"]
    assert found.others == ("i.png",)


def test_encodings() -> None:
    assert archive.read("a", b"\xef\xbb\xbf\xc3\xa9").templates["a"] == "é"
    assert archive.read("a", "é".encode("cp1252")).templates["a"] == "é"
    assert archive.read("a", "é<p>".encode("utf-16")).templates["a"] == "é<p>"


PARTS = st.sampled_from(
    ["{{", "}}", "{%", "%}", "{#", "#}", "{{{", "}}}", "if ", "for x in ", "endif", "#each ", "/each",
     "a.b", "|f", "(", ")", "'", '"', " ", "\n", "<mj-text>", "?", ":", "include 'a'", "*|A|*"]
)  # fmt: skip


@given(st.lists(PARTS, max_size=25).map("".join))
def test_any_source_becomes_a_template_that_compiles(source: str) -> None:
    made, _ = convert(source)
    assert template.problems("html", made) == []


def test_a_source_without_end_is_read_in_time() -> None:
    for source in (
        "{{" * 50_000,
        "{% if a %}" * 300,
        "{#" * 50_000,
        "{{#each a}}" * 300,
        "*|" * 50_000,
    ):
        made: Any = importer.convert("a.html", {"a.html": source[:20_000]})
        assert template.problems("html", made.html) == []

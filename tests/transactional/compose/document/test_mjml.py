"""Documents as HTML: every block renders with hostile data, and stands where a click finds it."""

import re
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser

from tests.transactional.compose.document.documents import (
    CHIP,
    DATA,
    NASTY,
    PROPS,
    block,
    document,
    everything,
    render,
)
from transactional.compose.document import mjml, schema
from transactional.wire.html import links, rewrite_links


@pytest.mark.parametrize("kind", PROPS)
def test_every_block_renders_where_a_click_finds_it(kind: str) -> None:
    tree = LexborHTMLParser(render(document(block(kind, "here"))))
    found = tree.css_first(".b-here")
    assert found is not None and found.tag == "td"
    assert not tree.css("script, b") or kind == "html"


@pytest.mark.parametrize(
    "kind", ["heading", "text", "button", "items", "summary", "code", "footer"]
)
def test_data_is_shown_as_it_is(kind: str) -> None:
    assert NASTY in LexborHTMLParser(render(document(block(kind)))).text()


def test_data_in_attributes_is_shown_as_it_is() -> None:
    tree = LexborHTMLParser(render(everything()))
    images = tree.css("img")
    assert images[0].attributes["alt"] == NASTY
    assert images[1].attributes["src"] == DATA["custom"]["url"]
    links = [link.attributes["href"] for link in tree.css("a")]
    assert links.count("https://shop.example/?a=1&b=2") == 2  # in the text and on the button


def test_the_developers_html_comes_through_byte_for_byte() -> None:
    html = render(document(block("html")))
    assert "<!--[if mso]><i>x</i><![endif]--><b>few</b>" in html


def test_a_table_has_a_row_for_each_entry() -> None:
    tree = LexborHTMLParser(render(document(block("items"))))
    cells = [cell.text() for cell in tree.css(".b-b1 td")]
    assert cells == [NASTY, "€ 3.14", "two", "€ 2.0"] or cells == [NASTY, "€ 3.14", "two", "€ 2"]
    assert [head.text() for head in tree.css(".b-b1 th")] == ["Name", "Price"]


def test_blocks_and_sections_are_shown_only_if() -> None:
    shown = {"path": "custom.flag", "op": "eq", "value": "yes"}
    inner = block("text", showIf=shown)
    for value in (document(inner), document(block("text"), showIf=shown)):
        for flag, there in (("yes", True), ("no", False)):
            data = {**DATA, "custom": {**DATA["custom"], "flag": flag}}
            assert ("b-b1" in _body(render(value, data))) == there
        assert "b-b1" not in _body(render(value))


def _body(html: str) -> str:
    return html[html.index("<body") :]


def test_a_block_repeats_and_its_condition_may_ask_of_the_entry() -> None:
    repeated = block("text", repeat={"path": "custom.list", "as": "entry"})
    repeated["props"]["html"] = "{{ entry.name }};"
    data: dict[str, Any] = {**DATA, "custom": {"list": [{"name": "a"}, {"name": "b", "on": 1}]}}
    assert "a;" in render(document(repeated), data) and "b;" in render(document(repeated), data)
    only = {**repeated, "showIf": {"path": "entry.on", "op": "set"}}
    html = render(document(only), data)
    assert "b;" in html and "a;" not in html
    # A condition on the list itself is asked before the list is needed
    missing = {**repeated, "showIf": {"path": "custom.list", "op": "set"}}
    assert "b-b1" not in _body(render(document(missing), {**DATA, "custom": {}}))


@pytest.mark.parametrize(
    ("url", "value", "href"),
    [
        ("{{ custom.u }}", "javascript:alert(1)", "#"),
        ("{{ custom.u }}", " JavaScript:alert(1)", "#"),
        ("{{ custom.u }}", "java\nscript:alert(1)", "#"),
        ("{{ custom.u }}", "data:text/html,<script>", "#"),
        ("java{{ custom.u }}", "script:alert(1)", "#"),
        ("{{ custom.u }}:alert(1)", "javascript", "#"),
        ("{{ custom.u }}/x", "https://shop.example", "https://shop.example/x"),
        ("https://shop.example/{{ custom.u }}", 'a"b&c', 'https://shop.example/a"b&c'),
        ("mailto:{{ custom.u }}", "a@b.example", "mailto:a@b.example"),
        ("{{ custom.u|default('https://shop.example/') }}", "", "https://shop.example/"),
    ],
)  # fmt: skip
def test_a_value_never_becomes_a_link_that_runs(url: str, value: str, href: str) -> None:
    button = block("button")
    button["props"] = {"label": "x", "url": url}
    text = block("text", "b2")
    text["props"] = {"html": f'<a href="{url}">x</a>'}
    tree = LexborHTMLParser(render(document(button, text), {**DATA, "custom": {"u": value}}))
    assert [link.attributes["href"] for link in tree.css("a")] == [href, href]


def test_a_missing_link_is_refused_not_sent_empty() -> None:
    button = block("button")
    with pytest.raises(Exception, match="undefined"):
        render(document(button), {**DATA, "custom": {"a": "x"}})


def test_words_that_look_like_templates_or_tokens_stay_words() -> None:
    words = "{% if x %} {# no #} {{ 7*7 }} Qz0Token000000 Qz1Token"
    one, other = block("text"), block("code", "b2")
    one["props"]["html"] = f"<p>{words}</p>{{{CHIP}}}"
    other["props"]["value"] = "Qz0Token000001 { {{ custom.n }} }"
    text = LexborHTMLParser(render(document(one, other))).text()
    assert words in text and "{" + NASTY + "}" in text and "Qz0Token000001 { 3 }" in text


@pytest.mark.parametrize("columns", schema.WIDTHS)
def test_every_layout_of_columns(columns: tuple[int, ...]) -> None:
    section = {
        "id": "s", "columns": list(columns),
        "blocks": [[block("text", f"b{at}")] for at in range(len(columns))],
    }  # fmt: skip
    html = render({"version": 1, "sections": [section]})
    classes = re.findall(r'class="mj-outlook-group-fix (mj-column-per-[\d-]+)"', html)
    assert len(classes) == len(columns)


def test_the_page_is_of_its_language_and_asks_nobody_for_anything() -> None:
    value = everything()
    value["settings"] = {"lang": "it", "font": "Roboto, 'Open Sans', Arial"}
    html = render(value)
    assert '<html lang="it"' in html and "<title>A title</title>" in html
    hosts = set(re.findall(r"https?://([^/\"'<> )]+)", html)) - {"www.w3.org"}
    assert hosts == {"shop.example", "social.example"}


def test_a_title_that_is_no_plain_template_is_left_out() -> None:
    html = mjml.to_html(schema.parse(everything()), title="{% if custom.a %}x{% endif %}")
    assert "custom.a %}x" not in html


def test_the_canvas_shows_variables_and_runs_no_logic() -> None:
    value = everything()
    value["sections"][0]["showIf"] = {"path": "custom.never", "op": "set"}
    html = mjml.to_html(schema.parse(value), canvas=True, title="{{ custom.a }}")
    before_code, _, _ = html.partition("<!--[if mso]><i>")
    assert "{{" not in before_code and "{%" not in before_code
    tree = LexborHTMLParser(html)
    chips = {chip.attributes["data-var"] for chip in tree.css("[data-var]")}
    assert chips == {"custom.a", "custom.n", "item.name", "item.price|round(2)"}
    assert all(tree.css_first(f".b-b{at}") for at in range(len(PROPS)))


def test_the_same_document_gives_the_same_bytes_and_its_links_can_be_counted() -> None:
    found = schema.parse(everything())
    assert mjml.to_html(found, title="x") == mjml.to_html(found, title="x")
    html = render(everything())
    seen: list[str] = []

    def note(url: str, index: int) -> str:
        seen.append(url)
        return f"https://t.example/{index}"

    assert "https://t.example/0" in rewrite_links(html, note, pixel=None)
    assert "https://shop.example/?a=1&b=2" in seen


@pytest.mark.parametrize(
    ("background", "classes"),
    [(None, "s-s1 surface themed"), ("#f3f4f6", "s-s1 ground themed"), ("#ffe0e0", "s-s1")],
)
def test_only_a_colour_of_its_own_stays_in_the_dark(background: str | None, classes: str) -> None:
    html = render(document(block("text"), background=background))
    assert f'<div class="{classes}"' in html


@pytest.mark.parametrize(
    ("kind", "props"),
    [
        ("button", {"label": "Go", "url": "https://shop.example/?a=1&b={{ custom.x }}"}),
        (
            "image",
            {"src": "https://shop.example/i.png", "alt": "I", "url": "https://shop.example/"},
        ),
        ("logo", {"src": "https://shop.example/i.png", "alt": "I", "url": "https://shop.example/"}),
        ("text", {"html": '<p><a href="https://shop.example/">Go</a> &lt;a href=x</p>'}),
        ("footer", {"html": '<p><a href="https://shop.example/">Go</a></p>'}),
        ("social", {"links": [{"network": "x", "url": "https://shop.example/"}]}),
    ],
)
def test_a_block_may_leave_its_links_uncounted(kind: str, props: dict[str, Any]) -> None:
    for counted in (True, False):
        document = schema.parse(
            {
                "version": 1,
                "sections": [
                    {"id": "s1", "columns": [1], "blocks": [
                        [{"id": "b1", "type": kind, "props": {**props, "counted": counted}}]
                    ]}
                ],
            }
        )  # fmt: skip
        html = mjml.to_html(document)
        assert len(links(html)) == counted
        assert ("data-no-track" in html) != counted
        assert "https://shop.example/" in html


@pytest.mark.parametrize("kind", ["heading", "text", "footer"])
@pytest.mark.parametrize("counted", [True, False])
def test_one_link_of_a_text_may_be_left_uncounted(kind: str, counted: bool) -> None:
    text = (
        '<a href="https://shop.example/counted">a</a>'
        '<a data-no-track="x" href="https://shop.example/left">b</a>'
    )
    value = document(block(kind) | {"props": {"html": text, "counted": counted}})
    html = render(value)
    expected = ["https://shop.example/counted"] if counted else []
    assert links(html) == expected
    assert html.count("data-no-track") == 2 - counted  # once for each link, never twice on one
    delivered = rewrite_links(html, lambda url, index: "https://t.example/c", pixel=None)
    opened = re.search(r"<a [^>]*shop\.example/left[^>]*>", html)
    assert opened is not None and opened[0] in delivered
    assert ("https://shop.example/counted" in delivered) != counted

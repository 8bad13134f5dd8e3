"""Real templates: links rewritten with every other byte untouched, and a readable plain text."""

import re
from pathlib import Path

import pytest

from transactional.wire.html import links, rewrite_links
from transactional.wire.mime import build
from transactional.wire.rewrite import transform
from transactional.wire.text import html_to_text

FOLDER = Path(__file__).parents[2] / "fixtures" / "templates"
TEMPLATES = sorted(FOLDER.glob("*.html"))
# Good enough for these known files, and independent of the scanner under test.
HREF = re.compile(r'(<a\s[^>]*?href=")(https?://[^"]*)(")', re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@pytest.fixture(params=TEMPLATES, ids=lambda path: path.stem)
def template(request: pytest.FixtureRequest) -> str:
    return request.param.read_bytes().decode()


def test_there_are_templates() -> None:
    assert len(TEMPLATES) >= 9


def test_only_link_values_change(template: str) -> None:
    rewritten = rewrite_links(template, lambda url, index: f"https://t.example/c/{index}")
    # Comments, put aside, must come back as they were; outside them a plain regex knows the links.
    count = 0

    def expected(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"{found[1]}https://t.example/c/{count - 1}{found[3]}"

    pieces = re.split(f"({COMMENT.pattern})", template, flags=re.DOTALL)
    wanted = "".join(
        piece if piece.startswith("<!--") else HREF.sub(expected, piece) for piece in pieces
    )
    assert rewritten == wanted
    assert len(links(template)) == count


def test_templates_made_with_links_have_them() -> None:
    found = {path.stem: len(links(path.read_bytes().decode())) for path in TEMPLATES}
    assert found["mailgen-default-receipt"] == 3
    assert found["munroe-action"] == 3
    assert found["foundation-order"] == 0


def test_pixel_is_the_only_change(template: str) -> None:
    pixel = '<img src="https://t.example/o" alt="">'
    with_pixel = rewrite_links(template, None, pixel=pixel)
    assert with_pixel.replace(pixel, "", 1) == template
    assert with_pixel.index(pixel) == template.lower().rindex("</body>")


def test_text_is_sane(template: str) -> None:
    text = html_to_text(template)
    assert 100 < len(text) < len(template)
    assert not re.search(r"<[a-z/!]|[{}]|\n\n\n|\ue000|&[a-z]+;", text)
    for url in set(links(template)):
        assert url in text


def test_text_of_a_receipt_reads_like_the_receipt() -> None:
    text = html_to_text((FOLDER / "mailgen-default-receipt.html").read_bytes().decode())
    lines = text.splitlines()
    assert "Hi Zoë Müller," in lines
    assert "Vase & stand Glass €1.99" in lines
    assert "Go to Dashboard (https://shop.example/orders/10293?a=1&b=2#top)" in lines
    assert lines.index("Hi Zoë Müller,") < lines.index("Vase & stand Glass €1.99")


def test_through_a_submitted_message(template: str) -> None:
    raw = build(
        headers=[("From", b"a@x.example"), ("Bcc-Not", b"x")],
        text="plain",
        html=template,
        boundary="=_b",
    )
    seen: list[str] = []

    def instrument(html: str) -> str:
        seen.append(html)
        return html

    assert transform(raw, html=instrument) == raw
    assert [html.replace("\r\n", "\n") for html in seen] == [template.replace("\r\n", "\n")]

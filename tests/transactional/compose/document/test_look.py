"""A brand's look on a document: everything of its own is kept, and putting it on again changes nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.compose.document import schema
from transactional.compose.document.look import Look, dressed, footer_html
from transactional.compose.document.starters import TEMPLATES, starter
from transactional.models import Kind

SETTINGS = {
    "accent": "#aa0000", "text": "#111111", "surface": "#fefefe", "background": "#eeeeee",
    "font": "Georgia, serif", "radius": 12,
}  # fmt: skip
LINKS = [{"network": "x", "url": "https://x.example/tea"}]


def look(**more: Any) -> Look:
    values: dict[str, Any] = {
        "settings": SETTINGS,
        "logo": {"src": "https://i.shop.example/l.png", "alt": "Tea", "width": 120},
        "footer": footer_html("Tea & Co", "Via Roma 1\n42121 Reggio"),
        "former": (footer_html("Shop", ""),),
        "links": LINKS,
    }
    return Look(**values | more)


def document(key: str = "receipt", wearing: Look | None = None, **more: Any) -> dict[str, Any]:
    found = starter(key, "en", kind=Kind.MARKETING, company="Shop", look=wearing, **more)
    return schema.parse(found.document).json


def footers(found: dict[str, Any]) -> list[str]:
    return [
        block["props"]["html"]
        for section in found["sections"]
        for column in section["blocks"]
        for block in column
        if block["type"] == "footer"
    ]


def test_a_former_footer_gives_way_and_what_stood_beside_it_stays() -> None:
    made = dressed(document(), look())
    assert made["settings"]["accent"] == "#aa0000" and made["settings"]["lang"] == "en"
    assert made["sections"][-1]["background"] == "#eeeeee"  # it was the ground before
    (footer,) = footers(made)
    assert footer.startswith("<p>Tea &amp; Co<br>Via Roma 1<br>42121 Reggio</p><p><a href=")
    assert "Shop" not in footer and "unsubscribe_link" in footer


def test_a_footer_of_ones_own_is_kept_below() -> None:
    before = document()
    before["sections"][-1]["blocks"][0][-1]["props"]["html"] = "<p>Written by hand</p>"
    assert footers(dressed(before, look())) == [f"{look().footer}<p>Written by hand</p>"]


@pytest.mark.parametrize("key", ["blank", *TEMPLATES])
def test_new_emails_wear_it_and_again_changes_nothing(key: str) -> None:
    worn = document(key, look())
    blocks = [b for s in worn["sections"] for c in s["blocks"] for b in c]
    kinds = [block["type"] for block in blocks]
    assert kinds[0] == "logo" and kinds[-2:] == ["social", "footer"]
    assert blocks[0]["props"]["src"] == "https://i.shop.example/l.png"
    assert dressed(worn, look()) == worn
    assert schema.parse(worn).json == worn


@given(st.text(max_size=60), st.text(max_size=120))
def test_any_words_make_a_footer_that_can_be_kept(company: str, address: str) -> None:
    html = footer_html(company, address)
    made = dressed(document(), look(footer=html))
    assert schema.parse(made).json == made
    assert "<script" not in html and "{{" not in html

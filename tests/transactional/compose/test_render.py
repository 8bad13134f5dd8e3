"""Data is data: a template never meets the methods of the dicts and lists that hold it."""

from dataclasses import dataclass
from typing import Any

import pytest

from config.errors import PostinoError
from transactional.compose.render import render


@dataclass(frozen=True)
class Words:
    html: str
    subject: str = "s"
    preview_text: str = ""
    text: str = "t"


def refusal(html: str, **custom: Any) -> str:
    with pytest.raises(PostinoError) as refused:
        render(Words(html), {"contact": {}, "custom": custom})
    return f"{refused.value.refusal.code} {refused.value.refusal.message}"


@pytest.mark.parametrize("name", ["items", "keys", "values", "get", "pop", "copy"])
def test_a_missing_property_is_missed_though_dicts_have_a_method_of_its_name(name: str) -> None:
    for html in (f"{{% for i in custom.{name} %}}x{{% endfor %}}", f"{{{{ custom.{name} }}}}"):
        said = refusal(html, order_id="1")
        assert said.startswith("MISSING_TEMPLATE_PROPERTIES")
        assert f"custom.{name}" in said


def test_a_property_of_a_method_s_name_is_the_property() -> None:
    html = "{% for i in custom.items %}{{ i.keys }}{% endfor %}"
    context = {"contact": {}, "custom": {"items": [{"keys": "spare keys"}]}}
    assert render(Words(html), context).html == "spare keys"


@pytest.mark.parametrize(
    "html",
    [
        "{{ custom.list.append }}",
        "{% for i in custom.rows %}{{ i.values }}{% endfor %}",
        "{{ custom.nothing() }}",
        "{{ custom.list.pop(99) }}",
        "{{ custom.list.append() }}",
    ],
)
def test_a_method_is_neither_shown_nor_a_crash(html: str) -> None:
    said = refusal(html, list=[1], rows=[{"a": 1}])
    assert said.startswith("TEMPLATE_RENDER_EXCEPTION"), said
    assert "0x" not in said


def test_the_preview_text_is_text() -> None:
    words = Words("<body>x", preview_text="Tom & {{ custom.a }} <3")
    found = render(words, {"contact": {}, "custom": {"a": "<b>"}})
    assert ">Tom &amp; &lt;b&gt; &lt;3&#8199;" in found.html

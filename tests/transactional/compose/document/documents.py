"""Documents for tests: one block of each type, all of them together, and how they are rendered."""

from copy import deepcopy
from typing import Any

from transactional.compose import template
from transactional.compose.document import mjml, schema

#: Data that would break out of any place that forgets to escape it.
NASTY = "<b>\"&'</b>{{ 7*7 }}"
DATA: dict[str, Any] = {
    "contact": {"firstname": "Anna"},
    "custom": {
        "a": NASTY,
        "n": 3,
        "url": "https://shop.example/?a=1&b=2",
        "items": [{"name": NASTY, "price": 3.14159}, {"name": "two", "price": 2}],
        "deep": {"er": "found"},
    },
    "unsubscribe_link": "https://shop.example/u",
}
CHIP = '<span data-var="custom.a">x</span>'
PROPS: dict[str, dict[str, Any]] = {
    "heading": {"html": f"Hello {CHIP}", "level": 2, "align": "center"},
    "text": {"html": f'<p>{CHIP} <a href="{{{{ custom.url }}}}">link</a></p><ul><li>one</li></ul>'},
    "button": {"label": "Go {{ custom.a }}", "url": "{{ custom.url }}", "full": True},
    "image": {"src": "https://shop.example/a.png", "alt": "{{ custom.a }}", "url": ""},
    "divider": {"color": "#112233"},
    "spacer": {"height": 40},
    "items": {
        "path": "custom.items",
        "columns": [
            {"label": "Name", "value": "{{ item.name }}"},
            {"label": "Price", "value": "€ {{ item.price|round(2) }}", "align": "right"},
        ],
    },
    "summary": {"rows": [{"label": "Total {{ custom.a }}", "value": "{{ custom.n }}"}]},
    "code": {"value": "{{ custom.a }}"},
    "logo": {"src": "{{ custom.url }}", "alt": "Shop", "url": "https://shop.example/"},
    "footer": {"html": f"<p>{CHIP}</p>"},
    "social": {"links": [{"network": "github", "url": "https://social.example/shop"}]},
    "html": {"code": "<!--[if mso]><i>x</i><![endif]-->{% if custom.n < 5 %}<b>few</b>{% endif %}"},
}


def block(kind: str, name: str = "b1", **more: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, "props": deepcopy(PROPS[kind]), **more}


def document(*blocks: dict[str, Any], **section: Any) -> dict[str, Any]:
    one = {"id": "s1", "columns": [1], "blocks": [list(blocks)], **section}
    return {"version": 1, "settings": {}, "sections": [one]}


def everything() -> dict[str, Any]:
    return document(*(block(kind, f"b{at}") for at, kind in enumerate(PROPS)))


def render(value: dict[str, Any], data: dict[str, Any] | None = None) -> str:
    html = mjml.to_html(schema.parse(value), title="A title")
    compiled = template.compile_parts((("body.html", html),))
    return compiled.render("body.html", DATA if data is None else data)

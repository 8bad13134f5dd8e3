"""The door of documents: whatever comes is kept whole and renders, or is refused with a pointer."""

from copy import deepcopy
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.transactional.compose.document.documents import PROPS, block, document, everything
from transactional.compose import template
from transactional.compose.document import mjml, schema
from transactional.compose.document.fields import PROPS as FIELDS


def refused(value: Any) -> list[str]:
    with pytest.raises(schema.DocumentRefused) as caught:
        schema.parse(value)
    assert all(fault.message for fault in caught.value.faults)
    return [fault.pointer for fault in caught.value.faults]


def changed(pointer: str, value: Any) -> dict[str, Any]:
    """The document of everything with one value replaced."""
    whole = deepcopy(everything())
    *path, last = pointer.strip("/").split("/")
    at: Any = whole
    for name in path:
        at = at[int(name)] if isinstance(at, list) else at[name]
    at[int(last) if isinstance(at, list) else last] = value
    return whole


def test_a_whole_document_is_kept_and_kept_again_the_same() -> None:
    kept = schema.parse(everything()).json
    assert schema.parse(kept).json == kept
    assert kept["settings"]["accent"] == "#2f5bd8"
    assert [one["type"] for one in kept["sections"][0]["blocks"][0]] == list(PROPS)


@pytest.mark.parametrize("kind", FIELDS)
def test_a_new_block_needs_no_properties(kind: str) -> None:
    kept = schema.parse(document({"id": "b", "type": kind})).json
    assert set(kept["sections"][0]["blocks"][0][0]["props"]) == set(FIELDS[kind])


BLOCK = "/sections/0/blocks/0/1"


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/version", 2), ("/version", True), ("/extra~1key", 1), ("/settings", []), ("/sections", {}),
        ("/settings/width", 100), ("/settings/width", "600"), ("/settings/accent", "red"),
        ("/settings/accent", "#fff;}"), ("/settings/font", 'Arial"><script>'), ("/settings/lang", "x"),
        ("/settings/unknown", 1), ("/sections/0/columns", [1, 3]), ("/sections/0/columns", [True]),
        ("/sections/0/columns", [[1]]), ("/sections/0/columns", 1), ("/sections/0/blocks", []),
        ("/sections/0/blocks", [[], []]), ("/sections/0/background", "blue"), ("/sections/0/id", ""),
        ("/sections/0/showIf", "x"), ("/sections/0", None), (BLOCK, 5), (f"{BLOCK}/id", "b0"),
        (f"{BLOCK}/id", 'x" onclick="'), (f"{BLOCK}/id", 5), (f"{BLOCK}/type", "script"),
        (f"{BLOCK}/type", ["text"]), (f"{BLOCK}/props", None), (f"{BLOCK}/props/html", 5),
        (f"{BLOCK}/props/html", "a\0b"), pytest.param(f"{BLOCK}/props/html", "x" * 50_001, id="long"),
        (f"{BLOCK}/props/align", "justify"), (f"{BLOCK}/props/onclick", "x"),
        (f"{BLOCK}/repeat", {"path": "custom.x", "as": "custom"}),
        (f"{BLOCK}/showIf", {"path": "custom.x", "op": "set", "also": 1}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_pointed_at(pointer: str, value: Any) -> None:
    at = pointer.replace("~1", "/") if "~" in pointer else pointer
    if "~" in pointer:
        whole = everything() | {at.removeprefix("/"): value}
    else:
        whole = changed(pointer, value)
    assert any(found.startswith(pointer) for found in refused(whole))


@pytest.mark.parametrize(
    ("show_if", "at"),
    [
        ({"path": "x", "op": "set"}, "path"), ({"path": "", "op": "set"}, "path"), ({}, "path"),
        ({"path": "custom.x", "op": "is"}, "op"), ({"path": "custom.x", "op": ["eq"]}, "op"),
        ({"path": "custom.x", "op": "gt", "value": "many"}, "value"),
        ({"path": "custom.x", "op": "eq", "value": [1]}, "value"),
        pytest.param({"path": "custom.x", "op": "eq", "value": "x" * 501}, "value", id="long"),
        ({"path": "custom.x|upper", "op": "set"}, "path"),
    ],
)  # fmt: skip
def test_conditions_are_checked(show_if: dict[str, Any], at: str) -> None:
    whole = document(block("text", showIf=show_if))
    assert f"/sections/0/blocks/0/0/showIf/{at}" in refused(whole)
    assert f"/sections/0/showIf/{at}" in refused(document(showIf=show_if))


def test_rows_are_pointed_at() -> None:
    rows = [{"label": "ok"}, {"label": "{{ nothing }}"}]
    whole = document({"id": "b", "type": "summary", "props": {"rows": rows}})
    assert refused(whole) == ["/sections/0/blocks/0/0/props/rows/1/label"]
    rows[1] = {"label/x": "a"}
    assert refused(whole) == ["/sections/0/blocks/0/0/props/rows/1/label~1x"]


def test_a_loop_gives_a_name_within_its_block_alone() -> None:
    inner = {"id": "b", "type": "text", "props": {"html": "{{ line.x }}"}}
    loop = {"path": "custom.lines", "as": "line"}
    chip = '<span data-var="line.x">line.x</span>'
    kept = schema.parse(document({**inner, "repeat": loop})).json
    assert kept["sections"][0]["blocks"][0][0]["props"]["html"] == chip
    outside = {"id": "c", "type": "text", "props": {"html": chip}}
    assert refused(document({**inner, "repeat": loop}, outside)) == [
        "/sections/0/blocks/0/1/props/html"
    ]


def test_caps() -> None:
    many = [{"id": f"b{at}", "type": "spacer"} for at in range(schema.BLOCKS)]
    schema.parse(document(*many))
    assert refused(document(*many, {"id": "last", "type": "spacer"}))
    assert refused(document(*(block("text", f"t{at}") for at in range(500))))
    big = [{"id": f"b{at}", "type": "text", "props": {"html": "x" * 49_000}} for at in range(21)]
    assert refused(document(*big)) == [""]
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]
    for value in (deep, {1: 2}, {"a": {1, 2}}, {"a": 10**40}, "\ud800", {"a": object()}):
        assert refused(value) == [""]


def test_many_faults_are_told_at_once_but_not_without_end() -> None:
    bad = [{"id": f"b{at}", "type": "nonsense"} for at in range(100)]
    assert len(refused(document(*bad))) == schema.ERRORS


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
WORDS = st.text(max_size=60) | st.sampled_from(
    ["{{ custom.a }}", "{{ custom.a|default('}}') }}", "{", "{{", "{%", "<p>{</p>{{ custom.a }}",
     "javascript:1", "https://x.example/{{ custom.a }}", "{{ custom.url }}x", "java{{ custom.a }}",
     "{<b>{</b>", "{<span data-var='custom.a'></span>", "Qz0Token000000", "<!--", "{#", "custom.items"]
)  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Documents that are nearly right, so that most of them pass the door."""
    blocks = []
    for at in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from([kind for kind in FIELDS if kind != "html"]))
        props = deepcopy(PROPS[kind])
        for name, value in props.items():
            if isinstance(value, str) and draw(st.booleans()):
                props[name] = draw(WORDS)
        if kind == "summary" and draw(st.booleans()):
            props["rows"] = [{"label": draw(WORDS), "value": draw(WORDS)}]
        one = {"id": f"b{at}", "type": kind, "props": props}
        if draw(st.booleans()):
            op = draw(st.sampled_from(["set", "unset", "eq", "ne"]))
            one["showIf"] = {"path": "custom.a.b", "op": op, "value": draw(WORDS)}
        if draw(st.booleans()):
            one["repeat"] = {"path": "custom.list", "as": "entry"}
        blocks.append(one)
    return document(*blocks)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150, deadline=None)
@given(value=documents() | ANY, title=WORDS)
def test_any_json_is_refused_with_a_pointer_or_renders(value: Any, title: str) -> None:
    try:
        found = schema.parse(value)
    except schema.DocumentRefused as err:
        known = ("", "/version", "/settings", "/sections")
        faults = err.faults
    else:
        known, faults = (), []
        assert schema.parse(orjson.loads(orjson.dumps(found.json))).json == found.json
        html = mjml.to_html(found, title=title)
        data = {
            "contact": {"firstname": "A"}, "unsubscribe_link": "u",
            "custom": {"a": "<\"'&{{", "n": 1, "url": "javascript:1", "list": [{}, {}],
                       "items": [{"name": "x", "price": 1}]},
        }  # fmt: skip
        out = template.compile_parts((("body.html", html),)).render("body.html", data)
        assert 'href="javascript' not in out.lower() and "Qz0Token0" not in out.replace(
            "Qz0Token000000", ""
        )
        mjml.to_html(found, title=title, canvas=True)
    assert all(fault.pointer == "" or fault.pointer.startswith("/") for fault in faults)
    assert not faults or known

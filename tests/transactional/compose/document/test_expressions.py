"""The grammar of variables: what it takes, what it refuses, and that its output is inert."""

from typing import Any

import minijinja
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.compose import template
from transactional.compose.document.expressions import (
    ExpressionRefused,
    condition,
    literal,
    parse,
    parse_name,
    parse_path,
    split,
)


def value(source: str, data: dict[str, Any]) -> str:
    name = "x.html"
    return template.compile_parts(((name, source),)).render(name, data)


@pytest.mark.parametrize(
    ("source", "custom", "shown"),
    [
        ("custom.a", {"a": "x"}, "x"),
        ("custom.a", {"a": '<&">'}, "&lt;&amp;&quot;&gt;"),
        (" custom.a.b | upper ", {"a": {"b": "x"}}, "X"),
        ('custom.a|default("y")', {}, "y"),
        ("custom.a|default('y')|upper", {"a": ""}, "Y"),
        ("custom.a|default('y')", {"a": 0}, "0"),
        ("custom.a|default('y')", {"a": False}, "False"),
        ("custom.a.b.c|default('y')", {}, "y"),
        ("custom.a.b.c|default('y')", {"a": {"b": ""}}, "y"),
        (
            "custom.a|default('it\\'s \"<b>\" }} {% %}')",
            {},
            "it&#x27;s &quot;&lt;b&gt;&quot; }} {% %}",
        ),
        ("custom.a|title", {"a": "anna rossi"}, "Anna Rossi"),
        ("custom.a|round(2)", {"a": 3.14159}, "3.14"),
        ("custom.a|lower", {"a": "È"}, "è"),
    ],
)
def test_what_the_grammar_means(source: str, custom: dict[str, Any], shown: str) -> None:
    written = "{{ " + parse(source).compiled() + " }}"
    assert value(written, {"custom": custom}) == shown


@pytest.mark.parametrize(
    "source",
    [
        "", " ", "custom", "contact", "contact.a.b", "unsubscribe_link.x", "other.a", "item.a",
        "custom.__class__", "custom._a", "custom..a", ".custom.a", "custom.a.", "custom.a()",
        "custom['a']", "custom.a + 1", "custom.a if true", "7*7", "''", "custom.a|safe",
        "custom.a|default", "custom.a|default(x)", "custom.a|default('a'", "custom.a|default('\n')",
        "custom.a|upper|default('x')", "custom.a|default('x')|default('y')", "custom.a|round(99)",
        "custom.a|round(-1)", "custom.a|tojson", "custom.a|attr('x')", "custom.a }}{{ x",
        pytest.param("custom.a" * 200, id="long"), "custom.loop", "custom.a.b.c.d.e.f.g.h.i", "self.x", "custom.a\x00",
        "custom.a|upper" + "|upper" * 9,
    ],
)  # fmt: skip
def test_nothing_else_is_a_variable(source: str) -> None:
    with pytest.raises(ExpressionRefused):
        parse(source)


def test_a_loop_names_its_entries() -> None:
    assert parse("item.name", names=frozenset({"item"})).path == "item.name"
    assert parse_name("line") == "line"
    for bad in ("custom", "contact", "loop", "a.b", "", "for", "_x", "a b"):
        with pytest.raises(ExpressionRefused):
            parse_name(bad)


def test_plain_text_is_split_into_literals_and_variables() -> None:
    parts = split("a {{ custom.a|default('}}') }}{{custom.b}} } { b")
    assert [part if isinstance(part, str) else part.path for part in parts] == [
        "a ", "custom.a", "custom.b", " } { b",
    ]  # fmt: skip
    for bad in (
        "{{",
        "{{ }}",
        "{% if x %}",
        "{# x #}",
        "{{{ custom.a }}",
        "{{ 7*7 }}",
        "a {{ custom.a }",
    ):
        with pytest.raises(ExpressionRefused):
            split(bad)


@pytest.mark.parametrize(
    ("op", "wanted", "custom", "holds"),
    [
        ("set", None, {"x": "a"}, True), ("set", None, {"x": ""}, False), ("set", None, {}, False),
        ("unset", None, {}, True), ("unset", None, {"x": 1}, False), ("set", None, {"x": []}, False),
        ("eq", "5", {"x": 5}, True), ("eq", 5, {"x": "5"}, True), ("eq", True, {"x": True}, True),
        ("eq", "a", {}, False), ("ne", "a", {}, True), ("ne", "a", {"x": "a"}, False),
        ("eq", "\"'<}}%", {"x": "\"'<}}%"}, True),
        ("gt", 2, {"x": 3}, True), ("gt", 2, {"x": "3.5"}, True), ("gt", 2, {"x": "many"}, False),
        ("lt", 2, {"x": "many"}, False), ("lt", 2.5, {"x": 2}, True), ("lt", 2, {}, False),
        ("lt", 2, {"x": "nan"}, False), ("gt", -1e300, {"x": 0}, True),
    ],
)  # fmt: skip
def test_conditions_never_fail(op: str, wanted: Any, custom: dict[str, Any], holds: bool) -> None:
    source = "{% if " + condition("custom.x", op, wanted) + " %}yes{% else %}no{% endif %}"
    assert value(source, {"custom": custom}) == ("yes" if holds else "no")
    deep = "{% if " + condition("custom.p.q.x", op, wanted) + " %}yes{% else %}no{% endif %}"
    assert value(deep, {"custom": {}}) == ("yes" if op in {"unset", "ne"} else "no")
    assert value(deep, {"custom": {"p": {"q": custom}}}) == ("yes" if holds else "no")


@given(st.text())
def test_a_literal_says_what_it_was_given_and_ends_nothing(text: str) -> None:
    written = literal(text)
    assert not set(written[1:-1]) & set("\"'<>&{}%#\n\r\0")
    env = minijinja.Environment()
    assert env.eval_expr(written) == text


@given(st.text(max_size=80) | st.from_regex(r"custom\.[a-z]+(\|[a-z]+(\(.{0,9}\))?)*"))
def test_any_text_is_a_variable_that_compiles_or_is_refused(text: str) -> None:
    try:
        found = parse(text)
    except ExpressionRefused:
        return
    template.compile_parts((("x.html", "{{ " + found.compiled() + " }}"),))


@given(st.text(alphabet="{}%# .|\"'()acmosntu", max_size=60))
def test_any_text_is_split_or_refused(text: str) -> None:
    try:
        parts = split(text)
    except ExpressionRefused:
        return
    literals = "".join(part for part in parts if isinstance(part, str))
    assert (
        not ({"{{", "{%", "{#"} & {literals[at : at + 2] for at in range(len(literals))})
        or len(parts) > 1
    )


def test_paths_name_data() -> None:
    assert parse_path("custom.items") == "custom.items"
    with pytest.raises(ExpressionRefused):
        parse_path("custom.items|upper")

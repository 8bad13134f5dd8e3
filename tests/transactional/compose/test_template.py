import minijinja
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transactional.compose import template
from transactional.compose.template import TemplateRefused, compile_parts, problems

LONG = {
    "minuses": "{{ " + "-" * 20_000 + "1 }}",
    "nots": "{{ " + "not " * 20_000 + "1 }}",
    "attributes": "{{ a" + ".a" * 20_000 + " }}",
    "filters": "{{ 'a'" + "|upper" * 20_000 + " }}",
    "tildes": "{{ 'a'" + " ~ 'a'" * 20_000 + " }}",
    "parentheses": "{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}",
    "lists": "{{ " + "[" * 20_000 + "]" * 20_000 + " }}",
    "ternaries": "{{ " + "1 if 1 else " * 20_000 + "1 }}",
    "never closed": "{{ " + "-" * 20_000 + "1",
    "in a block": "{% if " + "not " * 20_000 + "1 %}{% endif %}",
    "nested blocks": "{% if 1 %}" * 10_000 + "{% endif %}" * 10_000,
    "closed by a brace inside": "{{ '}}' ~ " + "-" * 20_000 + "1 }}",
    "behind an open parenthesis": "{{ ( }} " + "-" * 20_000 + "1 }}",
    "behind an open brace": "{% if { %} " + "-" * 20_000 + "1 %}{% endif %}",
    "behind an escaped quote": "{{ 'a\\'}}' ~ " + "-" * 20_000 + "1 }}",
    "in a line": "{% set x = " + "-" * 20_000 + "1 %}",
}


@pytest.mark.parametrize("source", LONG.values(), ids=LONG.keys())
def test_a_chain_that_would_crash_the_compiler_never_reaches_it(source: str) -> None:
    with pytest.raises(TemplateRefused):
        compile_parts((("body.html", source),))


BOMBS = {
    "loops": "{% for i in range(99999) %}{% for j in range(99999) %}a{% endfor %}{% endfor %}",
    "repetition": "{{ 'a' * 10000000000 }}",
    "powers": "{{ 9 ** 9 ** 9 ** 9 }}",
    "recursion": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "range": "{{ range(1000000000) | list }}",
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_runs_out_of_fuel(source: str) -> None:
    compiled = compile_parts((("body.html", source),))
    with pytest.raises(minijinja.TemplateError):
        compiled.render("body.html", {})


ESCAPES = [
    "{{ ''.__class__.__mro__ }}",
    "{{ x|attr('__class__') }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ config }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}",
    "{% extends 'x' %}",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_nothing_outside_the_data_can_be_reached(source: str) -> None:
    with pytest.raises((minijinja.TemplateError, TemplateRefused)):
        compile_parts((("body.html", source),)).render("body.html", {"x": "x"})


def test_debug_prints_no_context() -> None:
    compiled = compile_parts((("text", "[{{ debug() }}]"),))
    assert compiled.render("text", {"secret": "s3cret"}) == "[]"


def test_html_is_escaped_and_text_is_not() -> None:
    compiled = compile_parts((("body.html", "{{ x }}"), ("text", "{{ x }}")))
    assert "<" not in compiled.render("body.html", {"x": "<script>"})
    assert compiled.render("text", {"x": "<b>"}) == "<b>"


def test_values_are_not_rendered_twice() -> None:
    compiled = compile_parts((("text", "{{ x }}"),))
    assert compiled.render("text", {"x": "{{ 7*7 }}"}) == "{{ 7*7 }}"


def test_a_syntax_error_names_its_line() -> None:
    (problem,) = problems("html", "<p>\n\n{% if %}\n</p>")
    assert problem.line == 3
    assert problem.field == "html"
    assert problem.message.endswith(".")


def test_an_expression_of_512_operators_is_taken() -> None:
    source = "{{ 1" + " + 1" * template.OPERATORS + " }}"
    assert compile_parts((("text", source),)).render("text", {}) == str(template.OPERATORS + 1)
    with pytest.raises(TemplateRefused):
        compile_parts((("text", source.replace("1 }}", "1 + 1 }}")),))


def test_the_paths_a_template_names_are_known() -> None:
    source = "{{ contact.firstname }}{% for i in custom.items %}{{ i.name }}{% endfor %}"
    assert compile_parts((("text", source),)).paths == {"contact.firstname", "custom.items"}


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="{}%#-|.'\"() aif01\n", max_size=300))
def test_any_source_is_compiled_or_refused(source: str) -> None:
    try:
        compiled = compile_parts((("text", source),))
    except TemplateRefused as err:
        refused = err
    else:
        refused = None
    if refused is not None:
        assert refused.message
        assert refused.line >= 1
        return
    try:
        compiled.render("text", {})
    except (minijinja.TemplateError, TemplateRefused):
        pass

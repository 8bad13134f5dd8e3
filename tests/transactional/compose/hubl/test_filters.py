"""HubL's filters: each documented example, odd input, and what no template may cost."""

import resource
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import minijinja
import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from transactional.compose.hubl import dates, lists, numbers, page, text
from transactional.compose.hubl.filters_table import DATA, FILTERS, Filter, Support
from transactional.compose.hubl.run import BUDGET, TooMuch, running
from transactional.compose.render import prepared
from transactional.compose.template import TemplateRefused, compile_parts

AT = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)
# Contract 3.3: the filters of HubSpot's documentation
DOCUMENTED = [
    "abs",
    "add",
    "attr",
    "batch",
    "between_times",
    "bool",
    "capitalize",
    "center",
    "convert_rgb",
    "cut",
    "datetimeformat",
    "default",
    "dictsort",
    "difference",
    "divide",
    "divisible",
    "escape",
    "escapejs",
    "escapejson",
    "escape_jinjava",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format",
    "format_currency",
    "fromjson",
    "geo_distance",
    "groupby",
    "indent",
    "int",
    "intersect",
    "ipaddr",
    "join",
    "last",
    "length",
    "list",
    "log",
    "lower",
    "map",
    "md5",
    "minus_time",
    "multiply",
    "plus_time",
    "pprint",
    "random",
    "regex_replace",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "root",
    "round",
    "safe",
    "select",
    "selectattr",
    "shuffle",
    "slice",
    "sort",
    "split",
    "string",
    "striptags",
    "strtotime",
    "sum",
    "symmetric_difference",
    "title",
    "tojson",
    "trim",
    "truncate",
    "truncatehtml",
    "union",
    "unique",
    "unixtimestamp",
    "upper",
    "urlencode",
    "urlize",
    "wordcount",
    "wordwrap",
    "xmlattr",
]


def render(source: str, data: dict[str, Any] | None = None, *, seed: str = "s") -> str:
    found = compile_parts((("x.html", source),))
    return found.render("x.html", prepared(data or DATA, found.paths), now=AT, seed=seed)


def test_every_documented_filter_has_its_line() -> None:
    assert set(DOCUMENTED) <= {one.name for one in FILTERS}
    assert len({one.name for one in FILTERS}) == len(FILTERS)


@pytest.mark.parametrize("one", [one for one in FILTERS if one.example], ids=lambda one: one.name)
def test_the_example_of_a_filter_gives_what_the_page_says(one: Filter) -> None:
    assert render(one.example) == one.result


def test_what_is_not_supported_is_refused_by_name() -> None:
    for one in FILTERS:
        if one.support is Support.NONE:
            with pytest.raises(minijinja.TemplateError, match="unknown"):
                render(f"{{{{ 'x'|{one.name} }}}}")


def test_the_page_is_up_to_date() -> None:
    assert (Path(settings.BASE_DIR) / "docs" / "hubl.md").read_text() == page.markdown()


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("{{ 'abc' is string_startingwith('ab') }}", "True"),
        ("{{ [1, 2] is containing(2) }}", "True"),
        ("{{ [1, 2] is containingall([1, 3]) }}", "False"),
        ("{{ 2 is within([1, 2]) }}", "True"),
        ("{{ '' is truthy }}", "False"),
        ("{{ range(3)|join(',') }} {{ range(2, 8, 3)|join(',') }} {{ range(0)|length }}", "0,1,2 2,5 0"),
        ("{{ today()|datetimeformat('%Y-%m-%d %H:%M') }}", "2026-11-25 00:00"),
        ("{{ unixtimestamp('')|datetimeformat('%d %H:%M') }}", "25 12:30"),
        ("{{ 0|datetimeformat }}", "00:00 &#x2f; 01-01-1970"),
        ("{{ '2026-03-29T01:30:00+01:00'|datetimeformat('%H:%M %z', 'UTC') }}", "00:30 +0000"),
        ("{{ '2026-01-31'|plus_time(1, 'months')|datetimeformat('%d %b', '', 'de') }}", "28 Feb"),
        ("{{ '2024-02-29'|plus_time(1, 'years')|datetimeformat('%-d/%-m'|safe)|safe }}", "28/2"),
        ("{{ '2026-03-01'|between_times('2026-01-31', 'months') }}", "-1"),
        ("{{ '2026-11-25'|datetimeformat('EEEE d MMMM', 'Europe/Rome', 'it') }}",
         "mercoledì 25 novembre"),
        ("{{ '2026-11-25T08:19:00Z'|datetimeformat('medium', 'UTC', 'en')|safe }}", "Nov. 25, 2026, 8:19 a.m."),
        ("{{ '2026-11-25T08:19:00Z'|datetimeformat('short', 'UTC', 'it')|safe }}", "25/11/2026 08:19"),
        ("{{ 1234567.891|format_currency('en-US', 'JPY') }}", "¥1,234,568"),
        ("{{ '-5'|format_currency('de-DE', 'EUR') }}", "-5,00\u00a0€"),
        ("{{ 12|format_currency('en-US', 'XYZ') }}", "XYZ\u00a012.00"),
        ("{{ 'free'|format_currency('en-US', 'USD') }}", "free"),
        ("{{ 2.5|round }} {{ 2.1|round(0, 'ceil') }} {{ 2.9|round(0, 'floor') }} {{ 7|round }}",
         "3.0 3.0 2.0 7"),
        ("{{ '<p>a</p><p>bc de</p>'|truncatehtml(4, '…', true) }}", "&lt;p&gt;a&lt;&#x2f;p&gt;&lt;p&gt;bc …&lt;&#x2f;p&gt;"),
        ("{{ 'x <b>y</b> http://a.example/?q=\"><script>'|urlize }}",
         'x &lt;b&gt;y&lt;/b&gt; <a href="http://a.example/?q=">http://a.example/?q=</a>'
         "&quot;&gt;&lt;script&gt;"),
        ("{{ personalization_token('contact.firstname', 'friend') }}", "Anna"),
        ("{{ personalization_token('contact.nickname', 'friend') }}", "friend"),
        ("{{ personalization_token('contact', 'x') }}{{ personalization_token('a.b.c', 'y') }}", "xy"),
        ("{{ personalization_token('contact.keys', 'd') }}", "d"),
    ],
)  # fmt: skip
def test_semantics(source: str, result: str) -> None:
    assert render(source) == result


def test_chance_is_the_messages_own() -> None:
    source = "{{ range(1000)|random }} {{ range(9)|shuffle|join }} {{ 'abcdef'|random }}"
    assert render(source, seed="a") == render(source, seed="a")
    assert len({render(source, seed=str(n)) for n in range(5)}) == 5


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'x'|center(1000000000) }}",
        "{{ 'x'|wordwrap(99999999999) }}",
        "{{ 'x'|indent(1000000000) }}",
        "{{ 'a'|regex_replace('(a', '') }}",
        "{{ 'a'|regex_replace('(?=a)', '') }}",
        "{{ 'a'|regex_replace('(a)\\\\1', '') }}",
        "{{ 'a'|regex_replace('a{1000}', '') }}",
        "{{ 'a'|regex_replace('((((((((((((((((((((((a))))))))))))))))))))))', '') }}",
        "{{ 'a'|regex_replace('(((a{50}){50}){50}){50}', '') }}",
        "{{ 1|divide(0) }}",
        "{{ (10 ** 30)|multiply(10 ** 30) }}",
        "{{ 'x'|datetimeformat }}",
        "{{ 99999999999999999999|datetimeformat }}",
        "{{ 0|datetimeformat('%Q') }}",
        "{{ 0|datetimeformat('%Y', 'Mars/Olympus') }}",
        "{{ 0|datetimeformat('%Y', '../../etc/passwd') }}",
        "{{ 0|plus_time(10 ** 15, 'years') }}",
        "{{ 0|plus_time(1, 'fortnights') }}",
        "{{ 'nope'|strtotime('%Y') }}",
        "{{ '['|fromjson }}",
        "{{ 5|union([1]) }}",
        "{{ 'x'|xmlattr }}",
        "{{ 1|round(999999) }}",
        "{{ '1.1.1.1/8'|ipaddr('nope') }}",
    ],
)
def test_wrong_arguments_are_a_sentence(source: str) -> None:
    with pytest.raises((TemplateRefused, minijinja.TemplateError)) as caught:
        render(source)
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(1000) %}{% for j in range(1000) %}{{ 'x'|center(1000)|md5 }}"
        "{% endfor %}{% endfor %}",
        "{% for i in range(1000) %}{% set y = custom.big|md5 %}{% endfor %}",
        "{{ custom.big|regex_replace('(a*)*(a|aa)*b', '') }}",
        "{{ custom.big|regex_replace('a(.*b)?', 'x') }}",
        "{{ custom.big|replace('a', custom.big)|length }}",
        "{% for i in range(1000) %}{% set y = custom.list|shuffle %}{% endfor %}",
        "{% for i in range(1000) %}{% set y = custom.json|fromjson %}{% endfor %}",
        "{% for i in range(1000) %}{% set y = custom.html|truncatehtml(40000) %}{% endfor %}",
        "{{ custom.list|difference(custom.list)|union(custom.list)|join(custom.big) }}",
        "{% macro f(x) %}{{ f(x|urlize) }}{% endmacro %}{{ f(custom.big) }}",
    ],
)
def test_no_template_costs_more_than_its_share(source: str) -> None:
    """Security B5: it ends, refused or done, and with little memory."""
    custom = {
        "big": "a" * 49_000, "list": list(range(9_000)), "json": "[" + "1," * 50_000 + "1]",
        "html": "<p><b>x</b></p>" * 3_000,
    }  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        render(source, {"custom": custom})
    except (TemplateRefused, minijinja.TemplateError):
        pass
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 256 * 1024


def test_the_budget_is_one_parts() -> None:
    with running(AT, "x") as run:
        run.spend(BUDGET)
        with pytest.raises(TooMuch):
            run.spend(1)
    with running(AT, "x") as run:
        run.spend(BUDGET)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ (0|plus_time(1, 'days')).__class__.__mro__ }}",
        "{{ ([1]|shuffle).__class__ }}",
        "{{ personalization_token.__globals__ }}",
        "{{ today.__globals__ }}",
        "{{ ('{\"a\": 1}'|fromjson).__class__ }}",
        "{{ personalization_token('contact.__class__', 'kept') }}",
        "{{ ('x'|urlize).__class__ }}",
    ],
)
def test_filters_open_no_door(source: str) -> None:
    """Security B4."""
    try:
        found = render(source)
    except (TemplateRefused, minijinja.TemplateError):
        return
    assert found in ("", "kept")


ANY = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=50),
    st.lists(st.integers(), max_size=5), st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
)  # fmt: skip
OURS = [one.function for one in FILTERS if one.function is not None]


@given(st.sampled_from(OURS), ANY, st.lists(ANY, max_size=3))
def test_any_value_gives_a_value_or_a_sentence(function: Any, value: Any, args: list[Any]) -> None:
    with running(AT, "x"), suppress(ValueError, TypeError, TooMuch):
        function(value, *args)


def test_sets_keep_the_order_and_tell_types_apart() -> None:
    assert lists.union([3, 1], [1, 2]) == [3, 1, 2]
    assert lists.difference([1, "1", True], [1]) == ["1", True]


def test_a_number_of_text() -> None:
    assert numbers.number_of("1e5") == 100_000.0
    assert numbers.number_of("9" * 500) is None
    assert text.width_of("5", limit=9, name="x") == 5
    assert dates.unixtimestamp("1970-01-01T00:00:01Z") == 1000

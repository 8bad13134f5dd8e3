"""Every filter HubL documents: ours, the engine's own, or deliberately none. Makes docs/hubl.md.

`example` is a template over the data of DATA, `result` what it gives: the tests render each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from transactional.compose.hubl import dates, lists, numbers, text


class Support(StrEnum):
    """How far a filter of HubL is one of ours."""

    SAME = "same"
    DIFFERS = "differs"
    NONE = "not supported"


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: its function, or None where the engine brings it (or nobody does)."""

    name: str
    example: str
    result: str
    function: Callable[..., Any] | None = None
    support: Support = Support.SAME
    note: str = ""


S, D, N = Support.SAME, Support.DIFFERS, Support.NONE
DATA: dict[str, Any] = {
    "custom": {
        "items": [{"name": "Vase", "price": 12, "kind": "glass"},
                  {"name": "Lamp", "price": 40, "kind": "metal"},
                  {"name": "Bowl", "price": 8, "kind": "glass"}],
        "shipped": 1764085800000, "html": "<p>Hello <b>big wide</b> world</p>", "total": "1234.5",
    },
    "contact": {"firstname": "Anna", "bio": "See https://shop.example/a?b=1&c=2 <now>"},
}  # fmt: skip

FILTERS: tuple[Filter, ...] = (
    Filter("abs", "{{ -53|abs }}", "53"),
    Filter("add", "{{ 40|add(13) }}", "53", numbers.add),
    Filter("attr", "{{ custom.items[0]|attr('name') }}", "Vase"),
    Filter("batch", "{% for row in [1, 2, 3]|batch(2, 0) %}{{ row|join(',') }};{% endfor %}",
           "1,2;3,0;"),
    Filter("between_times", "{{ custom.shipped|between_times(1764345000000, 'days') }}", "3",
           dates.between_times),
    Filter("bool", "{{ 1|bool }}", "True", None, D, "Prints True and False."),
    Filter("capitalize", "{{ 'hello World'|capitalize }}", "Hello world"),
    Filter("center", "[{{ 'mid'|center(9) }}]", "[   mid   ]", text.center, D,
           "At most 1,000 wide."),
    Filter("convert_rgb", "{{ '#ff6600'|convert_rgb }}", "255, 102, 0", numbers.convert_rgb),
    Filter("count", "{{ custom.items|count }}", "3"),
    Filter("cut", "{{ 'Hello world.'|cut(' world') }}", "Hello.", text.cut),
    Filter("d", "{{ custom.gift|d('none') }}", "none"),
    Filter("datetimeformat", "{{ custom.shipped|datetimeformat('%e %B %Y, %H:%M', 'Europe/Rome', 'it') }}",
           "25 novembre 2025, 16:50", dates.datetimeformat, D,
           "Takes milliseconds or ISO 8601; also Java patterns such as `d MMMM yyyy`. Month names as "
           "this installation's translations have them."),
    Filter("default", "{{ contact.lastname|default('friend', true) }}", "friend"),
    Filter("dictsort", "{% for k, v in {'b': 1, 'a': 2}|dictsort %}{{ k }}{{ v }} {% endfor %}",
           "a2 b1 "),
    Filter("difference", "{{ [1, 2, 3]|difference([2, 4])|join(',') }}", "1,3", lists.difference),
    Filter("divide", "{{ 106|divide(2) }}", "53", numbers.divide),
    Filter("divisible", "{{ 10|divisible(5) }}", "True", numbers.divisible),
    Filter("e", "{{ '<b>'|e }}", "&lt;b&gt;"),
    Filter("escape", "{{ '<b>'|escape }}", "&lt;b&gt;"),
    Filter("escape_jinjava", "{{ '{{ x }}'|escape_jinjava|safe }}",
           "&lbrace;&lbrace; x &rbrace;&rbrace;", text.escape_jinjava),
    Filter("escapejs", "{{ 'it\\'s'|escapejs|safe }}", "it\\'s", text.escapejs),
    Filter("escapejson", "{{ 'say \"hi\"'|escapejson|safe }}", 'say \\"hi\\"', text.escapejson),
    Filter("filesizeformat", "{{ 10000|filesizeformat }}", "10.0 kB", None, D,
           "The engine's wording of units."),
    Filter("first", "{{ custom.items|map(attribute='name')|first }}", "Vase"),
    Filter("float", "{{ '1.5'|float }}", "1.5"),
    Filter("forceescape", "{{ '<b>'|forceescape }}", "&lt;b&gt;", text.forceescape),
    Filter("format", "{{ 'Hi %s, %d'|format('Anna', 3) }}", "Hi Anna, 3"),
    Filter("format_currency", "{{ custom.total|format_currency('it-IT', 'EUR') }}",
           "1.234,50\u00a0€", numbers.format_currency, D,
           "Locale and currency are given, `en-US` and `USD` if not: there is no portal default. "
           "Common locales and currencies only."),
    Filter("format_currency_value", "{{ 12|format_currency_value('en-US', 'USD') }}", "$12.00",
           numbers.format_currency, D, "As format_currency."),
    Filter("format_date", "{{ custom.shipped|format_date('yyyy-MM-dd') }}", "2025-11-25",
           dates.datetimeformat, D, "As datetimeformat."),
    Filter("format_datetime", "{{ custom.shipped|format_datetime('d MMM yyyy') }}", "25 Nov 2025",
           dates.datetimeformat, D, "As datetimeformat."),
    Filter("format_number", "{{ 1000.5|format_number('de-DE') }}", "1.000,5",
           numbers.format_number),
    Filter("fromjson", "{{ ('{\"a\": [1, 2]}'|fromjson).a[1] }}", "2", lists.fromjson, D,
           "At most 200,000 characters."),
    Filter("geo_distance", "", "", None, N, "Positions are not part of an email's data."),
    Filter("groupby",
           "{% for g in custom.items|groupby('kind') %}{{ g.grouper }}:{{ g.list|length }} {% endfor %}",
           "glass:2 metal:1 "),
    Filter("indent", "{{ 'a\nb'|indent(2) }}", "a\n  b"),
    Filter("int", "{{ '53'|int }}", "53"),
    Filter("intersect", "{{ [1, 2, 3]|intersect([2, 3, 4])|join(',') }}", "2,3", lists.intersect),
    Filter("ipaddr", "{{ '192.168.0.1/24'|ipaddr('network') }}", "192.168.0.0", text.ipaddr),
    Filter("join", "{{ custom.items|map(attribute='name')|join(', ') }}", "Vase, Lamp, Bowl"),
    Filter("last", "{{ [1, 2, 3]|last }}", "3"),
    Filter("length", "{{ custom.items|length }}", "3"),
    Filter("list", "{{ 'ab'|list|join('-') }}", "a-b"),
    Filter("log", "{{ 64|log(4) }}", "3.0", numbers.log),
    Filter("lower", "{{ 'HUB'|lower }}", "hub"),
    Filter("map", "{{ custom.items|map(attribute='price')|join('+') }}", "12+40+8", None, D,
           "An attribute is named: `map(attribute='price')`. The importer rewrites `map('price')`."),
    Filter("md5", "{{ 'hello'|md5 }}", "5d41402abc4b2a76b9719d911017c592", text.md5),
    Filter("minus_time", "{{ custom.shipped|minus_time(1, 'months') }}", "2025-10-25 15:50:00",
           dates.minus_time),
    Filter("multiply", "{{ 20|multiply(10) }}", "200", numbers.multiply),
    Filter("plus_time", "{{ custom.shipped|plus_time(3, 'days')|datetimeformat('%-d.%-m.') }}", "28.11.",
           dates.plus_time),
    Filter("pprint", "{{ 1|pprint }}", "1", None, D, "The engine's layout."),
    Filter("random", "{% set n = [1, 2, 3]|random %}{{ n in [1, 2, 3] }}", "True", numbers.random, D,
           "Chance, but the same at every rendering of a message: a retry gives the same bytes."),
    Filter("regex_replace", "{{ 'It costs $300'|regex_replace('[^a-zA-Z]', '') }}", "Itcosts",
           text.regex_replace, D,
           "RE2's common part, linear in time: no look-around; `(?i)` at the start. At most 50,000 "
           "characters."),
    Filter("reject", "{{ [1, 2, 3]|reject('odd')|join(',') }}", "2"),
    Filter("rejectattr", "{{ custom.items|rejectattr('price', 'gt', 10)|map(attribute='name')|join }}", "Bowl"),
    Filter("render", "", "", None, N, "Data is never read as a template again."),
    Filter("replace", "{{ 'Hello World'|replace('Hello', 'Goodbye') }}", "Goodbye World"),
    Filter("reverse", "{{ [1, 2, 3]|reverse|join(',') }}", "3,2,1"),
    Filter("root", "{{ 125|root(3) }}", "5.0", numbers.root),
    Filter("round", "{{ 52.567|round(1) }}", "52.6", numbers.rounded),
    Filter("safe", "{{ '<b>x</b>'|safe }}", "<b>x</b>"),
    Filter("select", "{{ [1, 2, 3]|select('odd')|join(',') }}", "1,3"),
    Filter("selectattr", "{{ custom.items|selectattr('kind', 'eq', 'glass')|map(attribute='name')|join(',') }}",
           "Vase,Bowl"),
    Filter("shuffle", "{{ [1, 2, 3]|shuffle|sort|join(',') }}", "1,2,3", lists.shuffle, D,
           "As random: the same at every rendering of a message."),
    Filter("slice", "{% for s in [1, 2, 3]|slice(2) %}{{ s|join(',') }};{% endfor %}", "1,2;3;"),
    Filter("sort", "{{ [3, 1, 2]|sort|join(',') }}", "1,2,3"),
    Filter("split", "{{ 'Ann; Ben ;;Cem'|split(';')|join('|') }}", "Ann|Ben|Cem", lists.split),
    Filter("string", "{{ 5|string }}", "5"),
    Filter("striptags", "{{ custom.html|striptags }}", "Hello big wide world"),
    Filter("strtotime", "{{ '25/11/2026'|strtotime('%d/%m/%Y') }}", "2026-11-25 00:00:00",
           dates.strtotime, D, "Gives a date as text in UTC, which every date filter takes."),
    Filter("sum", "{{ custom.items|map(attribute='price')|sum }}", "60", None, D,
           "`sum(attribute='price')` is `map(attribute='price')|sum`; the importer rewrites it."),
    Filter("symmetric_difference", "{{ [1, 2]|symmetric_difference([2, 3])|join(',') }}", "1,3",
           lists.symmetric_difference),
    Filter("title", "{{ 'hello world'|title }}", "Hello World"),
    Filter("tojson", "{{ {'a': 1}|tojson }}", '{"a": 1}'),
    Filter("trim", "[{{ '  x '|trim }}]", "[x]"),
    Filter("truncate", "{{ 'I am a long text here'|truncate(12) }}", "I am a long ...", text.truncate),
    Filter("truncatehtml", "{{ custom.html|truncatehtml(12)|safe }}", "<p>Hello <b>big...</b></p>",
           text.truncatehtml),
    Filter("union", "{{ [1, 2]|union([2, 3])|join(',') }}", "1,2,3", lists.union),
    Filter("unique", "{{ [1, 2, 2]|unique|join(',') }}", "1,2"),
    Filter("unixtimestamp", "{{ '2026-11-25 12:00:00'|unixtimestamp }}", "1795608000000",
           dates.unixtimestamp),
    Filter("upper", "{{ 'hub'|upper }}", "HUB"),
    Filter("urlencode", "{{ 'a b&c'|urlencode }}", "a%20b%26c", None, D,
           "A space is `%20`, not `+`."),
    Filter("urlize", "{{ contact.bio|urlize(20) }}",
           'See <a href="https://shop.example/a?b=1&amp;c=2">https://shop.exam...</a> &lt;now&gt;',
           text.urlize, D, "What is no address is escaped, unless it is safe."),
    Filter("wordcount", "{{ 'one two three'|wordcount }}", "3", text.wordcount),
    Filter("wordwrap", "{{ 'Lorem ipsum dolor'|wordwrap(11) }}", "Lorem ipsum\ndolor", text.wordwrap),
    Filter("xmlattr", "<a{{ {'class': 'x', 'id': 'a\"b', 'onclick': 'x()'}|xmlattr }}>",
           '<a class="x" id="a&quot;b">', text.xmlattr, D,
           "Names that are no attribute, and event handlers, are left out."),
)  # fmt: skip

"""Counts on pages have their thousands apart; what is no count never has."""

import pytest
from django.template import Context, Template
from django.utils import translation
from django.utils.translation import ngettext

from config.grouping import Grouped, grouped

COUNTED = "{% load i18n shell %}{% blocktrans count n=n|grouped %}{{ n }} row{% plural %}{{ n }} rows{% endblocktrans %}"


@pytest.mark.parametrize(
    ("language", "shown"),
    [("en", ["0", "999", "7,560", "1,234,567"]), ("it", ["0", "999", "7.560", "1.234.567"])],
)
def test_a_count_is_grouped_in_the_language_of_now(language: str, shown: list[str]) -> None:
    page = Template("{% load shell %}{{ n|grouped }}")
    with translation.override(language):
        assert [page.render(Context({"n": n})) for n in (0, 999, 7560, 1234567)] == shown
        assert [f"{Grouped(n)}" for n in (0, 999, 7560, 1234567)] == shown


def test_a_sentence_keeps_its_plural_and_its_words() -> None:
    page = Template(COUNTED)
    with translation.override("en"):
        assert page.render(Context({"n": 1})) == "1 row"
        assert page.render(Context({"n": 2500})) == "2,500 rows"
        said = ngettext("%(n)s row", "%(n)s rows", Grouped(2500)) % {"n": Grouped(2500)}
        assert said == "2,500 rows"
    with translation.override("it"):
        assert page.render(Context({"n": 2500})).startswith("2.500 ")


def test_an_id_is_written_as_it_is_and_what_is_no_count_as_well() -> None:
    with translation.override("it"):
        shown = Template('{{ pk }} {% url "login" %}').render(Context({"pk": 12345}))
        assert shown.startswith("12345 ")
    assert [grouped(one) for one in (None, "–", True, 1.5)] == [None, "–", True, 1.5]

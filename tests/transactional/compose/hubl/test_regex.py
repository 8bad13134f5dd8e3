"""The linear regular expressions against Python's, over every small pattern chance makes."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.compose.hubl import regex

ATOMS = ["a", "b", "[ab]", "[^a]", "(a|b)", "(?:ab)", "\\w", "\\s", ".", "(b)"]
ANCHORS = ["^", "$", "\\b", "\\B"]
REPEATS = ["", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}"]
ONES = st.tuples(st.sampled_from(ATOMS), st.sampled_from(REPEATS)).map("".join)
PATTERNS = st.lists(
    st.one_of(ONES, ONES, ONES, st.sampled_from(ANCHORS)), min_size=1, max_size=5
).map("".join)


@given(PATTERNS, st.text("abc \n", min_size=1, max_size=10))
def test_the_first_match_is_pythons(pattern: str, text: str) -> None:
    # In Python $ also matches before a last line break; in RE2 and here only at the end
    theirs = re.compile(pattern.replace("$", "\\Z"), re.ASCII)
    found = regex._match(regex._Compiler(pattern).program(), text, 0)
    match = theirs.search(text)
    assert (None if found is None else (found[0], found[1])) == (match.span() if match else None)


@pytest.mark.parametrize(
    ("text", "pattern", "new", "result"),
    [
        ("a1b22", "(\\d+)", "<$1>", "a<1>b<22>"),
        ("foObar", "(?i)O+", "0", "f0bar"),
        ("2026-11-25", "(\\d{4})-(\\d\\d)-(\\d\\d)", "$3/$2/$1", "25/11/2026"),
        ("ab|c", "\\||b", "_", "a__c"),
        ("x", "(a|b)*x", "[$1]", "[]"),
        ("price", "p", "\\$", "$rice"),
        ("a]b", "[]]", "-", "a-b"),
        ("a-b", "[a-]", "x", "xxb"),
        ("tab\there", "\\t", " ", "tab here"),
        ("a{b", "a{", "x", "xb"),
        ("日本", "本", "x", "日x"),
    ],
)
def test_replacing(text: str, pattern: str, new: str, result: str) -> None:
    assert regex.replace(text, pattern, new) == result


@pytest.mark.parametrize(
    "pattern", ["*", "a)", "(a", "[a", "a\\", "(?<n>a)", "(?!a)", "\\p{L}", "[b-a]", "a{3,2}"]
)
def test_what_it_does_not_know_is_a_sentence(pattern: str) -> None:
    with pytest.raises(ValueError, match="regex_replace"):
        regex.replace("text", pattern, "")


def test_a_group_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="no group"):
        regex.replace("a", "a", "$3")


@given(st.text(max_size=30), st.text("ab", max_size=10), st.text(max_size=10))
def test_any_pattern_ends(pattern: str, text: str, new: str) -> None:
    with suppress(ValueError):
        regex.replace(text, pattern, new)

"""Which patterns an operator may write; none that is taken can hold up a loop."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.patterns import TEXT, compiled
from transactional.egress.profiles_table import RULES


@pytest.mark.parametrize("pattern", [rule[2] for rule in RULES])
def test_what_is_shipped_is_taken(pattern: str) -> None:
    assert compiled(pattern).flags & re.I


@pytest.mark.parametrize(
    "pattern",
    [
        r"(\w+\s*)+x",
        r"(a|a)*b",
        r"(a|ab|b){10,}c",
        r"(a?){30}a{30}",
        r"((a*))*b",
        r"(?:(?:x+y?)z?)*!",
        r".*.*.*x",
        r"(?=(a+)+b)c",
        r"(.*)\1",
        r"(a+)(?(1)b|c)",
        "(",
        "a{99999999999999999999}",
        "[z-a]",
    ],
)
def test_what_could_run_for_ever_or_is_none_is_refused_with_a_sentence(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\.|Not a regular expression"):
        compiled(pattern)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"too many (?:concurrent |simultaneous )?connections", "Too many concurrent connections"),
        (r"4\.7\.\d+ .*later", "421 4.7.28 Try again LATER"),
        (r"\[(?:TSS04|GL01)\]", "[gl01] Message from"),
        (r"(ab){3,}", "xababab"),
    ],
)
def test_what_is_useful_is_taken(pattern: str, text: str) -> None:
    assert compiled(pattern).search(text)


def test_the_worst_that_is_taken_takes_no_time_to_speak_of() -> None:
    pattern = compiled(r"a*a*b")
    began = time.process_time()
    assert not pattern.search("a" * TEXT)
    assert time.process_time() - began < 30  # of processor time: what is refused takes years


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab(|)*+?{}1,9.[]\\d^$:=!<P>", max_size=30))
def test_whatever_is_written_is_taken_or_refused(pattern: str) -> None:
    try:
        found = compiled(pattern)
    except ValueError:
        return
    found.search("ab" * 100)

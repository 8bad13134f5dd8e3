"""The only place that says which regular expressions of an operator may run where they hold up everything else.

Python's engine backtracks: what repeats a repetition or a choice may take longer than the universe lasts, and nothing
can interrupt it. So what could is refused by its form, before it is ever run: a long repetition (ten times or more) holds
neither another repetition nor a choice, there are LONG of them at most, and a text is searched up to TEXT characters. At
worst that is TEXT² / 2 steps, some milliseconds.
"""

import re
from re import _constants as kinds  # type: ignore[attr-defined]  # the parser's own names have no stubs
from re import _parser as parser  # type: ignore[attr-defined]  # as above
from typing import Any

from django.utils.translation import gettext as _

LONG = 2
TEXT = 1000
_TIMES = 10
_REPEATS = (kinds.MAX_REPEAT, kinds.MIN_REPEAT)


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, case not minded. Raises ValueError, with a sentence for whoever wrote it."""
    try:
        tree = parser.parse(pattern, re.I)
        found = re.compile(pattern, re.I)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(_("Not a regular expression: %(error)s") % {"error": error}) from error
    if _long(tree, within=False) > LONG:
        raise ValueError(
            _(
                "Such a pattern could stop all mail: it has more than two of *, + and {n,}. Say more"
                " exactly what stands in between, or make two rules of it."
            )
        )
    return found


def _long(tree: Any, *, within: bool) -> int:
    """How many long repetitions there are. `within`: the tree is repeated itself. Raises ValueError."""
    total = 0
    for kind, value in tree:
        if kind in _REPEATS or kind is kinds.POSSESSIVE_REPEAT:
            least, most, body = value
            if within and least != most:
                raise _nested()
            long = int(most) >= _TIMES
            total += long + _long(body, within=within or long)
        elif kind is kinds.BRANCH:
            if within:
                raise _nested()
            # one after the other, wherever each of them begins
            total += sum(_long(one, within=within) for one in value[1])
        elif kind is kinds.GROUPREF or kind is kinds.GROUPREF_EXISTS:
            raise ValueError(_("A pattern cannot refer to its own groups (\\1)."))
        elif kind is kinds.SUBPATTERN:
            total += _long(value[-1], within=within)
        elif kind in (kinds.ASSERT, kinds.ASSERT_NOT):
            total += _long(value[1], within=within)
        elif kind is kinds.ATOMIC_GROUP:
            total += _long(value, within=within)
    return total


def _nested() -> ValueError:
    return ValueError(
        _(
            "Such a pattern could stop all mail: a group that is repeated contains another repetition"
            " or a choice. Repeat single characters only, as in \\d+ or [a-z ]*."
        )
    )

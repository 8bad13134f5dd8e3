"""No pattern of ours meets a fault of Python 3.11's regular expressions: Debian 12 ships 3.11.2.

Until 3.11.4 a possessive loop, `(?:\\.[a-z]++)*+`, whose last turn fails half-way goes on from where that turn gave up
rather than from where it began (gh-100061, gh-106052): `a.` is read to its end. It is right where a turn can only fail
before the engine has noted a new position. `(?:\\.[a-z]++|(?!))*+` makes it so: a branch notes where it stands before it
tries, so the last one, which never matches, takes the position back. That costs some 30 ns each time the loop ends, and
no memory for each turn, which `(?>(?:...)*)` does. And until 3.13 what a group within a possessive loop has caught may
be wrong (gh-101955): none stands in one here.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from itertools import product
from re import _compiler as compiler  # type: ignore[attr-defined]  # its own names have no stubs
from re import _constants as kinds  # type: ignore[attr-defined]  # as above
from re import _parser as parser  # type: ignore[attr-defined]  # as above
from types import ModuleType
from typing import Any

import pytest

from tests.house.test_house import APPS, ROOT, sources

_ONE = frozenset({kinds.LITERAL, kinds.NOT_LITERAL, kinds.IN, kinds.ANY})
_STILL = _ONE | {kinds.AT}
_REPEATS = frozenset({kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT})
_LOOKS_POSSESSIVE = re.compile(r"[*+?}]\+|\(\?>")


def faults(tree: Any) -> Iterator[str]:
    """What is wrong with the possessive loops of a parsed pattern, in words."""
    for kind, value in tree:
        if kind is kinds.POSSESSIVE_REPEAT:
            body = list(value[2])
            if any(op is kinds.SUBPATTERN and what[0] for op, what in _within(body)):
                yield "a group within a possessive loop may catch the wrong text"
            if not (_is_one(body) or _stays(body)):
                yield "a possessive loop that may fail half-way: end it with |(?!)"
        for part in _parts(kind, value):
            yield from faults(part)


def _parts(kind: Any, value: Any) -> list[Any]:
    """The trees within one piece of a tree."""
    if kind in _REPEATS:
        return [value[2]]
    if kind is kinds.BRANCH:
        return list(value[1])
    if kind in (kinds.SUBPATTERN, kinds.ASSERT, kinds.ASSERT_NOT):
        return [value[-1]]
    if kind is kinds.GROUPREF_EXISTS:
        return [part for part in value[1:] if part is not None]
    return [value] if kind is kinds.ATOMIC_GROUP else []


def _within(tree: Any) -> Iterator[tuple[Any, Any]]:
    for kind, value in tree:
        yield kind, value
        for part in _parts(kind, value):
            yield from _within(part)


def _is_one(body: list[Any]) -> bool:
    """One character each turn: a loop of its own kind in the engine, without the fault."""
    return len(body) == 1 and body[0][0] in _ONE


def _stays(body: list[Any]) -> bool:
    """Whether a turn that fails leaves the position where it began."""
    if len(body) != 1 or body[0][0] is not kinds.BRANCH:
        return _is_still(body)
    branches = [list(branch) for branch in body[0][1][1]]
    return _is_never(branches[-1]) or all(_is_still(branch) for branch in branches)


def _is_never(sequence: list[Any]) -> bool:
    """`(?!)`, which has a name of its own since 3.13."""
    if len(sequence) != 1:
        return False
    kind, value = sequence[0]
    return kind is kinds.FAILURE or (kind is kinds.ASSERT_NOT and not list(value[1]))


def _is_still(sequence: list[Any]) -> bool:
    """Single characters, then at most loops over single characters that need not turn at all."""
    kept = list(sequence)
    while kept and kept[-1][0] in _REPEATS and not kept[-1][1][0] and _is_one(list(kept[-1][1][2])):
        kept.pop()
    return all(kind in _STILL for kind, _ in kept)


def _of_modules() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Every compiled pattern that a module, a class or a table of ours holds."""
    for path in sources(*APPS):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        yield from _held(importlib.import_module(name), name)


def _held(value: Any, name: str, depth: int = 0) -> Iterator[tuple[str, re.Pattern[Any]]]:
    if isinstance(value, re.Pattern):
        yield name, value
    elif depth > 4:
        return
    elif isinstance(value, ModuleType) or (
        isinstance(value, type) and depth < 3 and value.__module__ in name
    ):
        for key, one in list(vars(value).items()):
            if not isinstance(one, ModuleType):
                yield from _held(one, f"{name}.{key}", depth + 1)
    elif isinstance(value, dict):
        for key, one in list(value.items()):
            yield from _held(one, f"{name}[{key!r}]", depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _held(one, f"{name}[]", depth + 1)


def test_no_pattern_meets_the_faults_of_the_engine() -> None:
    found = dict(_of_modules())
    assert "transactional.wire.header._FIELD" in found  # so it looks where they are
    wrong = {
        f"{name}: {fault}"
        for name, pattern in found.items()
        for fault in faults(parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG))
    }
    assert wrong == set()


def test_possessive_loops_stand_in_patterns_with_a_name() -> None:
    """One compiled in a function would be seen by no test: it belongs to the top of its module."""
    hidden = [
        f"{path.relative_to(ROOT)}:{part.lineno}"
        for path in sources(*APPS)
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("re.")
        for part in ast.walk(call)
        if isinstance(part, ast.Constant) and _LOOKS_POSSESSIVE.search(str(part.value))
    ]
    assert hidden == []


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?:ab?c)*+",
        r"(?:\.[a-z]++)*+",
        r"(?:a[bc]++|c)?+",
        r"(?:abb|acc)*+",  # parsed as a(?:bb|cc)
        r"(?:(?=ab)a|b)*+",
        r"(?:a(?!b))*+",
        r"x(?=(?:ab?c){2,5}+)",
        r"(?:(a)|b)*+",
        r"(?:(?:ab?c)*+|(?!))*+",
    ],
)
def test_what_the_engine_reads_wrongly_is_refused(pattern: str) -> None:
    assert list(faults(parser.parse(pattern)))


def _in_groups(tree: Any) -> Any:
    """The same with each possessive loop as an atomic group, which every Python 3.11 reads rightly."""
    for place, (kind, value) in enumerate(tree.data):
        for part in _parts(kind, value):
            _in_groups(part)
        if kind is kinds.POSSESSIVE_REPEAT:
            loop = parser.SubPattern(tree.state, [(kinds.MAX_REPEAT, value)])
            tree.data[place] = (kinds.ATOMIC_GROUP, loop)
    return tree


@pytest.mark.parametrize(
    "pattern",
    [
        r"[ab]*+c",
        r"(?:[^c\\]|\\.)*+",
        r"(?:ab[bc]*+)*+c",
        r"(?:ab*)*+",
        r"(?:ab?c|(?!))*+",
        r"(?:a[bc]++|c|(?!))++b",
        r"(?:a(?!b)|b(?:cb?a|)|(?!))?+",
        r"(?:ab|ac|(?!))*+b?",
        r"(?:(?:ab?c|(?!))*+b|(?!))*+",
        r"(?:abc){1,2}+",
    ],
)
def test_what_is_let_pass_is_read_rightly_here(pattern: str) -> None:
    """By this interpreter, whichever it is: each possessive loop against its atomic group."""
    tree = parser.parse(pattern)
    assert list(faults(tree)) == []
    loop = re.compile(pattern)
    group = compiler.compile(_in_groups(tree))
    for size in range(7):
        for letters in product("abc\\", repeat=size):
            text = "".join(letters)
            ours, right = loop.match(text), group.match(text)
            assert (ours and ours.span()) == (right and right.span()), text

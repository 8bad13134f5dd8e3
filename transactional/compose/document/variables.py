"""Which variables an email knows: those its document and texts name, those of its sample data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from config.errors import PostinoError
from transactional.compose import render
from transactional.compose.contract import schema
from transactional.compose.document.expressions import CONTACT, CUSTOM
from transactional.models import Email

LIMIT = 500  # told at once
DEPTH = 8


@dataclass(frozen=True, slots=True)
class Variable:
    """A path to data; `sample` is its value in the sample data, if it is a plain one."""

    path: str
    sample: str | int | float | bool | None
    is_list: bool


def known(email: Email) -> list[Variable]:
    """Every path under contact and custom, in alphabetical order."""
    found = {one.path: one for one in of_sample(email.sample)}
    for one in _declared(email):
        found.setdefault(one.path, one)
    for path in named(email):
        found.setdefault(path, Variable(path, None, is_list=False))
    return [found[path] for path in sorted(found)][:LIMIT]


def _declared(email: Email) -> Iterator[Variable]:
    """Those of the contract that can be put into words: what is within a list has a loop's name."""
    lists: list[str] = []
    for path, one in schema.parse(email.contract).walk():
        if any(path.startswith(f"{top}.") for top in lists):
            continue
        if one.type == "list":
            lists.append(path)
        if one.type == "list" or not one.fields:
            yield Variable(f"{CUSTOM}.{path}", None, is_list=one.type == "list")


def named(email: Email) -> frozenset[str]:
    """The paths under contact and custom that the draft's templates name."""
    try:
        paths = render.compiled(email).paths
    except PostinoError:
        return frozenset()
    return frozenset(path for path in paths if path.startswith((f"{CONTACT}.", f"{CUSTOM}.")))


def of_sample(sample: dict[str, Any]) -> Iterator[Variable]:
    """The leaves of the sample data; a list is one."""
    for head in (CONTACT, CUSTOM):
        yield from _leaves(head, sample.get(head, {}), DEPTH)


def _leaves(path: str, value: Any, depth: int) -> Iterator[Variable]:
    if isinstance(value, dict):
        if depth:
            for key, inner in value.items():
                yield from _leaves(f"{path}.{key}", inner, depth - 1)
    elif isinstance(value, list):
        yield Variable(path, None, is_list=True)
    else:
        yield Variable(path, value, is_list=False)

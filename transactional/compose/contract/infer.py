"""A contract proposed from what an email names and what its sample data shows."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from transactional.compose.contract import check
from transactional.compose.contract.schema import DEPTH, VARIABLES, Contract, Variable
from transactional.compose.document import expressions
from transactional.compose.document.expressions import CUSTOM
from transactional.compose.document.variables import named
from transactional.models import Email

_SECRET = re.compile(r"(?:^|_)(?:otp|otc|pin|password|passcode|secret|token|magic_?link)(?:$|_)")
_RESET = re.compile(r"(?:^|_)(?:reset|verify|verification|confirm|login)_?(?:url|link)(?:$|_)")
_IS_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


def proposed(email: Email) -> Contract:
    """What a contract of this draft would say; what it declares already stays as it is."""
    sample = email.sample.get(CUSTOM, {}) if isinstance(email.sample, dict) else {}
    data = sample if isinstance(sample, dict) else {}
    used = _tree(path.split(".")[1:] for path in named(email) if path.startswith(f"{CUSTOM}."))
    with_default = _defaulted(email)
    found = []
    for name in sorted({*used, *(key for key in data if isinstance(key, str))}):
        if not _IS_NAME.fullmatch(name) or name in expressions.RESERVED:
            continue
        needed = name in used and name not in with_default
        found.append(_variable(name, data.get(name), used.get(name, {}), needed, DEPTH))
    return Contract(tuple(found[:VARIABLES]))


def grown(email: Email, *, before: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The contract of a draft with what its author has just named in the editor: used, with a sample
    that was not there before. An email that declares nothing goes on doing so.
    """
    declared = {one["name"] for one in email.contract}
    custom = email.sample.get(CUSTOM, {})
    was = before.get(CUSTOM, {})
    fresh = {key for key in custom if key not in was and key not in declared}
    if not declared or not fresh:
        return list(email.contract)
    used = {path.split(".")[1] for path in named(email) if path.startswith(f"{CUSTOM}.")}
    new = [one for one in proposed(email).variables if one.name in fresh & used]
    return [*email.contract, *(one.json for one in new)][:VARIABLES]


def _tree(paths: Iterator[list[str]]) -> dict[str, Any]:
    """Paths as names within names."""
    root: dict[str, Any] = {}
    for path in paths:
        level = root
        for name in path:
            level = level.setdefault(name, {})
    return root


def _defaulted(email: Email) -> frozenset[str]:
    """Names that the draft writes something else for, or leaves a block out, where they are missing."""
    text = f"{email.subject} {email.preview_text} {email.html} {email.text}"
    return frozenset(re.findall(rf"{CUSTOM}\.(\w+)(?:\.\w+)* is defined", text))


def _variable(
    name: str, value: Any, below: Mapping[str, Any], required: bool, depth: int
) -> Variable:
    kind = _type(name, value, below)
    fields: tuple[Variable, ...] = ()
    if kind in {"list", "object"} and depth > 1:
        entries = value if isinstance(value, list) else [value]
        objects = [one for one in entries if isinstance(one, dict)]
        fields = tuple(_fields(objects, below, depth - 1))
    secret = bool(_SECRET.search(name) or _RESET.search(name) or (name == "code"))
    return Variable(name, kind, required, secret, fields)


def _fields(
    objects: list[dict[str, Any]], below: Mapping[str, Any], depth: int
) -> Iterator[Variable]:
    names = {key: None for one in objects for key in one if isinstance(key, str)} | dict.fromkeys(
        below
    )
    for name in names:
        if not _IS_NAME.fullmatch(name) or name in expressions.RESERVED:
            continue
        shown = [one[name] for one in objects if one.get(name) is not None]
        everywhere = bool(objects) and len(shown) == len(objects)
        value = shown[0] if shown else None
        yield _variable(name, value, below.get(name, {}), everywhere, depth)


def _type(name: str, value: Any, below: Mapping[str, Any]) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list):
        return "list"
    if isinstance(value, dict) or (value is None and below):
        return "object"
    if isinstance(value, str) and value:
        if not check.url_problem(value):
            return "url"
        if not check.date_problem(value):
            return "date"
    return "url" if re.search(r"(?:^|_)(?:url|link)$", name) and not value else "string"

"""Whether the data of a send keeps its version's contract; each fault has a JSON pointer (RFC 6901).

Costs nothing without a contract; with one, a version's is read once per process.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from config.errors import Detail, Refusal
from transactional.compose.contract import schema
from transactional.compose.contract.schema import Contract, Variable
from transactional.models import EmailVersion

ROOT = "/customProperties"
FAULTS = 20  # told at once; the walk stops there
ENTRIES = 50_000  # of all lists of one send; stops a walk that nobody's email needs
KEPT = 1000  # contracts remembered by this process
_compiled: dict[int, Contract] = {}
_URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)


def of_version(version: EmailVersion) -> Contract | None:
    """A version's contract; None where it asks for nothing."""
    if not version.contract:
        return None
    found = _compiled.get(version.pk)
    if found is None:
        if len(_compiled) >= KEPT:
            _compiled.clear()
        found = _compiled[version.pk] = schema.parse(version.contract)
    return found


def refusal(contract: Contract, custom: Mapping[str, Any]) -> Refusal | None:
    """Why this data is not sent, naming each variable; None: it keeps the contract."""
    found = faults(contract, custom)
    if not found:
        return None
    told = "; ".join(f"{one.pointer}: {one.message}" for one in found[:5])
    more = f" And {len(found) - 5} more." if len(found) > 5 else ""
    return Refusal(
        "MISSING_TEMPLATE_PROPERTIES",
        f"The properties do not keep the email's contract. {told}{more}",
        http=422,
        pointer=found[0].pointer,
        details=tuple(found),
    )


def faults(contract: Contract, custom: Mapping[str, Any]) -> list[Detail]:
    """What is missing or wrong, at most FAULTS. Properties that nobody declared are let through."""
    walk = _Walk()
    walk.fields(contract.variables, custom, ROOT)
    return walk.found


def filled(contract: Contract, custom: Mapping[str, Any]) -> dict[str, Any]:
    """The data with what is optional and was not sent as empty, so that it renders as nothing."""
    return _filled(contract.variables, custom)


def _filled(fields: tuple[Variable, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    data = dict(values)
    for one in fields:
        value = data.get(one.name)
        if value is None:
            data[one.name] = _empty(one)
        elif one.type == "object" and isinstance(value, dict):
            data[one.name] = _filled(one.fields, value)
        elif one.type == "list" and one.fields and isinstance(value, list):
            data[one.name] = [
                _filled(one.fields, entry) if isinstance(entry, dict) else entry for entry in value
            ]
    return data


def _empty(variable: Variable) -> Any:
    if variable.type == "list":
        return []
    return _filled(variable.fields, {}) if variable.type == "object" else ""


class _Full(Exception):
    """Enough has been found."""


class _Walk:
    def __init__(self) -> None:
        self.found: list[Detail] = []
        self.entries = 0

    def fields(self, fields: tuple[Variable, ...], values: Mapping[str, Any], at: str) -> None:
        """Each declared field of an object."""
        try:
            self._fields(fields, values, at)
        except _Full:
            return

    def _fields(self, fields: tuple[Variable, ...], values: Mapping[str, Any], at: str) -> None:
        for one in fields:
            value = values.get(one.name)
            pointer = f"{at}/{one.name}"
            if value is None:
                if one.required:
                    self._fault(pointer, "is required", "REQUIRED_FIELD")
            elif one.type == "list":
                self._list(one, value, pointer)
            elif one.type == "object":
                self._object(one, value, pointer)
            elif problem := _PLAIN[one.type](value):
                self._fault(pointer, problem, "INVALID_TYPE")
            elif one.required and value == "":
                self._fault(pointer, "is empty", "REQUIRED_FIELD")

    def _list(self, variable: Variable, value: Any, at: str) -> None:
        if not isinstance(value, list):
            self._fault(at, "must be a list", "INVALID_TYPE")
            return
        self.entries += len(value)
        if self.entries > ENTRIES:
            self._fault(at, f"holds more than {ENTRIES} entries", "TOO_MANY")
            raise _Full
        if variable.fields:
            for index, entry in enumerate(value):
                self._object(variable, entry, f"{at}/{index}")

    def _object(self, variable: Variable, value: Any, at: str) -> None:
        if isinstance(value, dict):
            self._fields(variable.fields, value, at)
        else:
            self._fault(at, "must be an object", "INVALID_TYPE")

    def _fault(self, pointer: str, problem: str, code: str) -> None:
        self.found.append(Detail(pointer, problem, code))
        if len(self.found) >= FAULTS:
            raise _Full


def _string(value: Any) -> str:
    return "" if isinstance(value, str) else "must be text"


def _number(value: Any) -> str:
    right = isinstance(value, int | float) and not isinstance(value, bool)
    return "" if right else "must be a number"


def _boolean(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def date_problem(value: Any) -> str:
    """A day or a moment of ISO 8601, as JSON has no dates."""
    if isinstance(value, str) and len(value) <= 40:
        for read in (date.fromisoformat, datetime.fromisoformat):
            try:
                read(value)
            except ValueError:
                continue
            return ""
    return "must be a date such as 2026-01-31 or 2026-01-31T09:30:00Z"


def url_problem(value: Any) -> str:
    right = isinstance(value, str) and len(value) <= 2000 and _URL.fullmatch(value)
    return "" if right else "must be a link that begins with https:// or http://"


_PLAIN: Mapping[str, Callable[[Any], str]] = {
    "string": _string,
    "number": _number,
    "boolean": _boolean,
    "date": date_problem,
    "url": url_problem,
}

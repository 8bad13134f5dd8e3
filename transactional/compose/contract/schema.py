"""What a contract may say: variables with name, type, required, secret; lists and objects have fields.

Kept as JSON in the draft, frozen with the version; `parse` is its only door.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from transactional.compose.document.expressions import RESERVED

TYPES = {
    "string": gettext_lazy("Text"),
    "number": gettext_lazy("Number"),
    "boolean": gettext_lazy("Yes or no"),
    "date": gettext_lazy("Date"),
    "url": gettext_lazy("Link"),
    "list": gettext_lazy("List"),
    "object": gettext_lazy("Object"),
}
NESTED = frozenset({"list", "object"})
VARIABLES = 200  # of a contract, fields included
DEPTH = 4  # fields within fields
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_KEYS = frozenset({"name", "type", "required", "secret", "fields"})


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a contract, and where (RFC 6901)."""

    pointer: str
    message: str


class ContractRefused(ValueError):
    """JSON that is no contract."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(one.message for one in faults[:3]))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. A list of plain values, or an object of any shape, has no fields."""

    name: str
    type: str
    required: bool
    secret: bool
    fields: tuple["Variable", ...] = ()

    @property
    def json(self) -> dict[str, Any]:
        """As it is kept."""
        kept: dict[str, Any] = {"name": self.name, "type": self.type, "required": self.required}
        kept["secret"] = self.secret
        if self.fields:
            kept["fields"] = [one.json for one in self.fields]
        return kept


@dataclass(frozen=True, slots=True)
class Contract:
    """The variables under `custom`, in the order they were declared."""

    variables: tuple[Variable, ...]

    @property
    def json(self) -> list[dict[str, Any]]:
        """As it is kept."""
        return [one.json for one in self.variables]

    @property
    def has_secrets(self) -> bool:
        """Whether anything must not be shown."""
        return any(one.secret for _path, one in self.walk())

    def walk(self) -> Iterator[tuple[str, Variable]]:
        """Every variable with its path: `order_id`, `items.price`."""
        yield from _walk("", self.variables)


def _walk(above: str, variables: tuple[Variable, ...]) -> Iterator[tuple[str, Variable]]:
    for one in variables:
        path = f"{above}.{one.name}" if above else one.name
        yield path, one
        yield from _walk(path, one.fields)


def parse(value: Any) -> Contract:
    """The contract that JSON says. Raises ContractRefused with every fault and its pointer."""
    reader = _Reader()
    variables = reader.variables(value, "", DEPTH)
    if reader.count > VARIABLES:
        message = _("A contract has at most %(limit)s variables.") % {"limit": VARIABLES}
        reader.faults.append(Fault("", message))
    if reader.faults:
        raise ContractRefused(reader.faults)
    return Contract(variables)


class _Reader:
    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.count = 0

    def variables(self, value: Any, at: str, depth: int) -> tuple[Variable, ...]:
        if not isinstance(value, list):
            self.faults.append(Fault(at, _("This must be a list of variables.")))
            return ()
        found: dict[str, Variable] = {}
        for index, one in enumerate(value[: VARIABLES + 1]):
            pointer = f"{at}/{index}"
            self.count += 1
            variable = self._variable(one, pointer, depth)
            if variable is None or self.count > VARIABLES:
                continue
            if variable.name in found:
                message = _("The name “%(name)s” is used twice.") % {"name": variable.name}
                self.faults.append(Fault(f"{pointer}/name", message))
            found[variable.name] = variable
        return tuple(found.values())

    def _variable(self, value: Any, at: str, depth: int) -> Variable | None:
        if not isinstance(value, dict):
            self.faults.append(Fault(at, _("This must be an object with a name and a type.")))
            return None
        before = len(self.faults)
        for key in value:
            if key not in _KEYS:
                self.faults.append(Fault(f"{at}/{str(key)[:60]}", _("This is not known here.")))
        name = value.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in RESERVED:
            message = _("A name is letters, digits and _, and begins with a letter.")
            self.faults.append(Fault(f"{at}/name", message))
        kind = value.get("type", "string")
        if not isinstance(kind, str) or kind not in TYPES:
            message = _("A type is one of: %(types)s.") % {"types": ", ".join(TYPES)}
            self.faults.append(Fault(f"{at}/type", message))
        for key in ("required", "secret"):
            if not isinstance(value.get(key, False), bool):
                self.faults.append(Fault(f"{at}/{key}", _("This must be true or false.")))
        fields = self._fields(value.get("fields") or [], f"{at}/fields", str(kind), depth)
        if len(self.faults) > before:
            return None
        return Variable(
            name=str(name),
            type=str(kind),
            required=value.get("required", True),
            secret=value.get("secret", False),
            fields=fields,
        )

    def _fields(self, value: Any, at: str, kind: str, depth: int) -> tuple[Variable, ...]:
        if not value:
            return ()
        if kind not in NESTED:
            self.faults.append(Fault(at, _("Only lists and objects have fields.")))
        elif depth <= 1:
            self.faults.append(Fault(at, _("Fields are nested too deeply.")))
        else:
            return self.variables(value, at, depth - 1)
        return ()

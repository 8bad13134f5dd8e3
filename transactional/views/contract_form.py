"""The table of variables on the Settings page: dotted names in, a contract out, and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.http import QueryDict
from django.utils.translation import gettext as _

from transactional.compose.contract import schema
from transactional.compose.contract.schema import NESTED, Contract, ContractRefused, Variable

EMPTY = 1  # rows offered for what is to be added
MOST = schema.VARIABLES
COUNT = "variables"  # how many rows were sent; without it the contract stays as it is
_Node = dict[str, Any]


@dataclass(slots=True)
class Row:
    """One line of the table, as typed; `sample` is None where a value has no cell of its own."""

    name: str = ""
    type: str = "string"
    required: bool = True
    secret: bool = False
    sample: str | None = ""
    error: str = ""


def rows_of(contract: Contract, sample: Mapping[str, Any]) -> list[Row]:
    """The table of a stored contract."""
    lists = [path for path, one in contract.walk() if one.type == "list"]
    found = []
    for path, one in contract.walk():
        cell = one.type not in NESTED and not any(path.startswith(f"{top}.") for top in lists)
        text = _shown(_at(sample, path)) if cell else None
        found.append(Row(path, one.type, one.required, one.secret, text))
    return found


def read(data: QueryDict) -> list[Row] | None:
    """The rows that were sent, without those left empty; None: none were on the page."""
    count = data.get(COUNT, "")
    if not (count.isascii() and count.isdigit() and len(count) < 6):
        return None
    found = []
    for at in range(min(int(count), MOST + 1)):
        name = data.get(f"var-{at}-name", "").replace("\0", "").strip()
        if not name or data.get(f"var-{at}-remove"):
            continue
        found.append(
            Row(
                name=name.removeprefix("custom.")[:300],
                type=data.get(f"var-{at}-type", ""),
                required=f"var-{at}-required" in data,
                secret=f"var-{at}-secret" in data,
                sample=data.get(f"var-{at}-sample"),
            )
        )
    return found


def contract_of(rows: list[Row]) -> list[_Node] | None:
    """The contract that the rows say; None where one is wrong, with its error on the row."""
    top: list[_Node] = []
    by_path: dict[str, _Node] = {}
    for row in rows:
        above, _dot, name = row.name.rpartition(".")
        node: _Node = {
            "name": name, "type": row.type, "required": row.required, "secret": row.secret,
        }  # fmt: skip
        parent = by_path.get(above) if above else None
        if above and parent is None:
            row.error = _("Declare “%(name)s” first, as a list or an object.") % {"name": above}
            continue
        if row.name in by_path:
            row.error = _("The name “%(name)s” is used twice.") % {"name": row.name}
            continue
        by_path[row.name] = node
        siblings = top if parent is None else parent.setdefault("fields", [])
        siblings.append(node)
        try:
            schema.parse([{**node, "fields": []}])
        except ContractRefused as err:
            row.error = err.faults[0].message
    if any(row.error for row in rows):
        return None
    try:
        return schema.parse(top).json
    except ContractRefused as err:
        rows[0].error = err.faults[0].message
        return None


def sampled(
    rows: list[Row], sample: dict[str, Any], stored: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The sample data with what was typed into cells; None where a cell is wrong.

    A cell that still says what is stored gives way to the sample data typed beside it.
    """
    for row in rows:
        if row.sample is None or row.sample == _shown(_at(stored, row.name)):
            continue
        try:
            value = _typed(row.sample, row.type)
        except ValueError:
            row.error = _("The sample is not of this type.")
            continue
        _put(sample.setdefault("custom", {}), row.name.split("."), value)
    return None if any(row.error for row in rows) else sample


def _typed(text: str, kind: str) -> Any:
    text = text.strip()
    if kind == "number" and text:
        found = float(text)
        return int(found) if found.is_integer() and abs(found) < 2**53 else found
    if kind == "boolean" and text:
        if text.lower() not in {"true", "false"}:
            raise ValueError(text)
        return text.lower() == "true"
    return text


def _at(sample: Mapping[str, Any], path: str) -> Any:
    found: Any = sample.get("custom", {})
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _put(data: Any, names: list[str], value: Any) -> None:
    for name in names[:-1]:
        if not isinstance(data, dict) or not isinstance(data.get(name, {}), dict):
            return  # within a list: its entries are the sample data's own
        data = data.setdefault(name, {})
    if isinstance(data, dict) and value != "":
        data[names[-1]] = value
    elif isinstance(data, dict):
        data.pop(names[-1], None)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def with_proposed(rows: list[Row], proposed: Contract, sample: Mapping[str, Any]) -> list[Row]:
    """The rows, and those proposed for what nobody has declared."""
    known = {row.name for row in rows}
    new = [row for row in rows_of(proposed, sample) if row.name not in known]
    return [*rows, *new]


def undeclared(contract: Contract, proposed: Contract) -> list[Variable]:
    """What the draft names and the contract does not."""
    known = {one.name for one in contract.variables}
    return [one for one in proposed.variables if one.name not in known]

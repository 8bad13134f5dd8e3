"""Many rows of several tables, or the answers to several questions, in one statement and one trip.
Works below the ORM.

The rows of a batch travel as one JSON document per table, which costs the client 1 µs a row; octets travel
beside it as arrays. One statement is also one transaction, and one plan that is prepared once.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import orjson
import psycopg

_PLACE = re.compile(r"%(?:%|\((\w+)\)s)")


@dataclass(frozen=True)
class Table:
    """A table, its columns and their PostgreSQL types, in the order rows are given.

    Columns of type bytea must be preceded by the key: `id` comes first. `computed`: columns that are
    not stored as given, each with an expression over the given row, `{row}`.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    computed: tuple[tuple[str, str], ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(name for name, _ in self.columns)

    @cached_property
    def octets(self) -> bool:
        """Whether a column holds octets, which JSON has no place for."""
        return any(kind == "bytea" for _, kind in self.columns)

    def source(self, label: str, extra: str = "") -> str:
        """The rows given as the parameter `label`, as something to select from.

        `extra`: columns besides the table's own, like `, lease uuid`.
        """
        if self.octets:
            arrays = ", ".join(f"%({label}_{n})b::{k}[]" for n, k in self.columns)
            return f"unnest({arrays}) AS {label}({', '.join(self.names)})"
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns)
        return f"json_to_recordset(%({label})s::json) AS {label}({columns}{extra})"

    def insert(self, label: str, rest: str = "", *, extra: str = "") -> str:
        """INSERT of the rows given as the parameter `label`; `rest` follows the FROM clause."""
        names = ", ".join(self.names)
        computed = dict(self.computed)
        chosen = ", ".join(
            computed.get(name, f"{{row}}.{name}").format(row=label) for name in self.names
        )
        source = self.source(label, extra)
        return f"INSERT INTO {self.name} ({names}) SELECT {chosen} FROM {source}{rest}"  # noqa: S608 — our own names

    def values(self, label: str, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """The parameters that carry these rows."""
        if self.octets:
            columns = zip(*rows, strict=True)
            return {f"{label}_{n}": list(c) for n, c in zip(self.names, columns, strict=True)}
        return {label: as_json([dict(zip(self.names, row, strict=True)) for row in rows])}


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as the text of one JSON array; ids and times in their standard forms."""
    return orjson.dumps(rows).decode()


@lru_cache(maxsize=64)
def numbered(text: str) -> tuple[str, tuple[str, ...]]:
    """A statement with its `%(name)s` numbered as the server has them, and the names in that order: for a raw
    cursor. psycopg's others do this anew at each execution of a text of more than 4,096 octets.
    """
    names: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        return names.setdefault(found[1], f"${len(names) + 1}") if found[1] else "%"

    return _PLACE.sub(number, text), tuple(names)


@lru_cache(maxsize=64)
def _text(tables: tuple[Table, ...]) -> str:
    """One statement that fills these tables."""
    *firsts, last = [table.insert(table.name) for table in tables]
    with_ = ", ".join(f"w{place} AS ({one})" for place, one in enumerate(firsts))
    return f"WITH {with_} {last}" if firsts else last


def write(cursor: psycopg.Cursor[Any], batches: Sequence[tuple[Table, list[Any]]]) -> None:
    """Insert each table's rows, all in one statement. Raises psycopg.Error: then none is stored."""
    filled = [(table, rows) for table, rows in batches if rows]
    if not filled:
        return
    values: dict[str, Any] = {}
    for table, rows in filled:
        values |= table.values(table.name, rows)
    text = _text(tuple(table for table, _ in filled))
    cursor.execute(text, values, prepare=True)


Question = tuple[str, Sequence[Any]]  # a SELECT whose columns all have names, and its parameters


@lru_cache(maxsize=16)
def _questions(texts: tuple[str, ...]) -> str:
    asked = ", ".join(f"(SELECT json_agg(q) FROM ({text}) AS q)" for text in texts)  # noqa: S608 — our own
    return f"SELECT {asked}"


def read(cursor: psycopg.Cursor[Any], questions: Sequence[Question]) -> list[list[dict[str, Any]]]:
    """The rows that answer each question, by the names of their columns, as JSON holds them."""
    values = [value for _, given in questions for value in given]
    cursor.execute(_questions(tuple(text for text, _ in questions)), values, prepare=True)
    found = cursor.fetchone() or ()
    return [orjson.loads(one) if isinstance(one, str) else one or [] for one in found]

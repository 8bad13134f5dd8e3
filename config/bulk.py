"""Many rows in one trip: COPY for a batch, a multi-row INSERT for a few. Works below the ORM.

A COPY costs a round trip of its own but 11 µs a row; an INSERT of a few rows can be pipelined.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

FEW = 4  # rows up to which one pipelined INSERT beats a COPY


@dataclass(frozen=True, slots=True)
class Table:
    """A table, its columns and their PostgreSQL types, in the order rows are given."""

    name: str
    columns: tuple[tuple[str, str], ...]

    @property
    def types(self) -> list[str]:
        """The columns' types, for COPY's binary format."""
        return [kind for _, kind in self.columns]

    @property
    def copy(self) -> sql.Composed:
        """COPY … FROM STDIN."""
        names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in self.columns)
        return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
            sql.Identifier(self.name), names
        )

    def insert(self, rows: int, *, ignore: bool = False) -> sql.Composed:
        """INSERT with a VALUES list of this many rows; `ignore` skips rows that exist."""
        one = sql.SQL("({})").format(
            sql.SQL(", ").join(
                sql.SQL("%s::{}").format(sql.SQL(kind))  # type: ignore[arg-type]  # our constants
                for _, kind in self.columns
            )
        )
        return sql.SQL("INSERT INTO {} ({}) VALUES {}{}").format(
            sql.Identifier(self.name),
            sql.SQL(", ").join(sql.Identifier(name) for name, _ in self.columns),
            sql.SQL(", ").join([one] * rows),
            sql.SQL(" ON CONFLICT DO NOTHING" if ignore else ""),
        )


_texts: dict[tuple[str, int], sql.Composed] = {}


def insert_text(table: Table, rows: int) -> sql.Composed:
    """The INSERT of a few rows, composed once."""
    key = (table.name, rows)
    if key not in _texts:
        _texts[key] = table.insert(rows)
    return _texts[key]


def write(cursor: psycopg.Cursor[Any], batches: Sequence[tuple[Table, list[Any]]]) -> None:
    """Insert each table's rows, in order, in the caller's transaction."""
    if all(len(rows) <= FEW for _, rows in batches):
        with cursor.connection.pipeline():
            for table, rows in batches:
                if rows:
                    flat = [value for row in rows for value in row]
                    cursor.execute(insert_text(table, len(rows)), flat, prepare=True)
        return
    for table, rows in batches:
        if not rows:
            continue
        with cursor.copy(table.copy) as copy:
            copy.set_types(table.types)
            for row in rows:
                copy.write_row(row)


async def write_async(
    cursor: psycopg.AsyncCursor[Any], batches: Sequence[tuple[Table, list[Any]]]
) -> None:
    """The same inside an event loop."""
    for table, rows in batches:
        if not rows:
            continue
        if len(rows) <= FEW:
            flat = [value for row in rows for value in row]
            await cursor.execute(insert_text(table, len(rows)), flat, prepare=True)
            continue
        async with cursor.copy(table.copy) as copy:
            copy.set_types(table.types)
            for row in rows:
                await copy.write_row(row)

"""Whom a send is for: rows written from addresses, a file or lists, and whom mail would not reach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg
from django.db import connection, transaction
from django.db.models import QuerySet

from transactional import contact_lists, csv_file
from transactional.compose.contract import check as contract
from transactional.compose.contract.schema import Contract
from transactional.contact_changes import VALUE_MAX
from transactional.csv_file import Row, Sheet
from transactional.models import (
    Audience,
    Broadcast,
    BroadcastRow,
    Contact,
    Kind,
    SubscriptionType,
)
from transactional.wire.address import AddressError, is_role, parse_address

ADDRESS = "@"  # what the column of addresses becomes
PARTS = ("custom", "contact")  # what else a column becomes: custom.name, contact.name, or nothing
ROWS_MAX = 100_000  # of one file
BYTES_MAX = 20 * 1024 * 1024
PROBLEMS_MAX = 20_000  # lines told; further ones are only counted
TYPED_MAX = 1000  # addresses typed into one send
CHUNK = 5000  # rows of one INSERT
BOOLEANS = {"true": True, "yes": True, "1": True, "sì": True, "si": True, "vero": True,
            "false": False, "no": False, "0": False, "falso": False}  # fmt: skip

_ROWS = """
INSERT INTO transactional_broadcastrow (broadcast_id, number, email, values, state, code)
SELECT %s, g.number, g.email, g.values, 'waiting', ''
FROM unnest(%s::int[], %s::text[], %s::jsonb[]) AS g(number, email, values)
ORDER BY g.number
ON CONFLICT (broadcast_id, email) DO NOTHING
"""

_MEMBERS = """
INSERT INTO transactional_broadcastrow (broadcast_id, number, email, values, state, code)
SELECT %s, row_number() OVER (), b.email, '{{}}', 'waiting', '' FROM ({source}) AS b(email)
ON CONFLICT (broadcast_id, email) DO NOTHING
"""

# Why mail of this kind and type would not reach an address: the checks of `submission/policy.py`,
# counted; a test compares the two
_UNREACHED = """
SELECT coalesce(s.code, c.code) AS code, count(*)
FROM ({source}) AS b(email)
LEFT JOIN LATERAL (
    SELECT CASE k.reason WHEN 'complaint' THEN 'PREVIOUS_SPAM' WHEN 'manual' THEN 'BLOCKED_ADDRESS'
           ELSE 'PREVIOUSLY_BOUNCED' END AS code
    FROM (
        SELECT reason, scope, id FROM transactional_suppression
        WHERE account_id = %s AND address = b.email AND (trial_at IS NULL OR trial_at > now())
        UNION ALL
        SELECT 'hard_bounce', a.hard_bounce_scope, NULL
        FROM transactional_globalblock g JOIN tokens_account a ON a.id = %s
        WHERE g.address = b.email AND g.until > now()
    ) AS k
    WHERE k.scope = 'all' OR %s
    ORDER BY (k.scope = 'all') DESC, k.id NULLS LAST LIMIT 1
) AS s ON true
LEFT JOIN LATERAL (
    SELECT CASE
        WHEN k.unsubscribed_at IS NOT NULL THEN 'PREVIOUSLY_UNSUBSCRIBED_PORTAL'
        WHEN EXISTS (
            SELECT FROM transactional_subscription a WHERE a.contact_id = k.id AND a.type_id = %s
            AND a.status = 'unsubscribed'
        ) THEN 'PREVIOUSLY_UNSUBSCRIBED_MESSAGE'
        WHEN k.quarantined_at IS NOT NULL THEN 'QUARANTINED_ADDRESS'
        WHEN k.opt_in = 'pending' THEN 'EMAIL_UNCONFIRMED' END AS code
    FROM transactional_contact k
    WHERE k.account_id = %s AND k.email = b.email OFFSET 0
) AS c ON %s
GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Reach:
    """How many a send is for, and how many of them it would not reach, by code."""

    total: int
    unreached: Mapping[str, int]

    @property
    def missed(self) -> int:
        """How many would not get it."""
        return sum(self.unreached.values())

    @property
    def reached(self) -> int:
        """How many would get it."""
        return self.total - self.missed


@dataclass(slots=True)
class Read:
    """What a file or a list of addresses says, on its way into rows."""

    numbers: list[int] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    duplicates: int = 0
    problems: list[list[int | str]] = field(default_factory=list)

    def problem(self, number: int, code: str) -> None:
        """Note a line that is left out."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append([number, code])

    def take(self, number: int, text: str, values: Mapping[str, Any]) -> None:
        """Note one recipient; repeated and impossible addresses are problems."""
        try:
            found = parse_address(text.strip())
        except AddressError:
            self.problem(number, "address")
            return
        email = found.spec.lower()
        if is_role(found):
            self.problem(number, "role")
        elif email in self.seen:
            self.duplicates += 1
            self.problem(number, "duplicate")
        else:
            self.seen.add(email)
            self.numbers.append(number)
            self.emails.append(email)
            self.values.append(orjson.dumps(values).decode() if values else "{}")


def sheet_of(content: bytes) -> Sheet:
    """The table in a file of recipients. Raises CsvError."""
    return csv_file.read(content, rows_max=ROWS_MAX, bytes_max=BYTES_MAX)


def wrong_columns(header: Sequence[str], columns: Sequence[str]) -> str:
    """Why these columns cannot be: address, twice, name; empty where they can."""
    if len(columns) != len(header) or list(columns).count(ADDRESS) != 1:
        return "address"
    named = [one for one in columns if one and one != ADDRESS]
    if len(set(named)) != len(named):
        return "twice"
    for one in named:
        part, _dot, name = one.partition(".")
        if part not in PARTS or not name.isidentifier() or len(name) > 100:
            return "name"
    return ""


def write_file(broadcast: Broadcast, columns: Sequence[str]) -> None:
    """Turn a file into rows, its columns being these; earlier rows of the send are replaced."""
    sheet = sheet_of(bytes(broadcast.content or b""))
    read = Read()
    promised = contract.of_version(broadcast.version) if broadcast.version else None
    cells = _Cells(sheet.header, columns, promised)
    for row in sheet.rows:
        cells.take(read, row)
    _write(broadcast, read, columns=list(columns))


class _Cells:
    """Reads the cells of a row as what its columns became, typed as the email's contract says."""

    def __init__(self, header: Sequence[str], columns: Sequence[str], promised: Contract | None):
        self.width = len(header)
        self.columns = columns
        self.known = {one.name: one for one in promised.variables} if promised else {}
        # A required variable that no column fills is told once, not line by line
        self.required = [
            name for name, one in self.known.items() if one.required and f"custom.{name}" in columns
        ]

    def take(self, read: Read, row: Row) -> None:
        """Note the row, or what is wrong with it."""
        if any(cell.strip() for cell in row.cells[self.width :]):
            read.problem(row.line, "columns")
            return
        values: dict[str, dict[str, Any]] = {}
        address = ""
        for column, cell in zip(self.columns, row.cells, strict=False):
            if column == ADDRESS:
                address = cell
                continue
            part, _dot, name = column.partition(".")
            if len(cell) > VALUE_MAX:
                read.problem(row.line, "long")
                return
            try:
                value = self._value(part, name, cell.strip())
            except ValueError:
                read.problem(row.line, "type")
                return
            if value is not None:
                values.setdefault(part, {})[name] = value
        if any(name not in values.get("custom", {}) for name in self.required):
            read.problem(row.line, "missing")
            return
        read.take(row.line, address, values)

    def _value(self, part: str, name: str, text: str) -> Any:
        """What a cell says; None: nothing. Raises ValueError for what is not of its type."""
        if not part or (part == "contact" and not text):
            return None
        declared = self.known.get(name) if part == "custom" else None
        if declared is None:
            return text
        return None if not text else as_type(declared.type, text)


def as_type(kind: str, text: str) -> Any:
    """A cell as a value of a contract's type. Raises ValueError."""
    if kind == "number":
        plain = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
        number = float(plain)
        if number != number or number in (float("inf"), float("-inf")):
            raise ValueError(text)
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    if kind == "boolean":
        return BOOLEANS[text.lower()] if text.lower() in BOOLEANS else _no(text)
    if kind in ("list", "object"):
        found = orjson.loads(text)
        return found if isinstance(found, list if kind == "list" else dict) else _no(text)
    return text


def _no(text: str) -> Any:
    raise ValueError(text)


def write_addresses(broadcast: Broadcast, texts: Sequence[str]) -> None:
    """Turn typed addresses into rows."""
    read = Read()
    for number, text in enumerate(texts, start=1):
        read.take(number, text, {})
    _write(broadcast, read, columns=[])


def _write(broadcast: Broadcast, read: Read, *, columns: list[str]) -> None:
    with transaction.atomic():
        BroadcastRow.objects.filter(broadcast=broadcast).delete()
        connection.ensure_connection()
        with psycopg.Cursor(connection.connection) as cursor:
            for first in range(0, len(read.emails), CHUNK):
                piece = slice(first, first + CHUNK)
                parts = (read.numbers[piece], read.emails[piece], read.values[piece])
                cursor.execute(_ROWS, (broadcast.pk, *parts))
        broadcast.columns = columns
        broadcast.total = len(read.emails)
        broadcast.duplicates = read.duplicates
        broadcast.problems = read.problems
        broadcast.expanded = True
        broadcast.save(update_fields=["columns", "total", "duplicates", "problems", "expanded"])


def write_lists(broadcast: Broadcast) -> None:
    """Write a row for everybody who is on the lists now; once, in the caller's transaction."""
    source, values = _members(broadcast)
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS.format(source=source), [broadcast.pk, *values])
    broadcast.total = BroadcastRow.objects.filter(broadcast=broadcast).count()
    broadcast.expanded = True
    broadcast.save(update_fields=["total", "expanded"])


def members(broadcast: Broadcast) -> "QuerySet[Contact]":
    """Who is on the lists of a send now, in the order in which they became contacts."""
    rows = contact_lists.audience(
        broadcast.account_id, include=broadcast.include, exclude=broadcast.exclude
    )
    return rows.order_by("pk")


def _members(broadcast: Broadcast) -> tuple[str, Sequence[Any]]:
    source, values = members(broadcast).values("email").query.sql_with_params()
    return source, list(values)


def reach(broadcast: Broadcast) -> Reach:
    """Whom the send would reach if it began now."""
    if broadcast.audience == Audience.LISTS and not broadcast.expanded:
        source, given = _members(broadcast)
    else:
        source = "SELECT email FROM transactional_broadcastrow WHERE broadcast_id = %s"
        given = [broadcast.pk]
    marketing = broadcast.kind == Kind.MARKETING
    values = [
        *given,
        broadcast.account_id,
        broadcast.account_id,
        marketing,
        _type(broadcast),
        broadcast.account_id,
        marketing,
    ]
    with connection.cursor() as cursor:
        cursor.execute(_UNREACHED.format(source=source), values)
        counted = dict(cursor.fetchall())
    total = sum(counted.values())
    counted.pop(None, None)
    return Reach(total, counted)


def _type(broadcast: Broadcast) -> int:
    version = broadcast.version or broadcast.email.published
    own = version.subscription_type_id if version else None
    return own or int(SubscriptionType.objects.default(broadcast.account_id).pk)

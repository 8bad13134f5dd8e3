"""Suppression lists as CSV files: our own form, and what other services export, told by header.

Writing is safe for spreadsheets: no cell begins a formula.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from tokens.models import Scope
from transactional import classify
from transactional.models import SuppressionReason
from transactional.suppressions import keyed
from transactional.wire.address import AddressError, parse_address

ROWS_MAX = 10_000  # rows that one file may have
SIZE_MAX = 4 * 1024 * 1024  # octets of a file
PROBLEMS_MAX = 200  # problems that are told; further ones are only counted
COLUMNS = ("address", "reason", "scope", "evidence", "message", "added")

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_REASONS: Mapping[str, SuppressionReason] = {
    "bounce": SuppressionReason.HARD_BOUNCE,
    "hardbounce": SuppressionReason.HARD_BOUNCE,
    "hard_bounce": SuppressionReason.HARD_BOUNCE,
    "soft_bounce": SuppressionReason.SOFT_BOUNCE,
    "complaint": SuppressionReason.COMPLAINT,
    "spamcomplaint": SuppressionReason.COMPLAINT,
    "manualsuppression": SuppressionReason.MANUAL,
    "manual": SuppressionReason.MANUAL,
}


_SES_REASONS = frozenset({"bounce", "complaint"})


class FileError(Exception):
    """The file cannot be read as a list of addresses."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An address to suppress; without a scope, the account's setting for the reason decides."""

    address: str
    reason: SuppressionReason
    scope: Scope | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line; its number counts the header as line 1."""

    line: int
    code: str


@dataclass(frozen=True, slots=True)
class Read:
    """A file that was read. `form` names whose it is; `skipped` counts all problems."""

    form: str
    entries: Sequence[Entry]
    problems: Sequence[Problem]
    skipped: int


class _Skip(Exception):
    """A line that is left out; its text is the problem's code."""


_Row = Mapping[str, str]
_Reader = Callable[[_Row], Entry]


def _address(value: str) -> str:
    try:
        return keyed(parse_address(_unsafe(value).strip()).spec)
    except AddressError as err:
        raise _Skip("address") from err


def _reason(value: str) -> SuppressionReason:
    try:
        return _REASONS[value.strip().lower()]
    except KeyError as err:
        raise _Skip("reason") from err


def _own(row: _Row) -> Entry:
    scope = row.get("scope", "").strip().lower()
    if scope not in ("", *Scope.values):
        raise _Skip("scope")
    return Entry(
        _address(row["address"]),
        _reason(row["reason"]),
        Scope(scope) if scope else None,
        _unsafe(row.get("evidence", "")),
    )


def _bounced(address: str, status: str, said: str) -> Entry:
    said = _unsafe(said)
    reason = bounce_reason(status, said)
    if reason is None:
        raise _Skip("block")
    evidence = said if said.startswith(status) or status in said else f"{status} {said}"
    return Entry(_address(address), reason, None, evidence.strip())


def bounce_reason(status: str, said: str) -> SuppressionReason | None:
    """Why an address is on another service's list of bounces; None: refused for the sender's sake.

    A mailbox that was full or locked is worn out, and gets its trial later; what tells nothing is
    taken at their word.
    """
    verdict = classify.report(status=status, diagnostic=f"{status} {said}".strip())
    if verdict.category is classify.Category.BLOCK:
        return None
    worn = verdict.reason in classify.WEARING
    return SuppressionReason.SOFT_BOUNCE if worn else SuppressionReason.HARD_BOUNCE


def _complained(address: str) -> Entry:
    return Entry(_address(address), SuppressionReason.COMPLAINT)


def _unsubscribed(address: str) -> Entry:
    return Entry(_address(address), SuppressionReason.MANUAL, Scope.MARKETING, "Unsubscribed")


# The first form whose columns are all there is the file's
_FORMS: Sequence[tuple[str, frozenset[str], _Reader]] = (
    ("Postino", frozenset({"address", "reason"}), _own),
    (
        "Postmark",
        frozenset({"emailaddress", "suppressionreason"}),
        lambda row: Entry(_address(row["emailaddress"]), _reason(row["suppressionreason"])),
    ),
    (
        "Amazon SES",
        frozenset({"emailaddress", "reason"}),
        lambda row: Entry(_address(row["emailaddress"]), _reason(row["reason"])),
    ),
    (
        "SendGrid",
        frozenset({"email", "status", "reason"}),
        lambda row: _bounced(row["email"], row["status"], row["reason"]),
    ),
    (
        "SendGrid",
        frozenset({"email", "reason", "created"}),
        lambda row: _bounced(row["email"], "", row["reason"]),
    ),
    ("SendGrid", frozenset({"email", "ip", "created"}), lambda row: _complained(row["email"])),
    ("SendGrid", frozenset({"email", "created"}), lambda row: _unsubscribed(row["email"])),
    (
        "Mailgun",
        frozenset({"address", "code", "error"}),
        lambda row: _bounced(row["address"], row["code"], row["error"]),
    ),
    ("Mailgun", frozenset({"address", "tags"}), lambda row: _unsubscribed(row["address"])),
    ("Mailgun", frozenset({"address", "createdat"}), lambda row: _complained(row["address"])),
    (
        "addresses",
        frozenset({"address"}),
        lambda row: Entry(_address(row["address"]), SuppressionReason.MANUAL),
    ),
    (
        "addresses",
        frozenset({"email"}),
        lambda row: Entry(_address(row["email"]), SuppressionReason.MANUAL),
    ),
)


def read(data: bytes) -> Read:
    """The entries of a CSV file, and what is wrong with which lines.

    Raises FileError: "size", "text", "header" (no form that is known), "rows" (more than
    ROWS_MAX), "csv".
    """
    if len(data) > SIZE_MAX:
        raise FileError("size")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise FileError("text") from err
    if "\0" in text:
        raise FileError("text")
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return _read(rows)
    except csv.Error as err:
        raise FileError("csv") from err


def _read(rows: "Iterator[list[str]]") -> Read:
    first = next(rows, [])
    names = [_name(one) for one in first]
    begins = 2  # the header is line 1
    if len(first) == 2 and "@" in first[0] and names[1] in _SES_REASONS:
        names, rows, begins = ["emailaddress", "reason"], chain([first], rows), 1  # SES has none
    form, reader = _form(names)
    entries: dict[tuple[str, str], Entry] = {}
    problems: list[Problem] = []
    skipped = 0
    for number, cells in enumerate(rows, begins):
        if number >= ROWS_MAX + begins:
            raise FileError("rows")
        if not any(cell.strip() for cell in cells):
            continue
        try:
            if len(cells) < len(names):
                raise _Skip("cells")
            entry = reader(dict(zip(names, cells, strict=False)))
            entries[entry.address, entry.reason] = entry
        except _Skip as err:
            skipped += 1
            if len(problems) < PROBLEMS_MAX:
                problems.append(Problem(number, str(err)))
    return Read(form, list(entries.values()), problems, skipped)


def _name(column: str) -> str:
    return column.strip().lower().replace("_", "").replace(" ", "")


def _form(names: Sequence[str]) -> tuple[str, _Reader]:
    for form, columns, reader in _FORMS:
        if columns <= set(names):
            return form, reader
    raise FileError("header")


def write(rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """A CSV file in pieces, header first, UTF-8; `rows` have the COLUMNS."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([safe(cell) for cell in row])
        if buffer.tell() > 16_384:
            yield _taken(buffer)
    yield _taken(buffer)


def safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _unsafe(cell: str) -> str:
    """The cell as it was before `safe`."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell


def _taken(buffer: io.StringIO) -> bytes:
    piece = buffer.getvalue().encode("utf-8", "replace")
    buffer.seek(0)
    buffer.truncate()
    return piece

"""CSV files into contacts: columns mapped, 500 rows a transaction, to be resumed where it stopped.

Properties are merged, an empty cell leaves what is stored. A file may put people on a list and
subscribe them, on a legal basis; who has unsubscribed stays so.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from transactional import contact_lists, contacts, csv_file, subscriptions
from transactional.contact_changes import NAME_MAX, VALUE_MAX
from transactional.csv_file import Row, Sheet
from transactional.models import (
    Contact,
    ContactImport,
    ContactList,
    ListKind,
    Subscribed,
    SubscriptionSource,
    SubscriptionType,
)
from transactional.subscriptions import Origin, Wanted
from transactional.wire.address import AddressError, parse_address

ADDRESS = "@"  # what the column of addresses becomes; a property's name otherwise, or nothing
CHUNK = 500
FORGOTTEN = timedelta(days=1)  # after which a file that nobody went on with is deleted
_ADDRESS_WORDS = frozenset(
    {"email", "e_mail", "mail", "email_address", "e_mail_address", "address", "recipient",
     "indirizzo_email", "indirizzo_e_mail", "indirizzo_mail", "posta_elettronica", "indirizzo"}
)  # fmt: skip


def receive(account_id: int, *, name: str, content: bytes, by: str) -> ContactImport:
    """Keep a file until its columns are chosen. Raises CsvError for what is no table."""
    sheet = csv_file.read(content)
    old = ContactImport.objects.of(account_id).filter(content__isnull=False)
    old.filter(at__lt=timezone.now() - FORGOTTEN).delete()
    made: ContactImport = ContactImport.objects.create(
        account_id=account_id, name=name[:200], content=content, rows=len(sheet.rows), by=by[:254]
    )
    return made


def sheet_of(received: ContactImport) -> Sheet:
    """The table of a file that is not finished yet."""
    return csv_file.read(bytes(received.content or b""))


def suggested(header: Sequence[str]) -> list[str]:
    """What each column most likely is: the first that sounds like it holds the addresses."""
    names = [_plain(cell) for cell in header]
    columns: list[str] = []
    for name in names:
        sounds = name in _ADDRESS_WORDS and ADDRESS not in columns
        columns.append(ADDRESS if sounds else "" if name in columns else name)
    return columns


def _plain(cell: str) -> str:
    """`Nome e Città` becomes `nome_e_citta`, which templates can name."""
    ascii_only = unicodedata.normalize("NFKD", cell).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", ascii_only.lower()).strip("_")[:NAME_MAX]


def wrong_columns(header: Sequence[str], columns: Sequence[str]) -> str:
    """Why these columns cannot be: address, twice, name; empty where they can."""
    if len(columns) != len(header) or list(columns).count(ADDRESS) != 1:
        return "address"
    named = [column for column in columns if column and column != ADDRESS]
    if len(set(named)) != len(named):
        return "twice"
    if any(len(name) > NAME_MAX or not name.isprintable() for name in named):
        return "name"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """What else becomes of the people of a file: a static list, a type they are subscribed to."""

    list_id: int | None = None
    type_id: int | None = None
    legal_basis: str = ""
    explanation: str = ""


def start(
    account_id: int, import_id: int, columns: Sequence[str], chosen: Audience | None = None
) -> bool:
    """Choose the columns, and what else becomes of these people; False where that was done before.

    Raises ContactList.DoesNotExist, SubscriptionType.DoesNotExist for what is not the account's.
    """
    also = chosen or Audience()
    if also.list_id is not None:
        ContactList.objects.of(account_id).get(pk=also.list_id, kind=ListKind.STATIC)
    if also.type_id is not None:
        SubscriptionType.objects.of(account_id).get(pk=also.type_id)
    rows = ContactImport.objects.of(account_id).filter(pk=import_id, columns=[])
    return bool(
        rows.update(
            columns=list(columns),
            list_id=also.list_id,
            type_id=also.type_id,
            legal_basis=also.legal_basis,
            explanation=also.explanation[: subscriptions.EXPLANATION_MAX],
        )
    )


@dataclass(slots=True)
class _Read:
    """What a chunk of rows says."""

    people: dict[str, dict[str, str]] = field(default_factory=dict)
    duplicates: int = 0
    problems: list[list[int | str]] = field(default_factory=list)


def run(account_id: int, import_id: int) -> None:
    """Read the rows that are not done yet. Cut short anywhere, another call goes on from there.

    Two calls at a time share the work: each chunk is done under the row's lock, once.
    """
    received = ContactImport.objects.of(account_id).get(pk=import_id)
    if received.content is None or not received.columns:
        return
    sheet = sheet_of(received)
    seen: set[str] = set()
    for first in range(0, max(len(sheet.rows), 1), CHUNK):
        read = _read(sheet, received.columns, sheet.rows[first : first + CHUNK], seen)
        seen |= read.people.keys()
        _store(account_id, import_id, first=first, read=read)


def _read(sheet: Sheet, columns: Sequence[str], rows: Sequence[Row], seen: set[str]) -> _Read:
    read = _Read()
    for row in rows:
        cells = dict(zip(columns, row.cells, strict=False))
        surplus = any(cell.strip() for cell in row.cells[len(sheet.header) :])
        try:
            address = parse_address(cells.get(ADDRESS, "").strip()).spec.lower()
        except AddressError:
            read.problems.append([row.line, "columns" if surplus else "address"])
            continue
        given = {name: cells[name].strip() for name in cells if name and name != ADDRESS}
        if surplus or any(len(value) > VALUE_MAX for value in given.values()):
            read.problems.append([row.line, "columns" if surplus else "long"])
            continue
        read.duplicates += address in seen or address in read.people
        known = {name: value for name, value in given.items() if value}
        read.people.setdefault(address, {}).update(known)
    return read


def _store(account_id: int, import_id: int, *, first: int, read: _Read) -> None:
    """Write a chunk and how far the file has been read, together; nothing where it was done."""
    with transaction.atomic():
        locked = ContactImport.objects.of(account_id).select_for_update().get(pk=import_id)
        if locked.content is None or locked.done != first:
            return
        known = Contact.objects.of(account_id).filter(email__in=list(read.people)).count()
        people = [(account_id, email, given) for email, given in read.people.items()]
        written = contacts.upsert_many(people)
        made = len(people) - known
        locked.subscribed += _join(locked, list(read.people))
        locked.created += made
        locked.changed += max(0, written - made)
        locked.duplicates += read.duplicates
        locked.problems += read.problems
        locked.done = min(first + CHUNK, locked.rows)
        if locked.done == locked.rows:
            locked.content = None
        locked.save()


def _join(received: ContactImport, emails: list[str]) -> int:
    """Put a chunk's people on the list and subscribe them; how many were subscribed.

    Nobody comes back who has left, and nobody's own answer is written over.
    """
    account_id = received.account_id
    if received.list_id is not None:
        found = ContactList.objects.of(account_id).filter(pk=received.list_id).first()
        if found is not None:
            contact_lists.add(account_id, found, emails)
    type_id = received.type_id
    if type_id is None:
        return 0
    people = subscriptions.people(account_id, emails)
    wanted = [
        Wanted(
            email=email,
            type_id=type_id,
            status=Subscribed.SUBSCRIBED,
            legal_basis=received.legal_basis,
            explanation=received.explanation,
        )
        for email in emails
        if people[email].status(type_id) == Subscribed.NOT_SPECIFIED
    ]
    origin = Origin(source=SubscriptionSource.IMPORT, by=received.by)
    return sum(subscriptions.record(account_id, wanted, origin))

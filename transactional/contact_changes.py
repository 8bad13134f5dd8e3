"""The only place that changes contacts for a member of the account; each change is logged.

Who, when and why is kept as a ContactChange beside the contact. Mail's own changes (merged
properties, links of mail, complaints) are in `contacts.py`.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

import orjson
from django.db import transaction
from django.utils import timezone

from transactional.models import Contact, ContactChange, ContactChanged, OptIn

PROPERTIES_MAX = 200  # properties that one form or one file may set
NAME_MAX = 100  # characters of a property's name
VALUE_MAX = 5000  # characters of its value
WHY_MAX = 500  # characters of a reason

_OPT_IN: Mapping[str, OptIn] = {
    ContactChanged.NOT_ASKED: OptIn.NONE,
    ContactChanged.PENDING: OptIn.PENDING,
    ContactChanged.CONFIRMED: OptIn.CONFIRMED,
}
# Whether a change of consent would change anything
_POSSIBLE: Mapping[str, Callable[[Contact], bool]] = {
    ContactChanged.UNSUBSCRIBED: lambda contact: contact.unsubscribed_at is None,
    ContactChanged.RESUBSCRIBED: lambda contact: contact.unsubscribed_at is not None,
    ContactChanged.QUARANTINED: lambda contact: contact.quarantined_at is None,
    ContactChanged.RELEASED: lambda contact: contact.quarantined_at is not None,
    ContactChanged.NOT_ASKED: lambda contact: contact.opt_in != OptIn.NONE,
    ContactChanged.PENDING: lambda contact: contact.opt_in != OptIn.PENDING,
    ContactChanged.CONFIRMED: lambda contact: contact.opt_in != OptIn.CONFIRMED,
}
CHANGES = tuple(ContactChanged(what) for what in _POSSIBLE)


def possible(contact: Contact) -> list[ContactChanged]:
    """The changes of consent that would change something about this contact."""
    return [what for what in CHANGES if _POSSIBLE[what](contact)]


def as_text(value: object) -> str:
    """A property as a form or a file shows it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def create(
    account_id: int, email: str, properties: Mapping[str, str], *, by: str
) -> tuple[Contact, bool]:
    """The contact of this address, and whether it is new; one that exists is left as it is."""
    with transaction.atomic():
        contact, new = Contact.objects.of(account_id).get_or_create(
            account_id=account_id, email=email.lower(), defaults={"properties": dict(properties)}
        )
        if new:
            _log(contact, ContactChanged.CREATED, by=by)
    return contact, new


def edit(
    account_id: int,
    contact_id: int,
    *,
    given: Mapping[str, str],
    removed: Collection[str],
    seen: datetime,
    by: str,
) -> bool:
    """Remove properties, then set others; those not named stay.

    False, and nothing is written, where the contact was changed after `seen`. The log names the
    properties, not what they said.
    """
    with transaction.atomic():
        contact = Contact.objects.of(account_id).select_for_update().get(pk=contact_id)
        if contact.updated_at != seen:
            return False
        before: dict[str, Any] = dict(contact.properties)
        after = {name: value for name, value in before.items() if name not in removed}
        for name, value in given.items():
            # What was only shown as text, and left so, keeps its type
            after[name] = (
                before[name] if name in before and as_text(before[name]) == value else value
            )
        touched = sorted(
            name
            for name in before.keys() | after.keys()
            if name not in before or name not in after or before[name] != after[name]
        )
        if touched:
            contact.properties = after
            contact.updated_at = timezone.now()
            contact.save(update_fields=["properties", "updated_at"])
            _log(contact, ContactChanged.EDITED, by=by, why=", ".join(touched))
    return True


def change(account_id: int, contact_id: int, what: ContactChanged, *, by: str, why: str) -> bool:
    """Change a contact's consent, quarantine or opt-in; False where it already was so."""
    with transaction.atomic():
        contact = Contact.objects.of(account_id).select_for_update().get(pk=contact_id)
        if what not in possible(contact):
            return False
        now = timezone.now()
        if what in (ContactChanged.UNSUBSCRIBED, ContactChanged.RESUBSCRIBED):
            contact.unsubscribed_at = now if what == ContactChanged.UNSUBSCRIBED else None
        elif what in (ContactChanged.QUARANTINED, ContactChanged.RELEASED):
            contact.quarantined_at = now if what == ContactChanged.QUARANTINED else None
        else:
            contact.opt_in = _OPT_IN[what]
        contact.updated_at = now
        contact.save(update_fields=["unsubscribed_at", "quarantined_at", "opt_in", "updated_at"])
        _log(contact, what, by=by, why=why)
    return True


def _log(contact: Contact, what: ContactChanged, *, by: str, why: str = "") -> None:
    ContactChange.objects.create(
        account_id=contact.account_id, contact=contact, what=what, by=by[:254], why=why[:WHY_MAX]
    )

"""The only place that makes, changes and deletes an account's own smarthosts, with the log's entry.

The operator's, which belong to no account, are kept in the admin; accounts only choose them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from config.errors import PostinoError, Refusal
from tokens import audit
from tokens.models import Account
from transactional.models import Smarthost, Stream

MOST = 20  # of one account
_FIELDS = ("name", "host", "port", "username", "tls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A smarthost as somebody wants it. An empty password keeps the one there is."""

    name: str
    host: str
    port: int
    username: str
    tls: str
    password: str


def offered(account: Account) -> QuerySet[Smarthost]:
    """What the account's streams may choose: its own and the operator's."""
    own_or_operators = Q(account=account) | Q(account=None)
    return Smarthost.objects.filter(own_or_operators).order_by("account_id", "name", "pk")


def create(account: Account, wanted: Wanted, *, by: str) -> Smarthost:
    """Make one. Raises PostinoError when there are as many as there may be."""
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        if Smarthost.objects.of(account).count() >= MOST:
            words = f"An account has at most {MOST} smarthosts: delete one that no stream uses."
            raise PostinoError(Refusal("TOO_MANY_SMARTHOSTS", words, http=409))
        row = Smarthost.objects.create(account=account, **_values(wanted))
        row.set_password(wanted.password if wanted.username else "")
        row.save(update_fields=["password"])
        _note(account, row, "created", by)
    return row


def change(account: Account, row: Smarthost, wanted: Wanted, *, by: str) -> None:
    """Make it so. A password is bound to its server: with another host or port it must come along."""
    values = _values(wanted)
    with transaction.atomic():
        changed = [name for name in _FIELDS if getattr(row, name) != values[name]]
        for name in changed:
            setattr(row, name, values[name])
        if wanted.password or not wanted.username:
            changed += ["password"] if wanted.password or row.password else []
            row.set_password(wanted.password if wanted.username else "")
        if changed:
            row.save(update_fields=[*_FIELDS, "password"])
            _note(account, row, "changed", by, changed=", ".join(changed))


def delete(account: Account, row: Smarthost, *, by: str) -> None:
    """Remove it. Raises PostinoError while a stream uses it: its mail would lose its way round."""
    with transaction.atomic():
        # Locked, so that no stream chooses it meanwhile
        Smarthost.objects.of(account).select_for_update().get(pk=row.pk)
        if Stream.objects.filter(fallback=row).exists():
            words = "A stream uses this smarthost: choose another one, or none, there first."
            raise PostinoError(Refusal("SMARTHOST_IN_USE", words, http=409))
        _note(account, row, "deleted", by)
        row.delete()


def _values(wanted: Wanted) -> Mapping[str, Any]:
    return {name: getattr(wanted, name) for name in _FIELDS}


def _note(account: Account, row: Smarthost, what: str, by: str, **data: Any) -> None:
    target = f"smarthost:{row.pk}"
    audit.record(account, f"smarthost.{what}", by=by, target=target, name=row.name, data=data)

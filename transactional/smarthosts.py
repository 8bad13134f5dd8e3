"""The only place that makes, changes and deletes an account's own smarthosts, with the log's entry.

The operator's, which belong to no account, are kept in the admin; accounts only choose them.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from config.addresses import is_public
from config.errors import PostinoError, Refusal
from domains import names
from tokens import audit
from tokens.models import Account
from transactional.models import Smarthost, Stream

MOST = 20  # of one account
PORTS = (25, 587, 588, 2525, 2587)  # what servers that relay listen at, TLS by STARTTLS
TLS = ("verified", "required", "opportunistic")
LONGEST = {"name": 100, "host": 253, "username": 254, "password": 500}
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


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field: a stable code, and a sentence that says what to do."""

    field: str
    code: str
    message: str


# The rules that hold between fields, by their codes
ACROSS: Mapping[str, tuple[str, str]] = {
    "PASSWORD_NEEDS_TLS": (
        "tls",
        "A password is only sent under TLS: choose verified or required.",
    ),
    "PASSWORD_MISSING": ("password", "Give the password of this user name."),
    "PASSWORD_OF_ANOTHER_SERVER": ("password", "Another server: give its password again."),
    "USERNAME_MISSING": ("username", "Give the user name of this password."),
}


def host_of(text: str) -> str:
    """A host name, or an address that mail may go to. Raises PostinoError: INVALID_HOST or
    PRIVATE_ADDRESS.
    """
    host = text.strip().strip("[]")
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        try:
            return names.host_name(host)
        except PostinoError as err:
            words = "This is no host name. Give one as smtp.example.com, without port or https://."
            raise PostinoError(Refusal("INVALID_HOST", words, pointer="host")) from err
    nets = [ipaddress.ip_network(net) for net in settings.EGRESS_PRIVATE_NETS]
    if not is_public(address, nets):
        words = "This is a private or local address. Give the server's public one."
        raise PostinoError(Refusal("PRIVATE_ADDRESS", words, pointer="host"))
    return address


def across(given: Mapping[str, Any], row: Smarthost | None) -> list[str]:
    """The rules between fields that are not kept, as codes of ACROSS. `given`: Wanted's fields."""
    found = []
    kept = row is not None and bool(row.password)
    if given.get("username") and given.get("tls") == "opportunistic":
        found.append("PASSWORD_NEEDS_TLS")
    if given.get("username") and not given.get("password"):
        if not kept:
            found.append("PASSWORD_MISSING")
        elif row and (given.get("host"), given.get("port")) != (row.host, row.port):
            found.append("PASSWORD_OF_ANOTHER_SERVER")
    if given.get("password") and not given.get("username"):
        found.append("USERNAME_MISSING")
    return found


def read(given: Mapping[str, Any], row: Smarthost | None = None) -> Wanted | list[Fault]:
    """What a program asks for, over what there is; or each thing that is wrong with it."""
    new = {"name": "", "host": "", "port": 587, "username": "", "tls": "verified"}
    now = new if row is None else {name: getattr(row, name) for name in _FIELDS}
    values = {**now, "password": "", **given}
    faults = [fault for name in LONGEST if (fault := _text_fault(name, values[name]))]
    port = values["port"]
    ports = PORTS if row is None else {*PORTS, row.port}
    if isinstance(port, bool) or not isinstance(port, int) or port not in ports:
        words = f"port must be one of {', '.join(map(str, PORTS))}: TLS begins by STARTTLS."
        faults.append(Fault("port", "INVALID_PORT", words))
    if values["tls"] not in TLS:
        faults.append(Fault("tls", "INVALID_VALUE", f"tls must be one of {', '.join(TLS)}."))
    if not faults:
        try:
            values["host"] = host_of(values["host"])
        except PostinoError as err:
            faults.append(Fault("host", err.refusal.code, err.refusal.message))
    if not faults:
        faults += [Fault(ACROSS[code][0], code, ACROSS[code][1]) for code in across(values, row)]
    return faults or Wanted(**values)


def _text_fault(name: str, value: object) -> Fault | None:
    most = LONGEST[name]
    if not isinstance(value, str) or len(value) > most:
        return Fault(name, "INVALID_TYPE", f"{name} must be a string of at most {most} characters.")
    if name in ("name", "host") and not value.strip():
        return Fault(name, "REQUIRED", f"Give a {name}.")
    if any(character in value for character in "\0\r\n"):
        return Fault(name, "INVALID_VALUE", f"{name} must have no line breaks.")
    return None


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

"""The only place that connects domains and IPs to an account, and says who may ask DNS about them."""

import ipaddress
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from config.errors import PostinoError, Refusal
from domains import dkim, hosted, names, pools
from domains.dkim import rotation
from domains.models import DnsMode, Domain, EgressSource, SourceEvent, SourceState
from domains.source_checks import in_range, is_connected
from domains.source_states import Why, tell
from tokens import audit
from tokens.models import Account

MOST = 200  # domains of an account: each is asked about for ever, by a worker all share


def free_domain_name(account: Account | int, text: str) -> str:
    """A name that the account may connect, in lower-case A-labels. Raises PostinoError."""
    name = names.domain_name(text)
    mine = Domain.objects.of(account)
    if mine.filter(name=name).exists():
        raise _connected("DOMAIN_EXISTS", "This domain is connected already.", "name")
    if mine.count() >= MOST:
        message = "This account has as many domains as it may have."
        raise PostinoError(Refusal("TOO_MANY_DOMAINS", message, pointer="name"))
    return name


def domain(account: Account, name: str) -> Domain:
    """Connect a free name: the domain with its keys. Raises PostinoError where another was first."""
    try:
        with transaction.atomic():
            row = Domain.objects.create(account=account, name=name)
            dkim.create_keys(row)
    except IntegrityError as err:
        raise _connected("DOMAIN_EXISTS", "This domain is connected already.", "name") from err
    return row


def set_dns_mode(row: Domain, mode: str) -> None:
    """Choose who publishes a domain's records. Raises PostinoError.

    What was right keeps counting: a value that is published directly does what its alias would.
    """
    if mode not in DnsMode.values:
        message = f"dnsMode must be one of {', '.join(DnsMode.values)}."
        raise PostinoError(Refusal("INVALID_MODE", message, pointer="dnsMode"))
    if mode != DnsMode.OWN and not hosted.zone():
        message = "This installation runs no DNS of its own."
        raise PostinoError(Refusal("NO_DNS", message, pointer="dnsMode"))
    now = timezone.now()
    row.dns_mode, row.next_check_at, row.keys_due_at = mode, now, now
    Domain.objects.of(row.account_id).filter(pk=row.pk).update(
        dns_mode=mode, next_check_at=now, keys_due_at=now
    )
    rotation.tend(row)  # both selectors have keys from the beginning


def record(row: Domain, what: str, *, by: str, **data: str) -> None:
    """Write in the account's audit log what somebody did with a domain."""
    act = f"domain.{what}"
    audit.record(row.account_id, act, by=by, target=f"domain:{row.pk}", name=row.name, data=data)


def free_address(text: str) -> str:
    """An IP that mail may leave from and nobody has connected. Raises PostinoError."""
    try:
        address = str(ipaddress.ip_address(text))
    except ValueError as err:
        message = "This is not an IP address."
        raise PostinoError(Refusal("INVALID_ADDRESS", message, pointer="address")) from err
    if "%" in address:
        message = "An address with a zone is this host's own business."
        raise PostinoError(Refusal("INVALID_ADDRESS", message, pointer="address"))
    if not in_range(address):
        message = "This is a private or local address: no mail leaves from it."
        raise PostinoError(Refusal("PRIVATE_ADDRESS", message, pointer="address"))
    if is_connected(address):
        raise _connected("IP_EXISTS", "This IP is connected already.", "address")
    return address


def source(
    account: Account,
    *,
    address: str,
    ehlo_name: str,
    host: str = "",
    warm_up: bool = False,
    by: str = "",
) -> EgressSource:
    """Connect a free IP. Raises PostinoError where another was first.

    `host` is the worker host that has it, empty for any; `warm_up` begins with small budgets.
    """
    try:
        with transaction.atomic():
            row = EgressSource.objects.create(
                account=account, address=address, ehlo_name=ehlo_name, host=host, warm_up=warm_up
            )
            tell(row, SourceEvent.CONNECTED, was=SourceState.PENDING, why=Why(by=by))
            return row
    except IntegrityError as err:
        raise _connected("IP_EXISTS", "This IP is connected already.", "address") from err


def disconnect_source(row: EgressSource) -> None:
    """No mail leaves from the IP from now on; what left from it stays in the log."""
    row.delete()
    pools.forget()


def take_turn(row: Domain | EgressSource, every: timedelta) -> bool:
    """Whether this request is the one to check now: one in `every`, whoever looks."""
    now = timezone.now()
    due = Q(checked_at__isnull=True) | Q(checked_at__lt=now - every)
    rows: QuerySet[Domain] | QuerySet[EgressSource] = type(row)._default_manager.filter(pk=row.pk)
    return bool(rows.filter(due).update(checked_at=now))


def _connected(code: str, message: str, pointer: str) -> PostinoError:
    return PostinoError(Refusal(code, message, http=409, pointer=pointer))

"""Ways to change a right zone: each gives a function that publishes one thing differently."""

from collections.abc import Callable

from domains.records import Record
from tests.dns_server import DnsServer
from tests.domains.publish import quoted

Wanted = dict[str, Record]
Change = Callable[[DnsServer, Wanted], None]
DOMAIN = "shop.example"


def txt(purpose: str, change: Callable[[str], tuple[str, ...]], *, piece: int = 100) -> Change:
    """Other TXT values at a record's host, made from the right one."""

    def apply(server: DnsServer, wanted: Wanted) -> None:
        record = wanted[purpose]
        values = change(record.value)
        server.publish(record.host, "TXT", *(quoted(value, piece=piece) for value in values))

    return apply


def one(purpose: str, value: str) -> Change:
    """One other TXT value, whatever the right one is."""
    return txt(purpose, lambda _: (value,))


def moved(purpose: str, place: str) -> Change:
    """The record at another place; {host}, {short} and {selector} stand for its own names."""

    def apply(server: DnsServer, wanted: Wanted) -> None:
        record = wanted[purpose]
        server.publish(record.host, record.type)
        selector = record.short_host.partition(".")[0]
        there = place.format(host=record.host, short=record.short_host, selector=selector)
        value = quoted(record.value) if record.type == "TXT" else f"{record.value}."
        server.publish(there, record.type, value)

    return apply


def gone(*purposes: str) -> Change:
    """Records that are not there."""

    def apply(server: DnsServer, wanted: Wanted) -> None:
        for purpose in purposes:
            server.publish(wanted[purpose].host, wanted[purpose].type)

    return apply


def only(purpose: str, kind: str, *values: str) -> Change:
    """Nothing at a record's host but these; {value} and {host} stand for its own."""

    def apply(server: DnsServer, wanted: Wanted) -> None:
        record = wanted[purpose]
        filled = tuple(v.format(value=record.value, host=record.host) for v in values)
        server.zone.names[record.host] = {kind: filled}

    return apply


def mx(*values: str) -> Change:
    """Other MX records at the return path; {value} and {host} stand for the right ones."""

    def apply(server: DnsServer, wanted: Wanted) -> None:
        record = wanted["return_path"]
        mail_host = record.value.split()[1]
        filled = (v.format(host=mail_host, own=record.host) for v in values)
        server.publish(record.host, "MX", *filled)

    return apply


def beside(name: str, kind: str, *values: str) -> Change:
    """Records beside the right ones; {dkim}, {spf} and so on stand for their hosts."""

    def apply(server: DnsServer, wanted: Wanted) -> None:
        hosts = {purpose: record.host for purpose, record in wanted.items()}
        server.publish(name.format(**hosts), kind, *(value.format(**hosts) for value in values))

    return apply


def failing(purpose: str) -> Change:
    """SERVFAIL at a record's host."""
    return lambda server, wanted: server.fail(wanted[purpose].host, wanted[purpose].type)


def bogus(purpose: str) -> Change:
    """Signatures that do not hold at a record's host."""
    return lambda server, wanted: server.spoil(wanted[purpose].host)


def both(*changes: Change) -> Change:
    """One change after the other."""

    def apply(server: DnsServer, wanted: Wanted) -> None:
        for change in changes:
            change(server, wanted)

    return apply

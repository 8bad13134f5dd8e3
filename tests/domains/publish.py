"""Publish on the test's DNS server what a domain or an IP asks for."""

import ipaddress

from domains.models import Domain, EgressSource
from domains.records import Record, required
from tests.dns_server import DnsServer


def presented(kind: str, value: str) -> str:
    if kind == "TXT":
        return " ".join(f'"{value[i : i + 200]}"' for i in range(0, len(value), 200))
    return f"{value}."


def quoted(value: str, *, piece: int = 200) -> str:
    """A TXT value in zone-file form, in strings of so many characters."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    text = "".join(c if c.isascii() else "".join(f"\\{o:03d}" for o in c.encode()) for c in escaped)
    return " ".join(f'"{text[i : i + piece]}"' for i in range(0, len(text), piece)) or '""'


def publish_domain(server: DnsServer, domain: Domain) -> dict[str, Record]:
    """All records right; by purpose, with the RSA key's under `dkim`."""
    wanted = required(domain)
    for record in wanted:
        if record.required:
            publish_record(server, record)
    return {record.purpose: record for record in reversed(wanted)}


def publish_record(server: DnsServer, record: Record) -> None:
    server.publish(record.host, record.type, presented(record.type, record.value))


def publish_source(server: DnsServer, source: EgressSource) -> None:
    pointer = ipaddress.ip_address(source.address).reverse_pointer
    server.publish(pointer, "PTR", f"{source.ehlo_name}.")
    server.publish(source.ehlo_name, "A", source.address)


def publish_spf(server: DnsServer, domain: Domain) -> None:
    """An SPF that names every loopback IP."""
    server.publish(domain.return_path_host, "TXT", '"v=spf1 ip4:127.0.0.0/8 -all"')

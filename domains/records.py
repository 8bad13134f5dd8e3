"""The only place that says which DNS records a domain needs, and with which values."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from domains.models import DkimKey, Domain, EgressSource


@dataclass(frozen=True, slots=True)
class Record:
    """One record to publish. `purpose` is dkim, return_path, spf, dmarc or tracking.

    `short_host` is the host as most DNS forms want it: without the domain.
    """

    purpose: str
    type: str
    host: str
    short_host: str
    value: str
    required: bool


def required(domain: Domain) -> tuple[Record, ...]:
    """The records of a domain as its keys and its account's IPs are now."""
    keys = list(domain.dkim_keys.filter(active=True).order_by("-algorithm", "pk"))
    addresses = EgressSource.objects.of(domain.account_id).order_by("pk")
    return records(domain, keys=keys, addresses=addresses.values_list("address", flat=True))


def records(
    domain: Domain, *, keys: Sequence[DkimKey], addresses: Iterable[str]
) -> tuple[Record, ...]:
    """The same from rows already read."""

    def record(purpose: str, kind: str, host: str, value: str, *, required: bool = True) -> Record:
        short = host.removesuffix(f".{domain.name}")
        return Record(purpose, kind, host, short, value, required)

    return (
        *(
            record("dkim", "TXT", f"{key.selector}._domainkey.{domain.name}", key_record(key))
            for key in keys
        ),
        record("return_path", "MX", domain.return_path_host, f"10 {settings.MAIL_HOST}"),
        record("spf", "TXT", domain.return_path_host, spf(addresses)),
        record("dmarc", "TXT", f"_dmarc.{domain.name}", "v=DMARC1; p=none;"),
        record("tracking", "CNAME", domain.tracking_host, platform_host(), required=False),
    )


def key_record(key: DkimKey) -> str:
    """The TXT value that publishes a key (RFC 6376 §3.6.1, RFC 8463 §4)."""
    return f"v=DKIM1; k={key.algorithm}; p={key.public_key}"


def spf(addresses: Iterable[str]) -> str:
    """The SPF policy (RFC 7208) of a return-path host: these addresses and no others."""
    found = [ipaddress.ip_address(address) for address in addresses]
    return " ".join(["v=spf1", *(f"ip{ip.version}:{ip}" for ip in found), "-all"])


def platform_host() -> str:
    """The host that tracking hosts are aliases of: our public one, if it is a name."""
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host if "." in host else str(settings.PLATFORM_DOMAIN)
    return str(settings.PLATFORM_DOMAIN)

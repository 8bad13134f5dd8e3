"""The only place that says which DNS records a domain needs, and with which values."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from django.conf import settings

from domains.models import USABLE, DkimKey, Domain, DomainState, EgressSource

# Local parts on a domain's return-path host that take reports
DMARC_BOX, TLS_BOX = "dmarc", "tlsrpt"


@dataclass(frozen=True, slots=True)
class Record:
    """One record to publish. `purpose` is dkim, return_path, spf, dmarc, tracking or tls_reports.

    `short_host` is the host as most DNS forms want it: without the domain. `later` are IPs that
    the value names and that break nothing while they are missing, for they do not send yet.
    """

    purpose: str
    type: str
    host: str
    short_host: str
    value: str
    required: bool
    later: tuple[str, ...] = ()


def required(domain: Domain) -> tuple[Record, ...]:
    """The records of a domain as its keys and its account's IPs are now."""
    keys = list(domain.dkim_keys.filter(active=True).order_by("-algorithm", "pk"))
    rows = EgressSource.objects.of(domain.account_id).order_by("pk").values_list("address", "state")
    sources = list(rows)
    # A new IP must not stop a verified domain: the IP waits for the domain's SPF instead
    later = [a for a, state in sources if state not in USABLE]
    if domain.state == DomainState.PENDING:
        later = []
    return records(domain, keys=keys, addresses=[a for a, _ in sources], later=later)


def records(
    domain: Domain, *, keys: Sequence[DkimKey], addresses: Iterable[str], later: Sequence[str] = ()
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
        replace(record("spf", "TXT", domain.return_path_host, spf(addresses)), later=tuple(later)),
        record("dmarc", "TXT", f"_dmarc.{domain.name}", dmarc(domain)),
        record("tracking", "CNAME", domain.tracking_host, platform_host(), required=False),
        record(
            "tls_reports", "TXT", f"_smtp._tls.{domain.name}", tls_reports(domain), required=False
        ),
    )


def dmarc(domain: Domain, policy: str = "none") -> str:
    """A DMARC policy (RFC 7489 §6.3) whose reports come to us.

    They come to a host below the domain itself, so no other domain has to agree (§7.1).
    """
    return f"v=DMARC1; p={policy}; rua=mailto:{dmarc_address(domain)};"


def dmarc_address(domain: Domain) -> str:
    """Where receivers send aggregate reports about a domain."""
    return f"{DMARC_BOX}@{domain.return_path_host}"


def tls_reports(domain: Domain) -> str:
    """A policy (RFC 8460 §3) that asks for reports about TLS on the way to the domain."""
    return f"v=TLSRPTv1; rua=mailto:{TLS_BOX}@{domain.return_path_host}"


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

"""The only place that names hosts in the operator's own DNS zone, which `manage.py dnsd` serves.

Each domain has a label of its own there, so that one account's aliases never lead to another's
keys; a delegation names the account, so that one account never answers below another's domain.
"""

from django.conf import settings

from domains.models import DnsMode, Domain


def zone() -> str:
    """The operator's zone; empty where they run none."""
    return str(settings.DNSD_ZONE).lower().rstrip(".")


def mode(domain: Domain) -> str:
    """The domain's mode; the plain one where the operator runs no DNS (any more)."""
    return domain.dns_mode if zone() else DnsMode.OWN


def key_host(domain: Domain, selector: str) -> str:
    """Where a key is published: what `<selector>._domainkey.<domain>` is an alias of."""
    return f"{selector}.d{domain.pk}.{zone()}"


def return_path_host(domain: Domain) -> str:
    """MX and SPF of the domain's return path."""
    return f"b.d{domain.pk}.{zone()}"


def tracking_host(domain: Domain) -> str:
    """What the domain's tracking host is an alias of."""
    return f"t.d{domain.pk}.{zone()}"


def delegate(account_id: int) -> str:
    """The name server that `_domainkey.<domain>` of this account is delegated to."""
    return f"a{account_id}.ns.{zone()}"


def delegated_zone(name: str) -> str:
    """The zone that a delegation gives us."""
    return f"_domainkey.{name}"

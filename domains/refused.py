"""The only place that notes that a receiver refuses a domain's mail as not authenticated, which its
owners are told of.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from domains import sites
from domains.findings import WRONG, Finding
from domains.models import Domain, DomainChange

KIND = "refused"
CODE = "refused_unauthenticated"
QUIET = timedelta(days=1)  # for so long one receiver's refusals are one change
REPLY = 300  # characters of the answer that are kept


def note(account_id: int, name: str, *, site: str, ip: str, reply: str) -> bool:
    """A site has refused mail from this domain again and again; whether that is news.

    `ip` is ours that it said so to. A domain that the account has not connected is nobody's news.
    """
    receiver = sites.named(site)
    with transaction.atomic():
        domain = Domain.objects.of(account_id).filter(name=name).select_for_update().first()
        if domain is None:
            return False
        lately = domain.changes.filter(kind=KIND, at__gt=timezone.now() - QUIET)
        if lately.filter(findings__0__host=receiver).exists():
            return False
        params = {"site": site, "ip": ip, "reply": reply[:REPLY].replace("\0", "")}
        found = Finding("refused", receiver, WRONG, CODE, params)
        DomainChange.objects.create(domain=domain, kind=KIND, findings=[found.stored()])
    return True

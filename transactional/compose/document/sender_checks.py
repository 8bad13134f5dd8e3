"""Checks of who an email comes from, and of what DNS says about that domain now."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from domains.findings import MISSING, WRONG, sentence_of
from domains.models import Domain, DomainState
from transactional.compose.document.problem import Problem
from transactional.models import Email

# Records whose absence keeps mail from being aligned with its From (RFC 7489 §3.1)
ALIGNING = frozenset({"dkim", "delegation", "return_path", "spf", "dmarc"})


def check_sender(email: Email) -> Iterator[Problem]:
    """An address on a verified domain whose records still hold; replies that somebody reads."""
    if not email.from_address:
        message = _("Choose the address this email comes from, under Settings.")
        yield Problem("block", "FROM_EMPTY", message)
        return
    name = email.from_address.rpartition("@")[2].lower()
    domain = Domain.objects.of(email.account_id).filter(name=name).first()
    if domain is None or domain.verified_at is None:
        message = _("The domain “%(domain)s” is not verified.") % {"domain": name[:80]}
        yield Problem("block", "FROM_UNVERIFIED", message)
    else:
        yield from _check_records(domain)
    replies = (email.reply_to or email.from_address).rpartition("@")[0].lower()
    if replies.replace("-", "").replace("_", "").startswith(("noreply", "donotreply")):
        message = _("Replies go to an address that says nobody reads it.")
        yield Problem("advice", "REPLY_NOBODY", message)


def _check_records(domain: Domain) -> Iterator[Problem]:
    """What is wrong since the domain was verified: mail is sent, and filters distrust it."""
    for finding in domain.findings:
        if finding.get("purpose") not in ALIGNING or finding.get("status") not in (WRONG, MISSING):
            continue
        dmarc = finding.get("purpose") == "dmarc"
        if not (dmarc or finding.get("required") or domain.state == DomainState.BROKEN):
            continue
        message = _("DNS of %(domain)s: %(what)s")
        values = {"domain": domain.name, "what": sentence_of(finding)}
        code = "FROM_DMARC" if dmarc else "FROM_DNS"
        yield Problem("warn", code, (message % values)[:400])

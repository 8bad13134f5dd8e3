"""Owners are told of what broke and recovered: once, in their language, without a storm."""

import email
import email.policy
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from domains.checks import check_domain
from domains.models import Domain, DomainChange, DomainState
from tests.cast import Cast
from tests.database import breaking
from tests.dns_server import DnsServer
from tests.domains.publish import publish_domain
from transactional.models import Body, Recipient
from transactional.submission import facts
from transactional.tasks.domain_alerts import tell_domain_changes


@pytest.fixture
def domain(cast: Cast, dns_server: DnsServer, settings: Any) -> Domain:
    """Right in DNS; the platform writes from the other account's domain."""
    settings.PLATFORM_FROM = "Platform <ops@stranger.example>"
    domain: Domain = Domain.objects.of(cast.account).get()
    publish_domain(dns_server, domain)
    check_domain(domain)
    return domain


def told() -> list[tuple[str, str, str]]:
    """To whom, subject and text of every mail so far."""
    facts.forget()
    tell_domain_changes()
    found = []
    for recipient in Recipient.objects.order_by("pk"):
        body = Body.objects.get(pk=recipient.message_id)
        read = email.message_from_bytes(bytes(body.raw), policy=email.policy.default)
        found.append(
            (recipient.address, str(read["Subject"]), read.get_content().replace("\r\n", "\n"))
        )
    return found


def passed(minutes: int) -> None:
    ago = timezone.now() - timedelta(minutes=minutes)
    DomainChange.objects.exclude(told_at=None).update(told_at=ago)


def test_each_change_is_told_once(domain: Domain, dns_server: DnsServer, cast: Cast) -> None:
    assert told() == []
    wanted = publish_domain(dns_server, domain)
    dns_server.publish(wanted["return_path"].host, "MX")
    check_domain(domain)
    assert domain.state == DomainState.BROKEN
    ((to, subject, text),) = told()
    assert (to, subject) == (cast.alice.email, "shop.example: a DNS record broke")
    assert f"b{cast.account.pk}.shop.example\nAdd this MX record" in text
    assert (
        "may be refused or land in spam" in text
        and f"/a/{cast.account.pk}/domains/{domain.pk}/" in text
    )
    check_domain(domain)
    assert len(told()) == 1
    publish_domain(dns_server, domain)
    check_domain(domain)
    assert len(told()) == 1  # a quarter of an hour has not passed
    passed(16)
    assert [subject for _, subject, _ in told()][1:] == [
        "shop.example: every DNS record is right again"
    ]
    passed(16)
    assert len(told()) == 2


def test_an_owner_reads_their_own_language(
    domain: Domain, dns_server: DnsServer, cast: Cast
) -> None:
    type(cast.alice).objects.filter(pk=cast.alice.pk).update(language="it")
    wanted = publish_domain(dns_server, domain)
    dns_server.publish(wanted["dmarc"].host, "TXT")
    check_domain(domain)
    ((_, subject, text),) = told()
    assert subject == "shop.example: un record DNS si è guastato" and "Aggiungi" in text


def test_what_cannot_be_sent_is_told_later(
    domain: Domain, dns_server: DnsServer, settings: Any
) -> None:
    settings.PLATFORM_FROM = ""
    type(domain.account).objects.update(transactional_enabled=False)
    wanted = publish_domain(dns_server, domain)
    dns_server.publish(wanted["return_path"].host, "MX")
    check_domain(domain)
    assert told() == [] and domain.changes.get().told_at is None
    type(domain.account).objects.exclude(pk=domain.account_id).update(transactional_enabled=True)
    settings.PLATFORM_FROM = "ops@stranger.example"
    assert len(told()) == 1 and domain.changes.get().told_at is not None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "where", ["INSERT ON transactional_message", "UPDATE OF told_at ON domains_domainchange"]
)
def test_a_failure_on_the_way_leaves_neither_mail_nor_mark(cast: Cast, where: str) -> None:
    """The database goes away while the mail is stored, or right after it."""
    domain = Domain.objects.of(cast.account).get()
    change = DomainChange.objects.create(domain=domain, kind="elsewhere")
    with breaking(where):
        assert told() == []
    change.refresh_from_db()
    assert change.told_at is None
    assert [to for to, _, _ in told()] == [cast.alice.email]
    change.refresh_from_db()
    assert change.told_at is not None and len(told()) == 1


def test_a_name_verified_elsewhere_is_told(
    domain: Domain, dns_server: DnsServer, cast: Cast
) -> None:
    DomainChange.objects.create(domain=domain, kind="elsewhere")
    ((to, subject, text),) = told()
    assert to == cast.alice.email
    assert subject == "shop.example was verified by another account too"
    assert "look at who may edit" in text

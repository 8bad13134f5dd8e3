"""The periodic check and the commands: the same findings as the pages."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from domains.models import DkimKey, Domain, DomainState, EgressSource, SourceState
from domains.tasks import check_due
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.publish import publish_domain, publish_source
from tokens.models import User


@pytest.fixture
def waiting(cast: Cast, settings: object) -> Domain:
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]  # type: ignore[attr-defined]
    due = timezone.now() - timedelta(seconds=1)
    later = timezone.now() + timedelta(hours=1)
    Domain.objects.of(cast.other_account).update(next_check_at=later)
    EgressSource.objects.of(cast.other_account).update(next_check_at=later)
    EgressSource.objects.of(cast.account).update(state=SourceState.PENDING, next_check_at=due)
    Domain.objects.of(cast.account).update(state=DomainState.PENDING, next_check_at=due)
    return Domain.objects.of(cast.account).get()


def test_what_is_due_becomes_usable_without_a_click(
    dns_server: DnsServer, waiting: Domain, cast: Cast
) -> None:
    publish_domain(dns_server, waiting)
    publish_source(dns_server, EgressSource.objects.of(cast.account).get())
    check_due()
    waiting.refresh_from_db()
    assert waiting.state == DomainState.VERIFIED
    assert EgressSource.objects.of(cast.account).get().state == SourceState.READY
    assert Domain.objects.of(cast.other_account).get().checked_at > waiting.created_at


def test_what_is_not_due_or_paused_is_left(dns_server: DnsServer, waiting: Domain) -> None:
    EgressSource.objects.update(state=SourceState.PAUSED)
    Domain.objects.update(next_check_at=timezone.now() + timedelta(minutes=1), checked_at=None)
    check_due()
    assert not Domain.objects.exclude(checked_at=None).exists()
    assert not EgressSource.objects.exclude(checked_at=None).exists()


def test_the_domain_command_prints_findings(dns_server: DnsServer, waiting: Domain) -> None:
    out = io.StringIO()
    with pytest.raises(CommandError, match="Not every required record"):
        call_command("domain", "check", waiting.name, stdout=out)
    assert "missing  dkim" in out.getvalue() and "Add this TXT record" in out.getvalue()
    publish_domain(dns_server, waiting)
    out = io.StringIO()
    call_command("domain", "check", waiting.name, stdout=out)
    assert f"{waiting.name}, account {waiting.account_id}: verified" in out.getvalue()
    with pytest.raises(CommandError, match="No account"):
        call_command("domain", "check", "unknown.example")


def test_the_ip_command_prints_findings(dns_server: DnsServer, waiting: Domain) -> None:
    out = io.StringIO()
    with pytest.raises(CommandError, match="not ready"):
        call_command("ip", "check", "127.0.0.10", stdout=out)
    assert "no reverse record" in out.getvalue()
    publish_source(dns_server, EgressSource.objects.get(address="127.0.0.10"))
    out = io.StringIO()
    call_command("ip", "check", "127.0.0.10", stdout=out)
    assert "127.0.0.10 (mail.shop.example): ready" in out.getvalue()
    for wrong in ("300.1.1.1", "192.0.2.1"):
        with pytest.raises(CommandError):
            call_command("ip", "check", wrong)


def test_admin_shows_every_model_and_no_private_key(cast: Cast) -> None:
    User.objects.create_superuser("ops@platform.example", "pw")
    client = Client()
    client.force_login(User.objects.get(email="ops@platform.example"))
    key = DkimKey.objects.filter(domain__account=cast.account).first()
    assert key is not None
    pages = [
        f"/admin/domains/{m}/"
        for m in ("domain", "dkimkey", "domainchange", "egresssource", "pool")
    ]
    pages += [f"/admin/domains/domain/{key.domain_id}/change/"]
    pages += [f"/admin/domains/dkimkey/{key.pk}/change/"]
    for page in pages:
        response = client.get(page)
        assert response.status_code == 200, page
        assert "private" not in response.content.decode().lower(), page

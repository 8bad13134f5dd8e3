"""The periodic check and the commands: the same findings as the pages."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from domains.models import DkimKey, Domain, DomainState, EgressSource, KeyState, SourceState
from domains.records import required
from domains.tasks import check_due, tend_keys
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.dkim.test_importing import ED, pem
from tests.domains.publish import publish_domain, publish_record, publish_source
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


def test_the_domain_command_looks_after_keys(
    dns_server: DnsServer, cast: Cast, few_rsa_keys: None, tmp_path: Path
) -> None:
    def run(*args: str) -> str:
        out = io.StringIO()
        call_command("domain", *args, stdout=out)
        return out.getvalue()

    publish_domain(dns_server, Domain.objects.of(cast.account).get())
    number = cast.account.pk
    assert f"active   rsa-2048  p{number}r1" in run("keys", "shop.example")
    assert "DNS does not have it yet" in run("rotate", "shop.example")
    assert f"next     rsa-2048  p{number}r2" in run("keys", "shop.example")
    ago = timezone.now() - timedelta(hours=2)
    for record in required(Domain.objects.of(cast.account).get()):
        if record.role == KeyState.NEXT:
            publish_record(dns_server, record)
    run("check", "shop.example")
    DkimKey.objects.filter(state=KeyState.NEXT).update(seen_at=ago)
    assert run("rotate", "shop.example").count("signs from now on") == 2
    path = tmp_path / "mail.private"
    path.write_text(pem(ED))
    given = ("import", "shop.example", "--selector", "mail2026", "--key")
    assert "mail2026: imported" in run(*given, str(path))
    for wrong in ([*given, str(path)], [*given, "/no/such/file"], ["import", "shop.example"]):
        with pytest.raises(CommandError):
            run(*wrong)


def test_due_keys_are_looked_after_by_the_task(cast: Cast, few_rsa_keys: None) -> None:
    later = timezone.now() + timedelta(hours=1)
    Domain.objects.of(cast.other_account).update(keys_due_at=later)
    tend_keys()
    mine = DkimKey.objects.filter(state=KeyState.NEXT).values_list("domain__account", flat=True)
    assert list(mine) == [cast.account.pk] * 2
    assert Domain.objects.of(cast.account).get().keys_due_at > timezone.now()


def test_operators_rotate_and_revoke_in_admin(cast: Cast, few_rsa_keys: None) -> None:
    User.objects.create_superuser("ops@platform.example", "pw")
    client = Client()
    client.force_login(User.objects.get(email="ops@platform.example"))
    domain = Domain.objects.of(cast.account).get()
    chosen = {"action": "rotate_keys", "_selected_action": [domain.pk]}
    page = client.post("/admin/domains/domain/", chosen, follow=True)
    assert b"rsa: not_seen" in page.content
    key = domain.dkim_keys.get(state=KeyState.ACTIVE, algorithm="rsa")
    chosen = {"action": "revoke", "_selected_action": [key.pk]}
    page = client.post("/admin/domains/dkimkey/", chosen, follow=True)
    key.refresh_from_db()
    assert b": revoked" in page.content and key.state == KeyState.RETIRED


def test_dnsd_says_what_it_lacks() -> None:
    with pytest.raises(CommandError, match="DNSD_ZONE is not set"):
        call_command("dnsd")


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

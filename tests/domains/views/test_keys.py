"""The page's keys: which sign, rotation by a button, the schedule, import, and leading to our DNS."""

import time
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from config import attention
from domains.dkim import rotation
from domains.models import DkimKey, DnsMode, Domain, DomainState, KeyState
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.dkim.test_importing import ED, pem
from tests.domains.publish import publish_domain
from tests.domains.views.test_pages import SignedIn, url


@pytest.fixture
def domain(cast: Cast, dns_server: DnsServer, few_rsa_keys: None) -> Domain:
    domain: Domain = Domain.objects.of(cast.account).get()
    publish_domain(dns_server, domain)
    return domain


def test_the_page_says_which_keys_sign(cast: Cast, signed_in: SignedIn) -> None:
    page = signed_in(cast.bob).get(url(cast, "{domain}/")).content.decode()
    number = cast.account.pk
    assert f"<strong>p{number}r1</strong> (RSA-2048)" in page
    assert f"<strong>p{number}e1</strong> (Ed25519)" in page
    assert "Next rotation: " in page and "Rotate now" not in page


def test_rotating_by_the_button(
    cast: Cast, signed_in: SignedIn, domain: Domain, dns_server: DnsServer
) -> None:
    client = signed_in(cast.alice)
    page = client.post(url(cast, "{domain}/keys/rotate/"), follow=True).content.decode()
    assert "as soon as the next keys may sign" in page
    assert "the rotation waits until the next key is seen in DNS" in page
    assert f"p{cast.account.pk}r2._domainkey" in page and "Next key" in page
    assert 'hx-get="' in page  # somebody waits: the page looks by itself
    ago = timezone.now() - timedelta(hours=2)
    domain.dkim_keys.update(published=True, seen_at=ago)
    Domain.objects.update(checked_at=timezone.now())
    page = client.post(url(cast, "{domain}/keys/rotate/"), follow=True).content.decode()
    assert "The keys are rotated" in page and "Retiring" in page
    assert f"<strong>p{cast.account.pk}r2</strong>" in page


def test_the_schedule_is_a_switch(cast: Cast, signed_in: SignedIn, domain: Domain) -> None:
    client = signed_in(cast.alice)
    page = client.post(url(cast, "{domain}/keys/schedule/"), follow=True).content.decode()
    assert "There is no rotation by schedule" in page and "Rotate every 90 days" in page
    page = client.post(url(cast, "{domain}/keys/schedule/"), {"rotates": "1"}, follow=True)
    assert b"Next rotation: " in page.content


def test_importing_a_key(cast: Cast, signed_in: SignedIn, domain: Domain) -> None:
    client, where = signed_in(cast.alice), url(cast, "{domain}/keys/import/")
    assert client.get(where).status_code == 200
    page = client.post(where, {"selector": "p7r1", "key": pem(ED)}).content.decode()
    assert "kept for keys that are made here" in page
    page = client.post(where, {"selector": "mail", "key": "hello"}).content.decode()
    assert "not a private key" in page
    page = client.post(where, {"selector": "mail"}).content.decode()
    assert "Paste the private key" in page
    upload = SimpleUploadedFile("mail.private", pem(ED).encode())
    page = client.post(where, {"selector": "mail", "file": upload}, follow=True).content.decode()
    assert "mail is imported" in page and "Imported" in page
    assert "PRIVATE KEY" not in page
    key = DkimKey.objects.get(selector="mail")
    assert (key.state, key.domain_id) == (KeyState.NEXT, domain.pk)
    binary = SimpleUploadedFile("x.der", bytes(range(256)))
    assert client.post(where, {"selector": "x", "file": binary}).status_code == 200


def test_leading_to_our_dns_is_offered_where_there_is_one(
    cast: Cast, signed_in: SignedIn, domain: Domain, settings: object
) -> None:
    client, where = signed_in(cast.alice), url(cast, "{domain}/mode/")
    assert b"Who publishes the records" not in client.get(url(cast, "{domain}/")).content
    page = client.post(where, {"mode": "aliases"}, follow=True)
    assert b"runs no DNS of its own" in page.content
    settings.DNSD_ZONE = "dns.platform.example"  # type: ignore[attr-defined]
    page = client.post(where, {"mode": "nonsense"}, follow=True)
    assert b"dnsMode must be one of" in page.content
    text = client.post(where, {"mode": "aliases"}, follow=True).content.decode()
    for host in (f"p{cast.account.pk}r2", f"p{cast.account.pk}e2", f"b{cast.account.pk}"):
        assert f'data-copy="{host}' in text
    assert f"b.d{domain.pk}.dns.platform.example" in text
    domain.refresh_from_db()
    assert domain.dns_mode == DnsMode.ALIASES
    zone = client.get(url(cast, "{domain}/zone-file/")).content.decode()
    assert zone.count(" IN CNAME ") == 6 and "v=spf1" not in zone  # 4 keys, return path, tracking
    text = client.post(where, {"mode": "delegated"}, follow=True).content.decode()
    assert f'data-copy="a{cast.account.pk}.ns.dns.platform.example"' in text
    assert "Answered by our DNS" in text
    assert rotation.tend(domain) == ()


def test_an_open_page_asks_less_often_after_ten_minutes(
    cast: Cast, signed_in: SignedIn, dns_server: DnsServer
) -> None:
    Domain.objects.of(cast.account).update(state=DomainState.PENDING)
    client, where = signed_in(cast.alice), url(cast, "{domain}/state/")
    seen = client.get(where).context
    asked = {"seen": seen["mark"], "since": str(seen["since"]), "every": str(seen["every"])}
    assert (seen["every"], client.get(where, asked).status_code) == (5, 204)
    asked["since"] = str(int(time.time()) - 601)
    page = client.get(where, asked)
    assert page.status_code == 200 and b"every 30s" in page.content
    for nonsense in ("x", "-1", "9" * 30, "\u0663"):
        assert client.get(where, {**asked, "since": nonsense}).status_code in (200, 204)


def test_the_dashboard_asks_for_the_next_keys_in_time(cast: Cast, few_rsa_keys: None) -> None:
    domain = Domain.objects.of(cast.account).get()
    rotation.tend(domain)
    codes = [item.code for item in attention.items(cast.account.pk)]
    assert "DKIM_NEXT_KEY" not in codes
    ago = timezone.now() - timedelta(days=80)
    domain.dkim_keys.filter(state=KeyState.ACTIVE).update(active_at=ago)
    assert "DKIM_NEXT_KEY" in [item.code for item in attention.items(cast.account.pk)]
    assert "DKIM_NEXT_KEY" not in [item.code for item in attention.items(cast.other_account.pk)]
    domain.dkim_keys.update(published=True)
    Domain.objects.of(cast.account).update(standing={"dmarc TXT _dmarc.shop.example": "wrong"})
    codes = [item.code for item in attention.items(cast.account.pk)]
    assert "DKIM_NEXT_KEY" not in codes and "DOMAIN_DRIFTS" in codes

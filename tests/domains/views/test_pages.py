"""The pages of domains and IPs: who may, what they show, and that they become right by themselves."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from domains.blocklists_table import BLOCKLISTS
from domains.checks import probe_proof
from domains.models import DkimKey, Domain, DomainState, EgressSource, Listing, SourceState
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.publish import publish_domain, publish_source, publish_spf
from tokens.models import User

SignedIn = Callable[[User], Client]
LOOK = ["", "{domain}/", "{domain}/state/", "ips/{source}/", "ips/{source}/state/"]
CHANGE_PAGES = ["new/", "ips/new/", "{domain}/keys/import/"]
CHANGE = ["{domain}/check/", "{domain}/delete/", "ips/{source}/check/", "ips/{source}/pause/"]
CHANGE += ["{domain}/keys/rotate/", "{domain}/keys/schedule/", "{domain}/mode/"]
LOOK += ["{domain}/reports/"]
CHANGE += ["{domain}/reports/strangers/"]


@pytest.fixture(autouse=True)
def _loopback(settings: object) -> None:
    settings.EGRESS_PRIVATE_NETS = ["127.0.0.0/8"]  # type: ignore[attr-defined]


def url(cast: Cast, path: str = "") -> str:
    domain = Domain.objects.of(cast.account).get()
    source = EgressSource.objects.of(cast.account).get()
    rest = path.format(domain=domain.pk, source=source.pk)
    return f"/a/{cast.account.pk}/domains/{rest}"


def wait(cast: Cast) -> Domain:
    """The account's domain and IP, as right after they were added."""
    EgressSource.objects.of(cast.account).update(state=SourceState.PENDING, checked_at=None)
    Domain.objects.of(cast.account).update(state=DomainState.PENDING, checked_at=None)
    return Domain.objects.of(cast.account).get()


@pytest.mark.parametrize("path", LOOK + CHANGE_PAGES)
def test_a_stranger_finds_no_page(cast: Cast, signed_in: SignedIn, path: str) -> None:
    assert signed_in(cast.charlie).get(url(cast, path)).status_code == 404
    # Nor this account's rows under the stranger's own account
    inside = url(cast, path).replace(f"/a/{cast.account.pk}/", f"/a/{cast.other_account.pk}/")
    if "{" in path:
        assert signed_in(cast.charlie).get(inside).status_code == 404


@pytest.mark.parametrize("path", CHANGE + CHANGE_PAGES)
def test_a_stranger_changes_nothing(cast: Cast, signed_in: SignedIn, path: str) -> None:
    data = {"name": "shop.example"}
    assert signed_in(cast.charlie).post(url(cast, path), data).status_code == 404
    inside = url(cast, path).replace(f"/a/{cast.account.pk}/", f"/a/{cast.other_account.pk}/")
    if "{" in path:
        assert signed_in(cast.charlie).post(inside, data).status_code == 404
    assert Domain.objects.of(cast.account).get().state == DomainState.VERIFIED
    assert EgressSource.objects.of(cast.account).get().state == SourceState.READY


@pytest.mark.parametrize("path", CHANGE + CHANGE_PAGES)
def test_a_viewer_may_look_and_not_change(cast: Cast, signed_in: SignedIn, path: str) -> None:
    client = signed_in(cast.bob)
    assert client.post(url(cast, path), {"name": "shop.example"}).status_code == 403
    for look in LOOK:
        page = client.get(url(cast, look))
        assert page.status_code in (200, 286)
        assert b"Check now" not in page.content and b"Add domain" not in page.content
    assert Domain.objects.of(cast.account).count() == 1


def test_who_has_not_signed_in_is_asked_to(cast: Cast) -> None:
    for path in LOOK:
        assert Client().get(url(cast, path)).status_code == 302


def test_adding_a_domain_shows_its_records(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in(cast.alice)
    answer = client.post(url(cast, "new/"), {"name": "News.Example."}, follow=True)
    page = answer.content.decode()
    domain = Domain.objects.of(cast.account).get(name="news.example")
    assert DkimKey.objects.filter(domain=domain).count() == 2
    number = cast.account.pk
    for shown in (
        f"p{number}r1._domainkey",
        f"p{number}r1._domainkey.news.example",
        f"b{number}.news.example",
        "v=spf1 ip4:127.0.0.10 -all",
        "_dmarc.news.example",
        f"v=DMARC1; p=none; rua=mailto:dmarc@b{number}.news.example;",
        f"v=TLSRPTv1; rua=mailto:tlsrpt@b{number}.news.example",
        f"t{number}.news.example",
    ):
        assert f'data-copy="{shown}"' in page, shown
    assert "Not checked yet" in page and "Waiting for DNS" in page


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("gmail.com", "mailbox provider"),
        ("co.uk", "public suffix"),
        ("shop.example", "connected already"),
        ("", "required"),
        ("<script>alert(1)</script>", "bare name"),
    ],
)
def test_adding_a_wrong_domain_says_why(
    cast: Cast, signed_in: SignedIn, name: str, word: str
) -> None:
    page = signed_in(cast.alice).post(url(cast, "new/"), {"name": name})
    assert page.status_code == 200
    assert word in page.content.decode() and "<script>alert" not in page.content.decode()
    assert Domain.objects.of(cast.account).count() == 1


def test_the_open_page_verifies_the_domain_by_itself(
    cast: Cast, signed_in: SignedIn, dns_server: DnsServer
) -> None:
    domain = wait(cast)
    client = signed_in(cast.bob)
    page = client.get(url(cast, "{domain}/state/"))
    assert page.status_code == 200 and b"Not found" in page.content and b"hx-get" in page.content
    publish_domain(dns_server, domain)
    Domain.objects.update(checked_at=timezone.now() - timedelta(seconds=6))
    page = client.get(url(cast, "{domain}/state/"))
    assert page.status_code == 286 and b"hx-get" not in page.content
    assert b"Verified" in page.content


def test_an_unchanged_page_is_not_swapped(
    cast: Cast, signed_in: SignedIn, dns_server: DnsServer
) -> None:
    wait(cast)
    client = signed_in(cast.alice)
    for path in ("{domain}/state/", "ips/{source}/state/"):
        context = client.get(url(cast, path)).context
        assert client.get(url(cast, path), {"seen": context["mark"]}).status_code == 204
        assert client.get(url(cast, path), {"seen": "other"}).status_code == 200


def test_many_open_pages_ask_dns_once(
    cast: Cast, signed_in: SignedIn, dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(cast)
    asked = []
    monkeypatch.setattr("domains.views.domains.check_domain", asked.append)
    for _ in range(5):
        signed_in(cast.bob).get(url(cast, "{domain}/state/"))
    assert len(asked) == 1


def test_check_now_names_the_difference(
    cast: Cast, signed_in: SignedIn, dns_server: DnsServer
) -> None:
    wanted = publish_domain(dns_server, wait(cast))
    dns_server.publish(wanted["spf"].host, "TXT", '"v=spf1 <b>x</b> -all"')
    page = signed_in(cast.alice).post(url(cast, "{domain}/check/"), follow=True).content.decode()
    assert "cannot read the SPF record at “&lt;b&gt;x&lt;/b&gt;”" in page
    assert "v=spf1 &lt;b&gt;x&lt;/b&gt; -all" in page and "<b>x</b>" not in page


def test_disconnecting_needs_the_name(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in(cast.alice)
    page = client.post(url(cast, "{domain}/delete/"), {"name": "other.example"}, follow=True)
    assert b"nothing was disconnected" in page.content
    page = client.post(url(cast, "{domain}/delete/"), {"name": "Shop.example"}, follow=True)
    assert b"is disconnected" in page.content and b"No domain yet" in page.content
    assert not Domain.objects.of(cast.account).exists()
    assert Domain.objects.of(cast.other_account).exists()


def test_adding_an_ip_and_seeing_it_become_ready(
    cast: Cast, signed_in: SignedIn, dns_server: DnsServer
) -> None:
    client = signed_in(cast.alice)
    data = {"address": "127.0.0.30", "ehlo_name": "Mail3.shop.example"}
    page = client.post(url(cast, "ips/new/"), data, follow=True)
    assert b"127.0.0.30" in page.content and b"Waiting for DNS" in page.content
    source = EgressSource.objects.of(cast.account).get(address="127.0.0.30")
    publish_source(dns_server, source)
    publish_spf(dns_server, Domain.objects.of(cast.account).get())
    path = f"/a/{cast.account.pk}/domains/ips/{source.pk}/state/"
    assert client.get(path).status_code == 286
    assert EgressSource.objects.get(pk=source.pk).state == SourceState.READY


@pytest.mark.parametrize(
    ("address", "ehlo", "word"),
    [
        ("127.0.0.11", "mail.shop.example", "connected already"),
        ("10.0.0.1", "mail.shop.example", "private or local"),
        ("300.0.0.1", "mail.shop.example", "valid IPv4"),
        ("127.0.0.30", "localhost", "with a dot"),
        ("127.0.0.30", "127.0.0.30", "not an IP address"),
        ("127.0.0.30", "mail.shop.example\r\nRSET", "not a valid name"),
    ],
)
def test_adding_a_wrong_ip_says_why(
    cast: Cast, signed_in: SignedIn, settings: object, address: str, ehlo: str, word: str
) -> None:
    settings.SANDBOX, settings.EGRESS = False, "mx"  # type: ignore[attr-defined]
    data = {"address": address, "ehlo_name": ehlo}
    page = signed_in(cast.alice).post(url(cast, "ips/new/"), data)
    assert page.status_code == 200 and word in page.content.decode()
    assert EgressSource.objects.of(cast.account).count() == 1


def test_pausing_and_resuming(cast: Cast, signed_in: SignedIn, dns_server: DnsServer) -> None:
    client = signed_in(cast.alice)
    page = client.post(url(cast, "ips/{source}/pause/"), follow=True)
    assert b"Paused" in page.content
    publish_source(dns_server, EgressSource.objects.of(cast.account).get())
    publish_spf(dns_server, Domain.objects.of(cast.account).get())
    page = client.post(url(cast, "ips/{source}/check/"), follow=True)
    assert EgressSource.objects.of(cast.account).get().state == SourceState.PAUSED
    page = client.post(url(cast, "ips/{source}/pause/"), {"resume": "1"}, follow=True)
    assert b"Transactional mail of this account leaves" in page.content
    assert EgressSource.objects.of(cast.account).get().state == SourceState.READY


@pytest.mark.django_db
def test_any_host_answers_the_probe_without_a_session(settings: object) -> None:
    host = "t7.shop.example"
    page = Client(headers={"host": host}).get(f"/.well-known/postino/{host}")
    assert page.status_code == 200
    assert page.content.decode() == probe_proof(host)
    assert probe_proof("t8.shop.example") != probe_proof(host)


def test_a_domains_listing_is_on_its_page_with_where_to_ask_for_removal(
    cast: Cast, signed_in: SignedIn, settings: Any
) -> None:
    settings.SANDBOX, settings.EGRESS, settings.BLOCKLISTS = False, "mx", True
    alice, page = signed_in(cast.alice), url(cast, "{domain}/")
    domain, now = Domain.objects.of(cast.account).get(), timezone.now()
    code = next(one.code for one in BLOCKLISTS if one.names)
    lists = sum(1 for one in BLOCKLISTS if one.names)
    assert f"{lists} lists without a word against it" in alice.get(page).content.decode()
    for subject, words in ((domain.name, "Spam source"), ("other.example", "Not ours")):
        Listing.objects.create(
            code=code, subject=subject, state="listed", words=words, since=now, checked_at=now,
            next_at=now,
        )  # fmt: skip
    text = alice.get(page).content.decode()
    assert "Spam source" in text and "to remove it" in text and "Not ours" not in text
    assert ">stops<" not in text and "A listing stops no mail here" in text
    assert "Spam source" in signed_in(cast.bob).get(page).content.decode()
    settings.BLOCKLISTS = False
    assert "Blocklists are not asked here" in alice.get(page).content.decode()

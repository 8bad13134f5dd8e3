"""A domain's records outside the account: the file for members, the link for anybody who has it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from domains import share
from domains.models import Domain, DomainState, EgressSource
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.publish import publish_domain
from tokens.models import User

SignedIn = Callable[[User], Client]


@pytest.fixture
def domain(cast: Cast) -> Domain:
    return Domain.objects.of(cast.account).get()


def link(domain: Domain, *, days: int = 0) -> str:
    ends = share.ending(timezone.now() + timedelta(days=days))
    return f"/dns/{share.token(domain, ends=ends)}/"


def wait(domain: Domain) -> None:
    Domain.objects.of(domain.account_id).update(
        state=DomainState.PENDING, verified_at=None, checked_at=None, findings=[]
    )


def test_members_download_the_zone_file(cast: Cast, signed_in: SignedIn, domain: Domain) -> None:
    path = f"/a/{cast.account.pk}/domains/{domain.pk}/zone-file/"
    response = signed_in(cast.bob).get(path)
    assert response["Content-Disposition"] == 'attachment; filename="shop.example.zone"'
    assert "_dmarc.shop.example. IN TXT" in response.content.decode()
    assert signed_in(cast.charlie).get(path).status_code == 404
    inside = path.replace(f"/a/{cast.account.pk}/", f"/a/{cast.other_account.pk}/")
    assert signed_in(cast.charlie).get(inside).status_code == 404
    assert Client().get(path).status_code == 302


def test_the_page_offers_a_link_that_works(
    cast: Cast, signed_in: SignedIn, domain: Domain, settings: object
) -> None:
    page = signed_in(cast.alice).get(f"/a/{cast.account.pk}/domains/{domain.pk}/").content.decode()
    path = link(domain)
    assert f"{settings.PUBLIC_URL}{path}" in page  # type: ignore[attr-defined]
    assert Client().get(path).status_code == 200
    viewer = signed_in(cast.bob).get(f"/a/{cast.account.pk}/domains/{domain.pk}/")
    assert "/dns/" not in viewer.content.decode()


def test_whoever_has_the_link_sees_records_and_nothing_else(cast: Cast, domain: Domain) -> None:
    client = Client()
    response = client.get(link(domain))
    page = response.content.decode()
    for host in (domain.return_path_host, f"_dmarc.{domain.name}", domain.tracking_host):
        assert host in page
    source = EgressSource.objects.of(cast.account).get()
    for secret in (cast.account.name + "<", cast.alice.email, source.ehlo_name, "/a/"):
        assert secret not in page
    assert "csrfmiddlewaretoken" not in page.partition("<footer>")[0]
    assert "sessionid" not in response.cookies
    assert response["Referrer-Policy"] == "no-referrer"
    assert "noindex" in response["X-Robots-Tag"] and "no-store" in response["Cache-Control"]


def test_the_link_changes_nothing(domain: Domain) -> None:
    path = link(domain)
    for method in ("post", "put", "delete"):
        assert getattr(Client(), method)(path).status_code == 405
        assert getattr(Client(), method)(f"{path}state/").status_code == 405


def test_other_links_lead_nowhere(domain: Domain) -> None:
    path = link(domain)
    flipped = path[:-2] + ("A" if path[-2] != "A" else "B") + "/"
    for wrong in (flipped, "/dns/x/", f"/dns/{'A' * 52}/", f"/dns/{'é' * 52}/"):
        assert Client().get(wrong).status_code == 404
        assert Client().get(f"{wrong}state/").status_code == 404
    for part in ("", "state/"):
        ended = Client().get(link(domain, days=-20) + part)
        assert ended.status_code == 410 and domain.name not in ended.content.decode()


def test_the_page_becomes_right_by_itself(dns_server: DnsServer, domain: Domain) -> None:
    wait(domain)
    path = link(domain)
    assert "hx-get" in Client().get(path).content.decode()
    first = Client().get(f"{path}state/")
    assert first.status_code == 200 and "Nothing is published there yet" in first.content.decode()
    publish_domain(dns_server, domain)
    Domain.objects.of(domain.account_id).update(checked_at=timezone.now() - timedelta(minutes=1))
    done = Client().get(f"{path}state/")
    assert done.status_code == 286 and "nothing left to do" in done.content.decode()
    domain.refresh_from_db()
    assert domain.state == DomainState.VERIFIED


def test_many_readers_ask_dns_once(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    wait(domain)
    asked: list[Domain] = []
    monkeypatch.setattr("domains.views.shared.check_domain", asked.append)
    for _ in range(5):
        Client().get(f"{link(domain)}state/")
    assert len(asked) == 1


def test_the_running_down_of_caches_swaps_nothing(domain: Domain) -> None:
    wait(domain)
    finding = {"purpose": "dmarc", "host": "_dmarc.shop.example", "status": "wrong", "code": "x"}
    marks = set()
    for ttl in (300, 295):
        Domain.objects.of(domain.account_id).update(
            findings=[{**finding, "ttl": ttl}], checked_at=timezone.now()
        )
        page = Client().get(link(domain)).content.decode()
        marks.add(page.partition("?seen=")[2][:16])
    assert len(marks) == 1

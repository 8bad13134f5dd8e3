"""The page of a domain's reports: what it shows, and marking strangers."""

from collections.abc import Callable

import pytest
from django.test import Client

from domains.models import DmarcStranger, Domain
from tests.cast import Cast
from tests.domains.reported import make_reports
from tokens.models import User

SignedIn = Callable[[User], Client]


@pytest.fixture
def domain(cast: Cast) -> Domain:
    return Domain.objects.of(cast.account).get()


def url(domain: Domain, rest: str = "") -> str:
    return f"/a/{domain.account_id}/domains/{domain.pk}/reports/{rest}"


def test_without_reports_it_says_what_to_publish(
    domain: Domain, cast: Cast, signed_in: SignedIn
) -> None:
    page = signed_in(cast.bob).get(url(domain)).content.decode()
    assert "No report yet" in page and "No DMARC policy is published" in page
    assert f"rua=mailto:dmarc@b{domain.account_id}.shop.example;" in page
    assert f"v=TLSRPTv1; rua=mailto:tlsrpt@b{domain.account_id}.shop.example" in page


def test_it_shows_who_sends_and_what_is_missing(
    domain: Domain, cast: Cast, signed_in: SignedIn
) -> None:
    make_reports(domain)
    page = signed_in(cast.alice).get(url(domain)).content.decode()
    for shown in ("203.0.113.77", "2001:db8:ffff::1234", "Forwarded", "Authorised", "Unknown"):
        assert shown in page
    assert "certificate-expired" in page and "5,326 sessions" in page
    assert 'data-code="strangers"' in page and "p=quarantine" in page
    assert page.count(">Not mine<") == 1


@pytest.mark.parametrize("data", [{"all": "1"}, {"ip": "203.0.113.77"}])
def test_unknown_senders_are_marked_and_taken_back(
    domain: Domain, cast: Cast, signed_in: SignedIn, data: dict[str, str]
) -> None:
    make_reports(domain)
    client = signed_in(cast.alice)
    page = client.post(url(domain, "strangers/"), data, follow=True).content.decode()
    assert "1 sender is marked as a stranger." in page and "Take back" in page
    row = DmarcStranger.objects.get()
    assert (row.ip, row.by) == ("203.0.113.77", cast.alice.email)
    client.post(url(domain, "strangers/"), {"reclaim": "203.0.113.77"})
    assert not DmarcStranger.objects.exists()


@pytest.mark.parametrize("ip", ["x", "", "203.0.113.1", "\0", "1" * 500])
def test_what_no_report_named_is_not_marked(
    domain: Domain, cast: Cast, signed_in: SignedIn, ip: str
) -> None:
    make_reports(domain)
    for data in ({"ip": ip}, {"reclaim": ip}):
        assert signed_in(cast.alice).post(url(domain, "strangers/"), data).status_code == 302
    assert not DmarcStranger.objects.exists()

"""DMARC policies as they are read, and how mail of a domain aligns under them."""

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from domains import alignment, dmarc
from domains.alignment import align, of_domains
from domains.models import Domain
from tests.cast import Cast
from tests.domains.reported import policy_found

STRICT = dmarc.read(["v=DMARC1; p=reject; adkim=s; aspf=s"])
RELAXED = dmarc.read(["v=DMARC1; p=quarantine"])


@pytest.mark.parametrize(
    ("records", "policy"),
    [
        (["v=DMARC1; p=none; rua=mailto:a@x.test!10m, mailto:B@x.test"], "none"),
        (["v=DMARC1;p=REJECT;pct=10"], "reject"),
        (["other", "v=DMARC1; p=none"], "none"),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], ""),
        (["v=DMARC1; p=monitor"], ""),
        (["v=DMARC1"], ""),
        ([], ""),
    ],
)
def test_policies_are_read(records: list[str], policy: str) -> None:
    assert dmarc.read(records).policy == policy


def test_the_parts_of_a_policy() -> None:
    found = dmarc.read(
        ["v=DMARC1; p=reject; sp=none; pct=30; adkim=s; rua=mailto:a@x.test!10m,mailto:B@x.test"]
    )
    assert (found.percent, found.strict_dkim, found.strict_spf) == (30, True, False)
    assert found.reports_to == ("a@x.test", "b@x.test")
    assert (found.for_name(inherited=True), found.for_name(inherited=False)) == ("none", "reject")


@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_is_a_policy_or_none(records: list[str]) -> None:
    assert dmarc.read(records).policy in ("", *dmarc.POLICIES)
    assert dmarc.read([f"v=DMARC1; p=none; {text}" for text in records[:1]]).percent in range(101)


@pytest.mark.parametrize(
    ("signs", "mail_from", "policy", "code", "dkim", "spf"),
    [
        ("shop.test", "b1.shop.test", RELAXED, "aligned", "exact", "organisation"),
        ("shop.test", "b1.shop.test", STRICT, "dkim_only", "exact", "no"),
        ("mail.shop.test", "b1.shop.test", STRICT, "fails", "no", "no"),
        ("mail.shop.test", "b1.shop.test", RELAXED, "aligned", "organisation", "organisation"),
        ("other.test", "shop.test", STRICT, "spf_only", "no", "exact"),
        ("other.test", "b1.other.test", RELAXED, "fails", "no", "no"),
        # Two customers of one public suffix are no organisation
        ("a.co.uk", "b.co.uk", RELAXED, "fails", "no", "no"),
    ],
)
def test_how_from_aligns(
    signs: str, mail_from: str, policy: dmarc.Policy, code: str, dkim: str, spf: str
) -> None:
    found = align("shop.test", signs=signs, mail_from=mail_from, policy=policy)
    assert (found.code, found.dkim, found.spf) == (code, dkim, spf)
    assert found.passes is (code != "fails") and found.stops is (code == "fails")


def finding(purpose: str, status: str) -> dict[str, object]:
    return {"purpose": purpose, "host": "h", "status": status, "code": "x", "found": []}


def test_a_domain_stands_as_its_last_check_found_it(
    cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    domain = Domain.objects.of(cast.account).get()
    alignment.forget()
    assert of_domains([(domain.pk, domain.checked_at)])[domain.pk].code == "aligned"
    with django_assert_num_queries(0):  # remembered until the next check
        of_domains([(domain.pk, domain.checked_at)])
    domain.findings = [finding("dkim", "wrong"), finding("dkim", "missing"), finding("spf", "ok")]
    policy_found(domain, "v=DMARC1; p=reject")
    assert of_domains([(domain.pk, domain.checked_at)])[domain.pk].code == "spf_only"
    domain.findings = [finding("dkim", "wrong"), finding("dkim", "ok"), finding("spf", "wrong")]
    policy_found(domain, "v=DMARC1; p=reject")
    assert of_domains([(domain.pk, domain.checked_at)])[domain.pk].code == "dkim_only"
    domain.findings = [finding("dkim", "unknown"), finding("spf", "wrong")]
    domain.checked_at = timezone.now()
    domain.save()
    # Silence of DNS is no fault
    assert of_domains([(domain.pk, domain.checked_at)])[domain.pk].code == "dkim_only"

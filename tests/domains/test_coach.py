"""What receivers reported, summed up and judged: the next step of a policy."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from domains import coach, report_log, source_names
from domains.coach import Advice, OwnLog
from domains.coach_sentences_table import (
    ADVICE,
    ALIGNMENT,
    CONDITIONS,
    KINDS,
    tell_advice,
    tell_condition,
)
from domains.models import DmarcReport, DmarcSource, Domain, DomainState, EgressSource, TlsReport
from tests.cast import Cast
from tests.dns_server import DnsServer
from tests.domains.reported import make_reports, policy_found, reported


@pytest.fixture
def domain(cast: Cast) -> Domain:
    return Domain.objects.of(cast.account).get()


def advise(domain: Domain, log: OwnLog = OwnLog(50, 0)) -> Advice:  # noqa: B008 — frozen
    now = timezone.now()
    return coach.advise(domain, report_log.summary(domain), log, now=now)


def unmet(advice: Advice) -> set[str]:
    for one in advice.conditions:
        assert tell_condition(one).endswith(".") and "%(" not in tell_condition(one)
    assert "%(" not in tell_advice(advice)
    return {one.code for one in advice.conditions if not one.met}


def good_weeks(domain: Domain, *more: tuple[str, int, bool, bool]) -> None:
    for days_ago in (1, 8, 15):
        reported(domain, ("127.0.0.10", 200, True, True), *more, days_ago=days_ago)


def test_sources_are_told_apart(
    domain: Domain, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    EgressSource.objects.create(address="192.0.2.50", ehlo_name="shared.test")
    reported(domain, ("192.0.2.50", 5, False, False), days_ago=3)
    make_reports(domain)
    reported(domain, ("127.0.0.10", 9, True, True), days_ago=99)  # too old to count
    with django_assert_num_queries(8):
        seen = report_log.summary(domain)
    kinds = {one.ip: one.kind for one in seen.sources}
    assert kinds == {
        "127.0.0.10": "ours",
        "192.0.2.50": "ours",
        "198.51.100.9": "forwarded",
        "203.0.113.77": "unknown",
        "2001:db8:ffff::1234": "authorised",
    }
    assert seen.sources[0].ip == "203.0.113.77"  # what needs a look comes first
    assert seen.messages == sum(one.messages for one in seen.days) == 5 + 15 + 200 + 2220 + 4463
    assert seen.passed == 15 + 200 + 4463 == sum(one.passed for one in seen.days)
    assert seen.reports == 6 and set(kinds.values()) < set(KINDS)
    assert report_log.tls_summary(domain).failures == (
        ("certificate-expired", "mx1.shop.example", 12),
    )


def test_senders_get_the_names_that_dns_confirms(domain: Domain, dns_server: DnsServer) -> None:
    make_reports(domain)
    dns_server.publish("77.113.0.203.in-addr.arpa", "PTR", "out1.mailer.test.")
    dns_server.publish("out1.mailer.test", "A", "203.0.113.77")
    dns_server.publish("9.100.51.198.in-addr.arpa", "PTR", "www.bank.test.")  # only claimed
    dns_server.publish("www.bank.test", "A", "198.51.100.1")
    assert source_names.name_sources(timezone.now()) == 4
    assert source_names.name_sources(timezone.now()) == 0  # known now, also where there is none
    names = {one.ip: one.name for one in report_log.summary(domain).sources}
    assert names["203.0.113.77"] == "out1.mailer.test" and names["198.51.100.9"] == ""


def test_a_domain_without_a_policy_starts(domain: Domain) -> None:
    advice = advise(domain)
    assert (advice.code, advice.next) == ("start", "none")
    assert advice.record == f"v=DMARC1; p=none; rua=mailto:dmarc@b{domain.account_id}.shop.example;"


def test_without_reports_nothing_moves(domain: Domain) -> None:
    policy_found(domain, "v=DMARC1; p=none")
    advice = advise(domain)
    assert (advice.code, advice.next) == ("wait", "quarantine")
    assert unmet(advice) == {"reports", "watched", "own_mail"}


def test_when_all_holds_the_next_record_keeps_what_was_there(domain: Domain) -> None:
    policy_found(domain, "v=DMARC1; p=none; adkim=s; sp=reject; rua=mailto:a@x.test")
    good_weeks(domain)
    advice = advise(domain)
    assert (advice.code, unmet(advice)) == ("go", set())
    assert advice.record == (
        f"v=DMARC1; p=quarantine; rua=mailto:dmarc@b{domain.account_id}.shop.example,"
        "mailto:a@x.test; sp=reject; adkim=s;"
    )
    policy_found(domain, advice.record)
    assert (advise(domain).code, advise(domain).next) == ("go", "reject")
    policy_found(domain, "v=DMARC1; p=reject")
    assert advise(domain).code == "done"
    policy_found(domain, "v=DMARC1; p=reject; pct=50")  # not for all mail yet
    assert (advise(domain).code, advise(domain).next) == ("go", "reject")


@pytest.mark.parametrize("code", ["records", "own_mail", "strangers", "log", "reports", "watched"])
def test_each_condition_holds_a_step_back(domain: Domain, code: str) -> None:
    policy_found(domain, "v=DMARC1; p=none")
    log = OwnLog(50, 0)
    if code == "records":
        domain.state = DomainState.BROKEN
        domain.save()
    if code == "log":
        log = OwnLog(50, 2)
    extra = {
        "own_mail": [("127.0.0.10", 9, False, False)],
        "strangers": [("203.0.113.77", 20, False, False)],
    }
    good_weeks(domain, *extra.get(code, []))
    if code == "reports":
        DmarcReport.objects.filter(report_id__in=["1", "8"]).delete()
        DmarcReport.objects.update(received_at=timezone.now() - timedelta(days=15))
    if code == "watched":
        DmarcReport.objects.filter(report_id__in=["8", "15"]).delete()
    advice = advise(domain, log)
    assert advice.code == "wait" and unmet(advice) == {code}


def test_a_stranger_that_was_looked_at_stops_nothing(domain: Domain) -> None:
    policy_found(domain, "v=DMARC1; p=none")
    good_weeks(domain, ("203.0.113.77", 20, False, False))
    assert report_log.disown(domain, ["203.0.113.77", "203.0.113.1"], by="a@shop.example") == 1
    assert advise(domain).code == "go"
    assert {one.kind for one in report_log.summary(domain).sources} == {"ours", "stranger"}
    report_log.reclaim(domain, "203.0.113.77")
    assert unmet(advise(domain)) == {"strangers"}


def test_reports_are_kept_for_their_time(domain: Domain) -> None:
    make_reports(domain)
    now = timezone.now()
    assert report_log.forget_old(now) == 0
    assert report_log.forget_old(now + report_log.KEPT) == 6
    assert not DmarcSource.objects.exists() and not TlsReport.objects.exists()


def test_every_word_has_its_sentence() -> None:
    assert set(ADVICE) == {"start", "wait", "go", "done"}
    codes = {code for code, _ in CONDITIONS}
    assert CONDITIONS.keys() == {(code, met) for code in codes for met in (True, False)}
    assert set(KINDS) == set(report_log.KINDS)
    assert set(ALIGNMENT) == {"aligned", "dkim_only", "spf_only", "fails"}

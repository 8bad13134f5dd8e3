"""The pages of a domain's reports: the DMARC coach, who sends in its name, TLS."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from domains import coach, dmarc, records, report_log
from domains.coach import Advice
from domains.coach_sentences_table import KINDS, tell_advice, tell_condition
from domains.models import Domain
from domains.report_log import DaySum, Summary
from domains.views.domains import find_domain
from tokens.models import Role
from tokens.web import AccountRequest, account_page
from transactional import authentication_log

HEIGHT, STEP, BAR = 100, 24, 18  # of the chart, in its own units
MOST_MARKED = 200  # sources marked at once


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of the chart."""

    name: str
    x: int
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Step:
    """A policy on the way: its word, and whether it is passed, now, next or later."""

    name: str
    state: str


@require_safe
@account_page(Role.VIEWER)
def detail(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """What receivers report about a domain, and what to do about it."""
    domain = find_domain(request, domain_id)
    seen, advice = advise(domain)
    context = {
        "domain": domain,
        "seen": seen,
        "bars": _bars(seen.days),
        "height": HEIGHT,
        "width": STEP * report_log.DAYS,
        "sources": [
            {
                "source": one,
                "kind": one.kind,
                "pill": _pill(one.kind),
                "meaning": KINDS[one.kind][2],
            }
            for one in seen.sources
        ],
        "unknown": sum(1 for one in seen.sources if one.kind == report_log.UNKNOWN),
        "tls": report_log.tls_summary(domain),
        "tls_record": records.tls_reports(domain),
        "may_change": request.may(Role.DEVELOPER),
        **told(advice),
    }
    return render(request, "domains/reports.html", context)


@require_POST
@account_page(Role.DEVELOPER)
def disown(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """Mark sources as strangers, all unknown ones at once, or take that back for one."""
    domain = find_domain(request, domain_id)
    if "reclaim" in request.POST:
        for ip in _addresses(request.POST.getlist("reclaim")):
            report_log.reclaim(domain, ip)
        return redirect("domain_reports", request.account.pk, domain.pk)
    if "all" in request.POST:
        sources = report_log.summary(domain).sources
        ips = [one.ip for one in sources if one.kind == report_log.UNKNOWN]
    else:
        ips = _addresses(request.POST.getlist("ip"))
    count = report_log.disown(domain, ips, by=request.user.email)
    told_ = ngettext(
        "%(n)d sender is marked as a stranger.", "%(n)d senders are marked as strangers.", count
    )
    messages.success(request, told_ % {"n": count})
    return redirect("domain_reports", request.account.pk, domain.pk)


def _addresses(texts: Sequence[str]) -> list[str]:
    """Those of the posted texts that are IP addresses."""
    found = []
    for text in texts[:MOST_MARKED]:
        try:
            found.append(str(ipaddress.ip_address(text.strip())))
        except ValueError:
            continue
    return found


def advise(domain: Domain) -> tuple[Summary, Advice]:
    """The coach's word on a domain, with what it was taken from."""
    now = timezone.now()
    seen = report_log.summary(domain)
    log = authentication_log.own_log(domain.account_id, domain.name, since=now - coach.WATCHED)
    return seen, coach.advise(domain, seen, log, now=now)


def told(advice: Advice) -> dict[str, object]:
    """An advice in the words of the page."""
    return {
        "advice": advice,
        "says": tell_advice(advice),
        "steps": _steps(advice),
        "conditions": [
            {"met": one.met, "says": tell_condition(one), "code": one.code}
            for one in advice.conditions
        ],
    }


def _steps(advice: Advice) -> list[Step]:
    at = dmarc.POLICIES.index(advice.policy) if advice.policy else -1
    return [
        Step(name, "done" if n < at else "now" if n == at else "later")
        for n, name in enumerate(dmarc.POLICIES)
    ]


def _pill(kind: str) -> dict[str, str | Promise]:
    css, word, _meaning = KINDS[kind]
    return {"css": css, "word": word}


def _bars(days: Sequence[DaySum]) -> list[Bar]:
    """Passed and failed of each day, one upon the other, against the highest."""
    highest = max((one.messages for one in days), default=0)
    first = timezone.now().date().toordinal() - report_log.DAYS + 1
    bars = []
    for one in days:
        x = (one.day.toordinal() - first) * STEP + (STEP - BAR) // 2
        if x < 0 or not highest:
            continue
        passed = one.passed * HEIGHT // highest
        failed = max(1, (one.messages - one.passed) * HEIGHT // highest)
        bars.append(Bar("passed", x, HEIGHT - passed, passed))
        if one.messages > one.passed:
            bars.append(Bar("failed", x, HEIGHT - passed - failed, failed))
    return bars

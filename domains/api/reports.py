"""What receivers report about a domain, over HTTP: the coach's word, senders, days, TLS."""

from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from config.paging import find
from domains import coach, report_log
from domains.api.calls import DomainsCall
from domains.coach_sentences_table import tell_advice, tell_condition
from domains.models import Domain
from tokens.web import caller
from transactional import authentication_log


class DomainReports(DomainsCall):
    """The reports of one domain, of the last 30 days."""

    def get(self, request: Request, domain_id: str) -> Response:
        """What to do about DMARC, and what it was judged by."""
        domain: Domain = find(Domain.objects.of(caller(request).account_id), domain_id)
        now = timezone.now()
        seen = report_log.summary(domain)
        log = authentication_log.own_log(domain.account_id, domain.name, since=now - coach.WATCHED)
        advice = coach.advise(domain, seen, log, now=now)
        return Response(
            {
                "advice": _advice(advice),
                "dmarc": _dmarc(seen),
                "tls": _tls(report_log.tls_summary(domain)),
            }
        )


def _advice(advice: coach.Advice) -> dict[str, Any]:
    return {
        "code": advice.code,
        "message": tell_advice(advice),
        "policy": advice.policy,
        "next": advice.next,
        "ready": advice.ready,
        "record": advice.record,
        "conditions": [
            {
                "code": one.code,
                "met": one.met,
                "message": tell_condition(one),
                "data": dict(one.data),
            }
            for one in advice.conditions
        ],
    }


def _dmarc(seen: report_log.Summary) -> dict[str, Any]:
    return {
        "reports": seen.reports,
        "reporters": seen.reporters,
        "lastAt": seen.last,
        "messages": seen.messages,
        "passed": seen.passed,
        "sources": [
            {
                "ip": one.ip,
                "kind": one.kind,
                "domain": one.domain,
                "name": one.name,
                "messages": one.messages,
                "passed": one.passed,
                "dkim": one.dkim,
                "spf": one.spf,
                "stopped": one.stopped,
                "lastDay": one.last.isoformat(),
            }
            for one in seen.sources
        ],
        "moreSources": seen.more_sources,
        "days": [
            {
                "day": one.day.isoformat(),
                "messages": one.messages,
                "passed": one.passed,
                "ours": one.ours,
                "unknown": one.unknown,
            }
            for one in seen.days
        ],
    }


def _tls(seen: report_log.TlsSummary) -> dict[str, Any]:
    return {
        "reports": seen.reports,
        "lastAt": seen.last,
        "successes": seen.successes,
        "failures": seen.failed,
        "details": [
            {"result": result, "mx": mx, "sessions": count} for result, mx, count in seen.failures
        ],
    }

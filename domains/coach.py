"""The DMARC coach: which policy comes next, and what must hold before. Decides from what receivers
reported and from our own log; tells each condition with the figure it was judged by.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from domains import dmarc, records
from domains.models import Domain, DomainState
from domains.report_log import OURS, UNKNOWN, Summary

WATCHED = timedelta(days=14)  # two weeks show what is sent weekly
RECENT = timedelta(days=7)  # reports come daily; without any for a week the figures are stale
ENOUGH = 100  # messages reported: of fewer, one stray message moves the figures
OWN_RATE = 99.0  # per cent of our own mail that must pass
# Share of all mail in the domain's name that may come from sources nobody knows
STRANGERS = {dmarc.QUARANTINE: 5.0, dmarc.REJECT: 2.0}


@dataclass(frozen=True, slots=True)
class OwnLog:
    """What our log says of the domain's newest mail: messages looked at, and how many of them a
    receiver refused for want of authentication.
    """

    messages: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that must hold before the next step; `data` are the figures it was judged by."""

    code: str
    met: bool
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Advice:
    """The policy as it is, the one to come, and what is missing. `next` is empty at the goal.

    `record` is the value to publish once every condition holds; `code` is start, wait, go or done.
    """

    code: str
    policy: str
    next: str
    conditions: tuple[Condition, ...]
    record: str

    @property
    def ready(self) -> bool:
        """Every condition holds."""
        return all(one.met for one in self.conditions)


def advise(domain: Domain, seen: Summary, log: OwnLog, *, now: datetime) -> Advice:
    """The next step of a domain. Pure: reads nothing but what it is given."""
    policy, inherited = dmarc.found_by(domain.findings)
    asked = policy.for_name(inherited=inherited)
    if not asked:
        return Advice("start", "", dmarc.NONE, (), records.dmarc(domain))
    if asked == dmarc.REJECT and policy.percent == 100:
        return Advice("done", asked, "", (_reports(domain, policy, seen, now),), "")
    step = dmarc.QUARANTINE if asked == dmarc.NONE else dmarc.REJECT
    conditions = (
        Condition("records", domain.state == DomainState.VERIFIED),
        _reports(domain, policy, seen, now),
        _watched(seen, now),
        _own_mail(seen),
        _strangers(seen, step),
        Condition("log", log.refused == 0, {"messages": log.messages, "refused": log.refused}),
    )
    code = "go" if all(one.met for one in conditions) else "wait"
    return Advice(code, asked, step, conditions, _record(domain, policy, step))


def _reports(domain: Domain, policy: dmarc.Policy, seen: Summary, now: datetime) -> Condition:
    ours = records.dmarc_address(domain)
    fresh = seen.last is not None and now - seen.last < RECENT
    named = ours in policy.reports_to
    data = {"address": ours, "named": named, "last": seen.last.isoformat() if seen.last else ""}
    return Condition("reports", fresh, data)


def _watched(seen: Summary, now: datetime) -> Condition:
    age = now - seen.first if seen.first else timedelta(0)
    enough = age >= WATCHED and seen.messages >= ENOUGH
    data = {
        "days": age.days, "wanted": WATCHED.days, "messages": seen.messages, "enough": ENOUGH
    }  # fmt: skip
    return Condition("watched", enough, data)


def _own_mail(seen: Summary) -> Condition:
    messages, passed = seen.by_kind.get(OURS, (0, 0))
    rate = 100 * passed / messages if messages else 0.0
    data = {"messages": messages, "rate": round(rate, 2), "wanted": OWN_RATE}
    return Condition("own_mail", messages > 0 and rate >= OWN_RATE, data)


def _strangers(seen: Summary, step: str) -> Condition:
    """Mail that would be stopped: from sources nobody knows, and nothing passes."""
    messages, passed = seen.by_kind.get(UNKNOWN, (0, 0))
    share = 100 * (messages - passed) / seen.messages if seen.messages else 0.0
    limit = STRANGERS[step]
    sources = sum(1 for one in seen.sources if one.kind == UNKNOWN)
    data = {
        "share": round(share, 2), "wanted": limit, "messages": messages, "sources": sources
    }  # fmt: skip
    return Condition("strangers", share <= limit, data)


def _record(domain: Domain, policy: dmarc.Policy, step: str) -> str:
    """The record of the next step, with the other readers of reports kept."""
    ours = records.dmarc_address(domain)
    readers = [ours, *(one for one in policy.reports_to if one != ours)]
    parts = ["v=DMARC1", f"p={step}", "rua=" + ",".join(f"mailto:{one}" for one in readers)]
    if policy.subdomains:
        parts.append(f"sp={policy.subdomains}")
    if policy.strict_dkim:
        parts.append("adkim=s")
    if policy.strict_spf:
        parts.append("aspf=s")
    return "; ".join(parts) + ";"

"""Which limits and which rules hold for a site: the operator's rows, else what is shipped."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from config import patterns
from domains import sites
from domains.sites import Site
from transactional.egress.profiles_table import DEFAULT, PROFILES, RELAY, RULES
from transactional.models import ShapingProfile, ShapingRule

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Towards one site, per IP, over all workers. 0 means no limit."""

    name: str
    connections: int = 0
    per_minute: int = 0
    per_session: int = 100


@dataclass(frozen=True, slots=True)
class Rule:
    """An answer that asks to slow down, and what it leads to; see ShapingRule."""

    name: str
    provider: str
    pattern: re.Pattern[str]
    hits: int
    within: float
    action: str
    value: int
    seconds: float


@dataclass(frozen=True)
class Profiles:
    """All limits and rules at one moment."""

    limits: tuple[tuple[Limits, str, tuple[str, ...]], ...]  # with provider and endings
    rules: tuple[Rule, ...]

    @cached_property
    def _named(self) -> dict[str, Limits]:
        return {limits.name: limits for limits, _, _ in self.limits}

    def of(self, site: Site, hosts: Sequence[str], *, direct: bool) -> Limits:
        """The limits of a site whose exchangers these are. `direct`: by MX, not by a relay."""
        if not direct:
            return self._named.get(RELAY, Limits(RELAY))
        for limits, provider, endings in self.limits:
            if provider and provider == site.provider:
                return limits
            if endings and any(f".{host}".endswith(endings) for host in hosts):
                return limits
        return self._named.get(DEFAULT, Limits(DEFAULT, 20))

    def towards(self, key: str) -> Limits:
        """The limits of a site of which no more is known than its key."""
        site = Site(key, key if key in sites.NAMES else "")
        return self.of(site, [key], direct=not key.startswith(sites.RELAY))

    def rules_on(self, reply: str, provider: str) -> list[Rule]:
        """The rules that a temporary or final refusal falls under, by its first 1,000 characters."""
        reply = reply[: patterns.TEXT]
        return [
            rule
            for rule in self.rules
            if rule.provider in ("", provider) and rule.pattern.search(reply)
        ]


def shipped() -> Profiles:
    """What holds where the database has nothing to say."""
    return Profiles(
        tuple((Limits(n, c, m, s), provider, ends) for n, provider, ends, c, m, s in PROFILES),
        tuple(
            Rule(n, provider, re.compile(p, re.I), h, w, action, value, minutes * 60.0)
            for n, provider, p, h, w, action, value, minutes in RULES
        ),
    )


def load() -> Profiles:
    """The operator's rows; a profile that was deleted is as if it had never been shipped."""
    rows = list(ShapingProfile.objects.all())
    given = shipped()
    if not rows:
        return given
    limits = tuple(
        (
            Limits(row.name, row.connections, row.per_minute, max(1, row.per_session)),
            row.provider,
            tuple(row.endings.split()),
        )
        for row in rows
    )
    return Profiles(limits, tuple(_rules()))


def _rules() -> list[Rule]:
    found = []
    for row in ShapingRule.objects.filter(enabled=True):
        try:
            pattern = patterns.compiled(row.pattern)
        except ValueError as error:
            logger.warning("shaping rule %s is left out: %s", row.name, error)
            continue
        seconds = row.minutes * 60.0
        found.append(
            Rule(
                row.name, row.provider, pattern, row.hits, row.within, row.action, row.value,
                seconds,
            )
        )  # fmt: skip
    return found


def fill(profile: type[ShapingProfile], rule: type[ShapingRule]) -> None:
    """Write the shipped rows that are missing: for a migration, which hands over its own models."""
    for name, provider, endings, connections, per_minute, per_session in PROFILES:
        profile._default_manager.get_or_create(
            name=name,
            defaults={
                "provider": provider,
                "endings": "\n".join(endings),
                "connections": connections,
                "per_minute": per_minute,
                "per_session": per_session,
            },
        )
    for name, provider, pattern, hits, within, action, value, minutes in RULES:
        rule._default_manager.get_or_create(
            name=name,
            defaults={
                "provider": provider,
                "pattern": pattern,
                "hits": hits,
                "within": within,
                "action": action,
                "value": value,
                "minutes": minutes,
            },
        )

"""Which limits and which rules hold for a site: the operator's rows, else what is shipped."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from config import database, patterns
from domains import sites
from domains.sites import Site
from transactional.egress.profiles_table import DEFAULT, PROFILES, RELAY, RULES
from transactional.models import ShapingProfile, ShapingRule

logger = logging.getLogger(__name__)

# Asked by each engine every few seconds
_PROFILES = """
SELECT name, provider, endings, connections, per_minute, per_session
FROM transactional_shapingprofile ORDER BY name
"""
_RULES = """
SELECT name, provider, pattern, hits, "within", action, value, minutes
FROM transactional_shapingrule WHERE enabled ORDER BY name
"""


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


_Rows = list[tuple[Any, ...]]
_known: tuple[_Rows, _Rows, Profiles] | None = None  # what was read last, and what it came to


def load() -> Profiles:
    """The operator's rows; a profile that was deleted is as if it had never been shipped.

    The same object as the time before where nobody has changed them.
    """
    global _known
    rows = database.ask(_PROFILES)
    if not rows:
        return shipped()
    rules, known = database.ask(_RULES), _known
    if known is not None and known[:2] == (rows, rules):
        return known[2]
    limits = tuple(
        (Limits(name, most, per_minute, max(1, per_session)), provider, tuple(endings.split()))
        for name, provider, endings, most, per_minute, per_session in rows
    )
    found = Profiles(limits, tuple(_rules(rules)))
    _known = (rows, rules, found)
    return found


def _rules(rows: _Rows) -> list[Rule]:
    found = []
    for name, provider, text, hits, within, action, value, minutes in rows:
        try:
            pattern = patterns.compiled(text)
        except ValueError as error:
            logger.warning("shaping rule %s is left out: %s", name, error)
            continue
        seconds = minutes * 60.0
        found.append(Rule(name, provider, pattern, hits, within, action, value, seconds))
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

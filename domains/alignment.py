"""The only place that works out whether mail of a domain aligns (RFC 7489 §3.1), before it is sent.

We sign with the From domain itself and send from a host below it; what the last check found says
whether receivers can verify that. Nothing asks DNS here: it runs while a message is accepted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from domains import dmarc
from domains.findings import MISSING, WRONG
from domains.models import Domain
from domains.names import organisational

EXACT, RELATED, NOT = "exact", "organisation", "no"
KEPT = 20_000  # domains remembered; each is worked out anew after a check


@dataclass(frozen=True, slots=True)
class Alignment:
    """How mail of a domain stands before receivers. `policy` is what they are asked to do with mail
    that fails; empty: nothing.

    `dkim` and `spf` are exact, organisation or no: how the domain that passes is related to From's.
    `code` is aligned, dkim_only, spf_only or fails.
    """

    code: str
    dkim: str
    spf: str
    policy: str
    strict_dkim: bool = False
    strict_spf: bool = False

    @property
    def passes(self) -> bool:
        """Receivers that check DMARC let it pass."""
        return self.code != "fails"

    @property
    def stops(self) -> bool:
        """It would fail, and the domain's own policy asks receivers to act on that."""
        return not self.passes and self.policy in (dmarc.QUARANTINE, dmarc.REJECT)

    def stored(self) -> dict[str, Any]:
        """As kept with a message's story."""
        return {"code": self.code, "dkim": self.dkim, "spf": self.spf, "policy": self.policy}


def align(
    from_domain: str,
    *,
    signs: str,
    mail_from: str,
    policy: dmarc.Policy,
    inherited: bool = False,
    dkim_right: bool = True,
    spf_right: bool = True,
) -> Alignment:
    """How From stands to the signature's d= and to the envelope, under the published policy."""
    dkim = _relation(from_domain, signs, strict=policy.strict_dkim) if dkim_right else NOT
    spf = _relation(from_domain, mail_from, strict=policy.strict_spf) if spf_right else NOT
    if dkim != NOT:
        code = "aligned" if spf != NOT else "dkim_only"
    else:
        code = "spf_only" if spf != NOT else "fails"
    asked = policy.for_name(inherited=inherited)
    return Alignment(code, dkim, spf, asked, policy.strict_dkim, policy.strict_spf)


def _relation(from_domain: str, other: str, *, strict: bool) -> str:
    if from_domain == other:
        return EXACT
    if not strict and _organisation(from_domain) == _organisation(other):
        return RELATED
    return NOT


_organisation = lru_cache(maxsize=4096)(organisational)

_kept: dict[int, tuple[datetime | None, Alignment]] = {}


def forget() -> None:
    """Drop what is kept: for tests."""
    _kept.clear()


def of_domains(checked: Iterable[tuple[int, datetime | None]]) -> dict[int, Alignment]:
    """The alignment of domains by their row's number and the time of their last check: a query only
    for those that were checked since.
    """
    wanted = dict(checked)
    found = {pk: hit[1] for pk, at in wanted.items() if (hit := _kept.get(pk)) and hit[0] == at}
    lacking = wanted.keys() - found.keys()
    if not lacking:
        return found
    if len(_kept) + len(lacking) > KEPT:
        _kept.clear()
    for domain in Domain.objects.filter(pk__in=lacking).only("account_id", "name", "findings"):
        found[domain.pk] = of_domain(domain)
        _kept[domain.pk] = (wanted[domain.pk], found[domain.pk])
    return found


def of_domain(domain: Domain) -> Alignment:
    """The alignment of a domain's mail as its last check found its records."""
    policy, inherited = dmarc.found_by(domain.findings)
    return align(
        domain.name,
        signs=domain.name,
        mail_from=domain.return_path_host,
        policy=policy,
        inherited=inherited,
        dkim_right=_is_right(domain.findings, "dkim", "delegation"),
        spf_right=_is_right(domain.findings, "spf"),
    )


def _is_right(findings: Iterable[Mapping[str, Any]], *purposes: str) -> bool:
    """Whether one of these records at least is not known to be at fault. Silence is no fault."""
    states = [f.get("status") for f in findings if f.get("purpose") in purposes]
    return not states or any(state not in (MISSING, WRONG) for state in states)

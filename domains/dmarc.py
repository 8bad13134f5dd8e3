"""The only place that reads a DMARC policy and says what it asks (RFC 7489 §6.3, RFC 9989)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domains.diagnose.pasting import tags

NONE, QUARANTINE, REJECT = "none", "quarantine", "reject"
POLICIES = (NONE, QUARANTINE, REJECT)


@dataclass(frozen=True, slots=True)
class Policy:
    """What receivers are asked to do with mail that fails. An empty `policy`: nothing is published.

    `strict_dkim`, `strict_spf`: only the very same domain aligns, not one of the same organisation.
    """

    policy: str = ""
    subdomains: str = ""
    strict_dkim: bool = False
    strict_spf: bool = False
    percent: int = 100
    reports_to: tuple[str, ...] = ()

    def for_name(self, *, inherited: bool) -> str:
        """What holds for a domain that has this policy, or that it covers from above."""
        return self.subdomains if inherited and self.subdomains else self.policy


def read(records: Sequence[str]) -> Policy:
    """The policy among the TXT records of a _dmarc label. What cannot be read counts for nothing."""
    found = [tags(text) for text in records if text.strip().lower().startswith("v=dmarc1")]
    if len(found) != 1 or found[0] is None or found[0].get("v") != "DMARC1":
        return Policy()
    read_tags = found[0]
    policy = read_tags.get("p", "").lower()
    if policy not in POLICIES:
        return Policy()
    subdomains = read_tags.get("sp", "").lower()
    percent = read_tags.get("pct", "100")
    return Policy(
        policy=policy,
        subdomains=subdomains if subdomains in POLICIES else "",
        strict_dkim=read_tags.get("adkim", "r").lower() == "s",
        strict_spf=read_tags.get("aspf", "r").lower() == "s",
        percent=min(100, int(percent)) if percent.isascii() and percent.isdigit() else 100,
        reports_to=tuple(_addresses(read_tags.get("rua", ""))),
    )


def _addresses(rua: str) -> list[str]:
    """The mailboxes of a rua tag; sizes behind an exclamation mark left out."""
    found = []
    for uri in rua.split(","):
        scheme, _, rest = uri.strip().partition(":")
        if scheme.lower() == "mailto" and rest:
            found.append(rest.partition("!")[0].strip().lower())
    return found


def found_by(findings: Sequence[Mapping[str, Any]]) -> tuple[Policy, bool]:
    """The policy that the last check found for a domain, and whether it comes from above."""
    for finding in findings:
        if finding.get("purpose") == "dmarc":
            return read(finding.get("found", ())), finding.get("code") == "inherited"
    return Policy(), False

"""The only place that decides how much TLS a delivery needs: policy of the domain, of the stream, of
the receiver; and what to call what came of it (RFC 8460 §4.3).

DANE (RFC 7672) goes before MTA-STS (RFC 8461 §2), both before the stream's own wish. Under either of
the first two mail is never sent in clear, nor to a server that they do not name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from django.conf import settings
from django.utils import timezone

from domains import dns
from domains.sites import ALWAYS_TLS
from transactional.egress.decisions import Decision
from transactional.egress.lookups import Lookups
from transactional.egress.mta_sts import CROWDED, NOTHING, UNKNOWN, Sts, StsPolicies
from transactional.egress.places import Owner
from transactional.egress.route import Route, Target
from transactional.egress.tls_memory import Counted, TlsMemory
from transactional.queue import Job
from transactional.wire import outcome as wire
from transactional.wire.address import AddressError, parse_address
from transactional.wire.dane import TA, Tlsa, usable
from transactional.wire.mta_sts import ENFORCE, TESTING
from transactional.wire.outcome import TlsPolicy
from transactional.wire.reply import Stage
from transactional.wire.tls_report import NO_POLICY, STS, TLSA

HEAD = 4096  # octets of a message in which the header of a report of ours ends
REPORT_ABOUT = b"\r\nTLS-Report-Domain: "
# A conversation that ended there says nothing of TLS; 421 to STARTTLS neither (`Outcome.tls_failed`)
BEFORE_TLS = frozenset({Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS})
STRICT = frozenset({TlsPolicy.REQUIRED, TlsPolicy.VERIFIED, TlsPolicy.DANE})


@dataclass(frozen=True, slots=True)
class TlsRule:
    """What TLS one host needs, and why. With a `refusal` mail must not go there at all.

    `code` is opportunistic, stream, provider, operator, mta_sts, mta_sts_testing, mta_sts_host, dane,
    dane_unusable or dane_lookup. `softer` is what follows a failure that a policy only wants told.
    """

    policy: TlsPolicy
    code: str
    kind: str = NO_POLICY  # for reports: sts, tlsa, no-policy-found
    tlsa: tuple[Tlsa, ...] = ()
    names: tuple[str, ...] = ()  # what the certificate may be for; the first is asked for (SNI)
    refusal: str = ""
    result: str = ""
    softer: TlsPolicy | None = None
    data: Mapping[str, object] = field(default_factory=dict)

    def decision(self, host: str) -> Decision:
        """The rule as a step of the message's story."""
        return Decision("tls", self.code, {"host": host, "policy": str(self.policy), **self.data})


ANY = TlsRule(TlsPolicy.OPPORTUNISTIC, "opportunistic")


@dataclass(frozen=True, slots=True)
class Stance:
    """What is known about TLS towards a domain before any of its hosts is spoken to."""

    domain: str
    route: Route
    required: bool  # by the stream
    sts: Sts = NOTHING
    reported: bool = False  # the domain asks for TLS reports
    plain: bool = False  # a relay or the sandbox: the domain's own policies are not asked
    smarthost: TlsPolicy | None = None  # what a stream's smarthost is spoken to with
    by_name: bool = False  # a relay that is configured by its name, whose own TLSA records count


class TlsRules:
    """Decides; one per engine."""

    def __init__(self, memory: TlsMemory, lookups: Lookups) -> None:
        self._memory = memory
        self._policies = StsPolicies(lookups)

    async def prepare(self, domain: str, owner: Owner, *, urgent: bool) -> float:
        """Ask what a domain's policies say before its mail has a session's place: a silent site is to take
        none. 0 where they are known, else in how many seconds to ask again. Raises django.db.Error.
        """
        if self._policies.known(domain) is not None:
            return 0.0
        return await self._policies.soon(domain, owner, urgent=urgent)

    async def stance(
        self, domain: str, route: Route, *, transport: str, required: bool, report: bool = False
    ) -> Stance:
        """What the domain's policies say: known as a rule (`prepare`).

        `report`: it is a report of ours about TLS towards the domain, which no failure of TLS may stop,
        and which is in no report itself (RFC 8460 §3).
        """
        await self._memory.ready()
        if report:
            return Stance(domain, route, required=False, plain=True)
        if transport != "mx":
            by_name = transport.startswith("relay://")
            return Stance(domain, route, required, plain=True, by_name=by_name)
        asked = self._policies.known(domain) or await self._policies.of(domain)
        return Stance(domain, route, required, asked.sts, asked.reported)

    async def towards(self, stance: Stance, target: Target) -> TlsRule:
        """What one host needs."""
        if stance.smarthost is not None:
            return await towards_smarthost(stance.smarthost, target)
        if stance.plain:
            dane = await _dane(target, (target.host,)) if stance.by_name else None
            return dane or _own_wish(stance)
        dane = await _dane(target, stance.route.domains) if stance.route.secure else None
        if dane is not None:
            return dane
        policy = stance.sts.policy
        if policy is not None and policy.mode in (ENFORCE, TESTING):
            return _sts(stance, target)
        return _own_wish(stance)

    def learn(
        self, stance: Stance, rule: TlsRule, target: Target, source: str, result: str
    ) -> None:
        """Count a delivery for the domain's report. An empty `result`: it was secured."""
        if stance.reported:
            day, kind = timezone.now().date(), rule.kind
            if kind == NO_POLICY and not result and stance.sts.error:
                # Sent all the same, for want of a policy that there should be: what its domain must know
                result = without_policy(stance.sts.error)
                kind = STS if result else kind
            self._memory.count(Counted(day, stance.domain, kind, target.host, source, result))


async def towards_smarthost(policy: TlsPolicy, target: Target) -> TlsRule:
    """What a smarthost needs, whose settings say `policy`. Its own TLSA records count (RFC 7672 §2.2.2: a
    host that is configured by name), but where its settings want a certificate that authorities vouch
    for. MTA-STS is about a recipient domain's exchangers (RFC 8461 §1), and does not apply.
    """
    dane = None if policy is TlsPolicy.VERIFIED else await _dane(target, (target.host,))
    return dane or TlsRule(policy, "smarthost")


def at_least(policy: TlsPolicy, *, required: bool) -> TlsPolicy:
    """A smarthost's policy where the stream requires TLS: no less than that."""
    return TlsPolicy.REQUIRED if required and policy not in STRICT else policy


def is_report(job: Job) -> bool:
    """Whether this is a TLS report that we wrote: none but its own account sends in PLATFORM_FROM's name."""
    head = (job.raw or b"")[:HEAD].partition(b"\r\n\r\n")[0]
    if REPORT_ABOUT not in head:
        return False
    try:
        return parse_address(settings.PLATFORM_FROM).domain_ascii == job.from_domain
    except AddressError:
        return False


async def _dane(target: Target, domains: Sequence[str]) -> TlsRule | None:
    """DANE of a host whose name is vouched for (by DNSSEC, or since somebody configured it), where
    DNSSEC vouches for its addresses; None where it does not apply. `domains`: the names by which one
    came to it, for which its certificate may be as well (RFC 7672 §3.2.2).

    Of an alias, the name it leads to is asked about first, then its own (§2.2.3).
    """
    if not (settings.DNS_VALIDATES and target.secure):
        return None
    for base in dict.fromkeys((target.owner or target.host, target.host)):
        found = await dns.tlsa(base, target.port)
        if found.status in (dns.SERVFAIL, dns.TIMEOUT):
            # RFC 7672 §2.1.2: who hides the records must not get the mail in clear
            words = f"the TLSA records of {base} cannot be looked up ({found.status})"
            return TlsRule(
                TlsPolicy.DANE, "dane_lookup", TLSA, refusal=words, result="dnssec-invalid"
            )  # fmt: skip
        if found.status == dns.OK and found.secure:
            return _by_records(base, found.records, domains)
    return None


def _by_records(base: str, found: Sequence[str], domains: Sequence[str]) -> TlsRule:
    """`base` has these TLSA records. Names count beside an anchor alone: where there is none, sessions are
    the same for all domains of the host.
    """
    records = usable(found)
    if not records:
        return TlsRule(
            TlsPolicy.REQUIRED, "dane_unusable", TLSA, names=(base,), data={"records": found}
        )
    anchored = any(record.usage == TA for record in records)
    names = tuple(dict.fromkeys((base, *domains))) if anchored else (base,)
    data = {"records": len(records), **({"names": list(names)} if anchored else {})}
    return TlsRule(TlsPolicy.DANE, "dane", TLSA, tlsa=records, names=names, data=data)


def _sts(stance: Stance, target: Target) -> TlsRule:
    policy = stance.sts.policy
    if policy is None:
        return _own_wish(stance)
    told = {"mode": policy.mode, "mx": list(policy.mx[:5])}
    named = policy.allows(target.host)
    if policy.mode == TESTING:
        own = _own_wish(stance)
        if not named:
            # Told in the report and nothing else (§5)
            return replace(
                own, code="mta_sts_testing", kind=STS, result="validation-failure", data=told
            )
        return TlsRule(TlsPolicy.VERIFIED, "mta_sts_testing", STS, softer=own.policy, data=told)
    if not named:
        words = f"{target.host} is none of the hosts in the MTA-STS policy of {stance.domain}"
        return TlsRule(
            TlsPolicy.VERIFIED, "mta_sts_host", STS,
            refusal=words, result="validation-failure", data=told,
        )  # fmt: skip
    return TlsRule(TlsPolicy.VERIFIED, "mta_sts", STS, data=told)


def _own_wish(stance: Stance) -> TlsRule:
    """What the operator, the stream and the receiver's name ask for."""
    data = {"error": stance.sts.error} if stance.sts.error else {}
    if settings.EGRESS_TLS_VERIFY and not stance.plain:
        return TlsRule(TlsPolicy.VERIFIED, "operator", data=data)
    if stance.required:
        return TlsRule(TlsPolicy.REQUIRED, "stream", data=data)
    provider = stance.route.site.provider
    if provider in ALWAYS_TLS and not stance.plain:
        return TlsRule(TlsPolicy.REQUIRED, "provider", data={**data, "provider": provider})
    return TlsRule(TlsPolicy.OPPORTUNISTIC, "opportunistic", data=data) if data else ANY


def refused(rule: TlsRule) -> wire.Outcome:
    """The outcome of a host that a policy forbids: nothing was said to it."""
    return wire.Outcome(Stage.STARTTLS, error=f"451 4.7.5 TLS policy: {rule.refusal}.")


def in_words(seen: wire.Outcome, rule: TlsRule) -> wire.Outcome:
    """A TLS failure of a host that must have it, as a reply that says which policy asks."""
    if not seen.tls_failed or rule.policy not in STRICT:
        return seen
    said = str(seen.reply) if seen.reply else seen.error
    by = _REQUIRED_BY.get(rule.code, "the stream")
    return replace(seen, reply=None, error=f"451 4.7.5 TLS is required by {by}: {said}")


_REQUIRED_BY: Mapping[str, str] = {
    "provider": "us for this provider",
    "operator": "the operator",
    "smarthost": "the smarthost's settings",
    "mta_sts": "the domain's MTA-STS policy",
    "mta_sts_testing": "the domain's MTA-STS policy",
    "mta_sts_host": "the domain's MTA-STS policy",
    "dane": "the host's TLSA records (DANE)",
    "dane_unusable": "the host's TLSA records (DANE)",
    "dane_lookup": "the host's TLSA records (DANE)",
}


def without_policy(error: str) -> str:
    """RFC 8460's word (§4.3.2.2) for an MTA-STS policy that was not to be had; empty where it is ourselves
    who have not fetched it.
    """
    if error in (UNKNOWN, CROWDED):
        return ""
    if "certificate" in error.lower():
        return "sts-webpki-invalid"
    return "sts-policy-invalid" if error.startswith("The policy") else "sts-policy-fetch-error"


def result_of(seen: wire.Outcome, clear_because: str = "") -> str:
    """RFC 8460's word for a session; empty where it was secured, or did not come so far."""
    if seen.tls_version and seen.stage is not Stage.STARTTLS:
        return ""
    said = clear_because or (seen.error or str(seen.reply or ""))
    if seen.stage in BEFORE_TLS and not seen.tls_failed:
        return ""
    text = said.lower()
    for word, result in _RESULTS:
        if word in text:
            return result
    return "starttls-not-supported" if not clear_because else "validation-failure"


_RESULTS = (
    ("not offered", "starttls-not-supported"),
    ("tlsa", "tlsa-invalid"),
    ("expired", "certificate-expired"),
    ("hostname mismatch", "certificate-host-mismatch"),
    ("ip address mismatch", "certificate-host-mismatch"),
    ("certificate verify failed", "certificate-not-trusted"),
    ("certificate", "certificate-not-trusted"),
    ("handshake", "validation-failure"),
    ("tls", "validation-failure"),
    ("octets in clear", "validation-failure"),
)


def told(seen: wire.Outcome, rule: TlsRule, clear_because: str = "") -> str:
    """Version, cipher and verdict of a conversation, for the attempt's row: at most 80 characters."""
    if seen.stage in BEFORE_TLS and not seen.tls_version:
        return ""
    policy = None if rule.softer and clear_because else rule.policy
    return spoken(seen.tls_version, seen.tls_cipher, policy, bool(clear_because))


@lru_cache(maxsize=1024)
def spoken(
    version: str | None, cipher: str | None, policy: TlsPolicy | None, in_clear: bool, /
) -> str:
    """The same of a session: under which policy, None where it had been tried in vain; `in_clear`, TLS had failed."""
    if version:
        verdicts = {None: "not verified", TlsPolicy.VERIFIED: "verified", TlsPolicy.DANE: "DANE"}
        return " ".join(filter(None, (version, cipher, verdicts.get(policy, ""))))[:80]
    return "in clear: TLS failed there" if in_clear else "in clear: no TLS offered"

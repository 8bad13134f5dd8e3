"""The only place that looks at one record in DNS: at its answer, and where that is not right, at
what may explain it. Reads no rows and writes none.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace

from domains import authority, dns
from domains.diagnose import judge
from domains.diagnose.spf import NOBODY
from domains.findings import OK, UNKNOWN, Finding, Seen, of
from domains.names import organisational
from domains.records import Record
from domains.spf import Answers, Verdict, verdict_for

RESERVED = "240.0.0.1"  # nobody sends from there (RFC 1112 §4): who lets it pass lets all pass
LONGEST = 12.0  # seconds for looking closer; without a result the plain finding stands
CHAIN = 8  # aliases followed to find out that they go round


async def look(name: str, record: Record, wanted: Sequence[Record]) -> Finding:
    """The finding about one of the records that the domain `name` needs."""
    seen = await _at_first(record)
    finding = judge(record, seen)
    if finding.status == OK or record.ours:
        return finding  # nobody but the operator could put ours right
    if record.purpose == "dmarc" and seen.answer.status in (dns.NODATA, dns.NXDOMAIN):
        above = await _above(name, record)
        if above:
            return above
    try:
        async with asyncio.timeout(LONGEST):
            finding = await _closer(name, record, seen, wanted)
    except TimeoutError:
        pass  # DNS is slow: what is known stands
    return replace(finding, ttl=seen.answer.ttl)


async def _above(name: str, record: Record) -> Finding | None:
    """The organisational domain's policy, which receivers fall back to (RFC 7489 §6.6.3)."""
    parent = organisational(name)
    if parent == name:
        return None
    found = judge(record, Seen(await dns.txt(f"_dmarc.{parent}")))
    if found.status != OK:
        return None
    return replace(found, code="inherited", params={"above": f"_dmarc.{parent}"})


async def _at_first(record: Record) -> Seen:
    """The answer, with the alias of its host; for SPF with the verdicts on every IP."""
    if record.type == "CNAME":
        return await _alias(record)
    if record.type == "NS":
        return Seen(await authority.delegation(record.host))
    answer, alias = await asyncio.gather(
        dns.query(record.host, record.type), dns.cname(record.host)
    )
    seen = Seen(answer, alias=next(iter(alias.records), ""))
    if record.purpose == "spf" and answer.status == dns.OK:
        return replace(seen, verdicts=await _verdicts(record, answer))
    return seen


async def _alias(record: Record) -> Seen:
    """The alias of a host, and what is there by its way."""
    if not record.behind[0]:
        return Seen(await dns.cname(record.host))
    alias, behind = await asyncio.gather(
        dns.cname(record.host), dns.query(record.host, record.behind[0])
    )
    return Seen(alias, behind=behind)


async def _verdicts(record: Record, answer: dns.Answer) -> dict[str, Verdict]:
    """What receivers make of each IP that the wanted policy names, and of one that is nobody's."""
    named = [term.partition(":")[2] for term in record.value.split() if term.startswith("ip")]
    known: Answers = {(record.host.lower(), "TXT"): answer}
    # One after the other: the answers to the first are those of the others
    found = {address: await verdict_for(address, record.host, known) for address in named}
    found[NOBODY] = await verdict_for(RESERVED, record.host, known)
    return found


async def _closer(name: str, record: Record, seen: Seen, wanted: Sequence[Record]) -> Finding:
    """Look around a record that is not right, and judge it again."""
    own = None if record.type == "NS" else await authority.ask(record.host, record.type)
    if own and own.answer != seen.answer and own.answer.status == dns.OK:
        there = replace(seen, answer=own.answer)
        if record.purpose == "spf":
            there = replace(there, verdicts=await _verdicts(record, own.answer))
        right = record.type == "CNAME" and record.value.lower() in own.answer.records
        right = right or judge(record, there).status == OK
        if right and seen.answer.status != dns.SERVFAIL:
            minutes = str(max(1, -(-seen.answer.ttl // 60)))
            return of(record, UNKNOWN, "stale", seen.answer.records, minutes=minutes)
    others = {other.value: other.host for other in wanted if other.host != record.host}
    seen = replace(seen, others=others, silent=own.silent if own else ())
    if seen.answer.status in (dns.SERVFAIL, dns.TIMEOUT):
        return judge(record, await _behind_a_failure(record, seen))
    if seen.answer.status == dns.OK:
        return judge(record, await _around_a_value(record, seen))
    return judge(record, await _around_nothing(name, record, seen))


async def _behind_a_failure(record: Record, seen: Seen) -> Seen:
    """Whether it is DNSSEC, or aliases that go round."""
    plain = await dns.query(record.host, record.type, flags=dns.UNCHECKED)
    name, passed = record.host, [record.host]
    for _ in range(CHAIN):
        step = await dns.cname(name)
        if not step.records:
            break
        name = step.records[0]
        if name in passed:
            return replace(seen, looped=True)
        passed.append(name)
    else:
        return replace(
            seen, looped=True
        )  # so long a chain ends nowhere that resolvers follow it to
    works = plain.status not in (dns.SERVFAIL, dns.TIMEOUT)
    return replace(seen, bogus=seen.answer.status == dns.SERVFAIL and works)


async def _around_a_value(record: Record, seen: Seen) -> Seen:
    """Whether a wildcard answers, and which mail servers are aliases."""
    nobody = f"x{secrets.token_hex(6)}.{record.host.partition('.')[2]}"
    other = await dns.query(nobody, record.type)
    wild = other.status == dns.OK and set(other.records) == set(seen.answer.records)
    aliases: dict[str, str] = {}
    if record.type == "MX":
        hosts = [value.partition(" ")[2] for value in seen.answer.records[:3]]
        found = await asyncio.gather(*(dns.cname(host) for host in hosts))
        aliases = {h: a.records[0] for h, a in zip(hosts, found, strict=True) if a.records}
    return replace(seen, wildcard=wild, mx_aliases=aliases)


async def _around_nothing(name: str, record: Record, seen: Seen) -> Seen:
    """Where else the record may be, and who answers for its host."""
    places = {
        "dkim": tuple(record.host.replace("._domainkey.", x, 1) for x in (".", ".domainkey.")),
        "dmarc": (name, f"dmarc.{name}"),
    }.get(record.purpose, ())
    doubled, delegated, plain, *elsewhere = await asyncio.gather(
        dns.query(f"{record.host}.{name}", record.type),
        dns.query(f"_domainkey.{name}", "NS"),
        dns.addresses(record.host),
        *(dns.query(place, record.type) for place in places),
    )
    target = await dns.a(seen.alias) if seen.alias else dns.Answer(dns.NODATA)
    return replace(
        seen,
        doubled=doubled.records,
        delegated=delegated.records if record.purpose == "dkim" else (),
        addresses=plain.records,
        elsewhere={p: a.records for p, a in zip(places, elsewhere, strict=True) if a.records},
        dangling=target.status == dns.NXDOMAIN,
    )

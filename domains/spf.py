"""The only place that evaluates SPF, as receivers do and within their limits (RFC 7208), by pyspf.

pyspf would ask DNS by itself and wait. Here it is given answers, says which one it lacks, and is
run again once that is known: so every question goes through `domains/dns.py`, in its time.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import spf

from domains import dns

PASSED = "pass"
PERMERROR = "permerror"
TEMPERROR = "temperror"
LONGEST = 20.0  # seconds for one evaluation (RFC 7208 §4.6.4)
# Ten terms that ask, with ten exchangers or names each, and the policies themselves: what stays
# within RFC 7208 §4.6.4 asks no more than this
MOST = 150

Answers = dict[tuple[str, str], dns.Answer]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a receiver makes of an address: `result` in RFC 7208's words (§2.6).

    `problem` is the evaluator's reason for an error, `term` the term of the policy it is about,
    `explanation` the text for the one whose mail was refused (§6.2).
    """

    result: str
    problem: str = ""
    term: str = ""
    explanation: str = ""


class _Missing(Exception):
    """An answer is not known yet."""


class _Query(spf.query):  # type: ignore[misc]  # pyspf has no types
    """pyspf's evaluation over known answers; `missing` is the first question without one."""

    def __init__(self, address: str, sender: str, helo: str, answers: Answers) -> None:
        self.answers = answers
        self.missing: tuple[str, str] | None = None
        super().__init__(i=address, s=sender, h=helo, receiver="unknown")

    def dns(
        self, name: str, qtype: str, cnames: Any = None, ignore_void: bool = False
    ) -> list[Any]:
        """The records of a name, aliases followed; counts those that have none (§4.6.4)."""
        name = str(name).removesuffix(".").lower()
        if not all(0 < len(label) < 64 for label in name.split(".")):
            return []
        found = self.answers.get((name, qtype))
        if found is None:
            # Kept too, for pyspf swallows any exception while it fetches an explanation
            self.missing = self.missing or (name, qtype)
            raise _Missing
        if found.status in (dns.TIMEOUT, dns.SERVFAIL):
            raise spf.TempError(f"DNS {found.status} for {qtype} of {name}")
        if not found.records and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError("Void lookup limit exceeded", name)
        return [_rdata(qtype, record) for record in found.records]

    def validated_ptrs(self) -> list[str]:
        """Names of the address that lead back to it; one that DNS fails for is skipped (§5.5)."""
        try:
            names = self.dns_ptr(self.i)[: spf.MAX_PTR]
        except spf.TempError:
            return []
        return [name for name in names if self._leads_back(name)]

    def _leads_back(self, name: str) -> bool:
        try:
            return bool(self.cidrmatch(self.dns_a(name, self.A), self.cidrmax))
        except spf.TempError:
            return False


def _rdata(qtype: str, record: str) -> Any:
    """A record as pyspf wants it."""
    if qtype == "TXT":
        return (record.encode(),)
    if qtype == "MX":
        preference, _, host = record.partition(" ")
        return int(preference), host.rstrip(".")
    return record


async def verdict_for(address: str, host: str, answers: Answers) -> Verdict:
    """The verdict on mail from an IP address whose return path is at `host`."""
    return await evaluate(address, sender=f"bounces@{host}", helo=host, answers=answers)


async def evaluate(
    address: str, *, sender: str, helo: str, answers: Answers | None = None
) -> Verdict:
    """The verdict on mail from an IP address with this MAIL FROM and EHLO name.

    `answers` are those known already, and are added to: the addresses of one domain share them.
    Takes `LONGEST` seconds at most; what DNS does not answer in time is a temperror.
    """
    known = {} if answers is None else answers
    end = time.monotonic() + LONGEST
    for _ in range(MOST):
        verdict, missing = judge(address, sender=sender, helo=helo, answers=known)
        if missing is None:
            return verdict
        name, qtype = missing
        try:
            async with asyncio.timeout(end - time.monotonic()):
                # A backslash of a macro's value is a character of the name, no escape
                known[missing] = await dns.query(name.replace("\\", "\\\\"), qtype)
        except TimeoutError:
            return Verdict(TEMPERROR, "DNS takes too long", name)
    return Verdict(TEMPERROR, "DNS is asked too often")


def judge(
    address: str, *, sender: str, helo: str, answers: Answers
) -> tuple[Verdict, tuple[str, str] | None]:
    """The verdict over known answers, and the question that is still open. Pure."""
    query = _Query(address, sender, helo, answers)
    try:
        result, _, explanation = query.check()
    except _Missing:
        return Verdict(TEMPERROR), query.missing
    error = query.perm_error if result == PERMERROR else None
    term = str(getattr(error, "mech", "") or "")
    problem = str(getattr(error, "msg", "") or ("" if error is None else error))
    if result == TEMPERROR:
        problem = str(getattr(query, "prob", ""))
    return Verdict(result, problem, term, str(explanation)), query.missing

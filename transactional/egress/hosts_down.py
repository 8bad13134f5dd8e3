"""Which hosts took no connection lately: tried last for a while, so that no mail waits for them in turn.

Kept per IP of ours and address of theirs, by each engine for itself. What stands here never keeps mail from
a site: where all of its hosts are down, they are tried still.
"""

import asyncio
import os
import socket
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from config import shared
from domains import pools
from transactional.egress.decisions import Decision
from transactional.egress.route import Target
from transactional.wire import outcome as wire
from transactional.wire.reply import Stage

FIRST, LONGEST = 60.0, 600.0  # seconds for which a host is tried last: the first time, and at most
PROBING = 120.0  # seconds in which the others pass by the host that one message tries again
SPARE = 2  # hosts that are down which one try still asks
KEPT = 20_000  # addresses remembered; those that failed longest ago go first
WHY = 200  # characters of what was met, that decisions keep
BEFORE = frozenset({Stage.CONNECT, Stage.BANNER, Stage.EHLO})
_TOLD, _FRESH = "egress:hosts_down", 30.0  # in Redis, by worker; seconds for which its word counts

Key = tuple[str, str, int]


@dataclass(slots=True)
class Down:
    """An address that took no connection from one of our IPs. Times are the loop's."""

    failed_at: float
    until: float
    told: Decision
    times: int = 1  # in a row, each after the time before was up
    probed_until: float = 0.0


class HostsDown:
    """The memory of one engine. `scale`: factor on its times."""

    def __init__(self, *, scale: float) -> None:
        self._down: OrderedDict[Key, Down] = OrderedDict()
        self._scale = scale

    def order(
        self, source: str, targets: Sequence[Target], *, urgent: bool = False
    ) -> tuple[Sequence[Target], Sequence[Decision]]:
        """In which order one try asks these hosts from one IP, and which of them are put last, or left
        out beyond SPARE: those that failed longest ago first. One whose time is up is asked in its place
        by one message; `urgent` mail leaves that to other mail, while there is some.
        """
        if not self._down:
            return targets, ()
        now = asyncio.get_running_loop().time()
        first: list[Target] = []
        last: list[tuple[float, Target, Down]] = []
        probes = False
        for target in targets:
            down = self._down.get((source, target.address, target.port))
            if down is None:
                first.append(target)
            elif probes or not self._is_due(down, now, urgent=urgent):
                last.append((down.failed_at, target, down))
            else:
                if not first:  # or it is not known whether it will be asked
                    down.probed_until, probes = now + PROBING, True
                first.append(target)
        if not last:
            return targets, ()
        last.sort(key=lambda one: one[0])
        spare = _of_different_hosts([target for _, target, _ in last])
        found = (*first, *spare)
        if found == tuple(targets):
            return targets, ()
        return found, [down.told for _, _, down in last]

    def _is_due(self, down: Down, now: float, *, urgent: bool) -> bool:
        until = down.until + (LONGEST * self._scale if urgent else 0.0)
        return now >= max(until, down.probed_until)

    def learn(self, source: str, target: Target, seen: wire.Outcome) -> None:
        """What came of a conversation with a host: it took none, or it is there again."""
        key = (source, target.address, target.port)
        reply = seen.reply
        gone = reply is not None and reply.code == 421 and seen.stage is Stage.STARTTLS
        if not (gone or seen.stage in BEFORE):
            if (
                self._down and seen.stage is not Stage.STARTTLS
            ):  # which may have been our own refusal
                self._down.pop(key, None)
            return
        if seen.ours:
            return
        now = asyncio.get_running_loop().time()
        why = (str(reply) if reply is not None else f"{seen.stage}: {seen.error}")[:WHY]
        down = self._down.pop(key, None)
        if down is None:
            wait = FIRST * self._scale
            down = Down(now, now + wait, _decision(target, wait, why))
        elif now >= down.until:
            wait = min(FIRST * 2.0 ** min(down.times, 10), LONGEST) * self._scale
            down = Down(now, now + wait, _decision(target, wait, why), down.times + 1)
        else:  # tried all the same, or begun together with the one that failed first
            down.failed_at, down.told = now, _decision(target, down.until - now, why)
        self._down[key] = down
        if len(self._down) > KEPT:
            self._down.popitem(last=False)

    def shut(self, sources: Iterable[pools.UsableSource], targets: Sequence[Target]) -> bool:
        """Whether from none of these IPs any of the targets is to be asked in its place."""
        if not self._down:
            return False
        now = asyncio.get_running_loop().time()
        found = (
            self._down.get((source.address, target.address, target.port))
            for source in sources
            for target in targets
        )
        return all(down is not None and now < down.until for down in found)

    def held_back(self) -> int:
        """Pairs of an IP of ours and an address of a host that are passed by now."""
        if not self._down:
            return 0
        now = asyncio.get_running_loop().time()
        return sum(1 for down in self._down.values() if now < down.until)


def _of_different_hosts(targets: Sequence[Target]) -> list[Target]:
    """SPARE of them, the first of each host before a second one of any."""
    seen: set[str] = set()
    new = [one for one in targets if not (one.host in seen or seen.add(one.host))]  # type: ignore[func-returns-value]
    return [*new, *(one for one in targets if one not in new)][:SPARE]


def _decision(target: Target, wait: float, why: str) -> Decision:
    until = timezone.now() + timedelta(seconds=wait)
    data = {
        "host": target.host,
        "address": target.address,
        "until": until.isoformat(timespec="seconds"),
        "why": why,
    }
    return Decision("route", "host_down", data)


def tell(held_back: int) -> None:
    """How many this process holds back, for `counted`; blocks a moment."""
    own, now = f"{socket.gethostname()}:{os.getpid()}", time.time()
    shared.ask(lambda redis: redis.hset(_TOLD, own, f"{now:.0f} {held_back}"), otherwise=None)


def counted() -> int:
    """What all delivery processes hold back, as they told within the last half minute."""
    told: dict[str, str] = shared.ask(lambda redis: redis.hgetall(_TOLD), otherwise={})
    total, gone = 0, []
    for worker, said in told.items():
        at, _, number = said.partition(" ")
        if not (at.isdigit() and number.isdigit()) or abs(time.time() - int(at)) > _FRESH:
            gone.append(worker)
        else:
            total += int(number)
    if gone:
        shared.ask(lambda redis: redis.hdel(_TOLD, *gone), otherwise=None)
    return total

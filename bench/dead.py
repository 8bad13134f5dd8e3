"""`python -m bench.dead`: what one account's list of dead domains, and its flood to a slow site, cost another's mail.

A whole installation with one delivery worker besides the urgent one, which delivers by MX into a world of its own
(`bench/dead_world.py`). Another account sends steady mail, every ninth message a one-time password, to a healthy
site: alone; from the moment at which the list begins; beside a list whose name servers never answer; beside a flood to
a healthy site that takes a second for each message; and beside mail to sites that have just turned slow. Time is from acceptance to the receiving server's 250, as the event log has it.
"""

import argparse
import json
import os
import smtplib
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from bench import message
from bench.dead_world import GOOD, NETWORK, SLOW, TURNING, domains
from bench.installation import ROOT, Broken, Installation
from bench.lanes import queue
from bench.verdicts import line

DOMAINS = 600
MOST_EACH = 5  # messages to a domain: one to so many
FLOOD = 5000
RATE = 18.0  # messages a second of the other account's
URGENT = 9  # every so many of them is urgent
SECONDS = 20.0
TIMES = 1.2  # so many times what they are alone, or
MORE = 100.0  # milliseconds more, whichever is larger: steady mail's 95th and 99th percentile
LIMIT = 1000.0  # milliseconds: urgent mail's 99th percentile
_STALLED = 60.0
_NORMAL = 1
_WAITS = """
SELECT m.subject LIKE 'Code %%', extract(epoch FROM e.at - m.created_at) * 1000
FROM transactional_message m JOIN transactional_event e ON e.message_id = m.id AND e.type = 'delivered'
WHERE m.from_domain = %s AND m.subject LIKE %s
"""


class World:
    """The receivers' process."""

    def __init__(self, count: int) -> None:
        self._folder = TemporaryDirectory(prefix="postino-world-")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.dead_world", self._folder.name, str(count)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ports: dict[str, int] = self._read()

    @property
    def environment(self) -> dict[str, str]:
        """What an installation needs to deliver here."""
        return {
            "EGRESS": "mx",
            "EGRESS_PORT": str(self.ports["smtp"]),
            "EGRESS_PRIVATE_NETS": NETWORK,
            "DNS_SERVERS": "127.0.0.1",
            "DNS_PORT": str(self.ports["dns"]),
        }

    def ask(self, command: str) -> dict[str, Any]:
        """`report`, or `clear`, which reports and begins anew."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        told = self._process.stdout.readline()
        if not told:
            raise Broken("the receivers' process has ended")
        return json.loads(told)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()


@dataclass(frozen=True)
class Waits:
    """Milliseconds from acceptance to delivery, in order."""

    steady: Sequence[float]
    urgent: Sequence[float]

    def __str__(self) -> str:
        told = (
            f"{name} p50 {at(found, 0.5):.0f}, p95 {at(found, 0.95):.0f}, p99 {at(found, 0.99):.0f},"
            f" worst {found[-1]:.0f} ms of {len(found)}"
            for name, found in (("steady", self.steady), ("urgent", self.urgent))
        )
        return "; ".join(told)


def at(found: Sequence[float], part: float) -> float:
    """A percentile."""
    return found[min(len(found) - 1, int(len(found) * part))]


def list_of(count: int) -> list[str]:
    """The dead domain of each message: one to MOST_EACH to each, well mixed."""
    rounds = [
        [name for n, name in enumerate(domains(count)) if n % MOST_EACH >= m]
        for m in range(MOST_EACH)
    ]
    return [name for one in zip_longest(*rounds) for name in one if name is not None]


def send(place: Installation, run: str, *, rate: float, seconds: float) -> int:
    """Hand in the other account's mail, each message at its moment; how many."""
    given, sender = place.cast["other"], f"hello@{message.OTHER_DOMAIN}"
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    count = round(rate * seconds)
    began = time.monotonic()
    failed: list[Exception] = []

    def submit(turn: int, of: int) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", place.ports["SMTP_PORT"], timeout=60) as session:
                session.starttls(context=context)
                session.login(given["username"], given["password"])
                for number in range(turn, count, of):
                    time.sleep(max(0.0, began + 0.5 + number / rate - time.monotonic()))
                    urgent = number % URGENT == 0
                    head = f"From: {sender}\r\nSubject: {'Code' if urgent else 'Note'} {run} {number}\r\n"
                    head += "X-Postino-Lane: urgent\r\n" if urgent else ""
                    session.sendmail(sender, [f"{run}{number}@{GOOD}"], f"{head}\r\nHello\r\n")
        except (OSError, smtplib.SMTPException) as error:
            failed.append(error)

    crew = [threading.Thread(target=submit, args=(n, 4), daemon=True) for n in range(4)]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    if failed:
        raise failed[0]
    return count


def waits(place: Installation, run: str, count: int) -> Waits:
    """How long each of a run took. Raises Broken where one has not arrived, or came twice."""
    limit = time.monotonic() + _STALLED
    while True:
        rows = place.database.execute(_WAITS, [message.OTHER_DOMAIN, f"% {run} %"]).fetchall()
        if len(rows) >= count:
            break
        if time.monotonic() > limit:
            raise Broken(f"{run}: {len(rows)} of {count} messages were delivered")
        time.sleep(0.2)
    if len(rows) > count:
        raise Broken(f"{run}: {len(rows)} deliveries of {count} messages")
    found = {
        urgent: sorted(float(ms) for which, ms in rows if which == urgent)
        for urgent in (False, True)
    }
    return Waits(found[False], found[True])


def verdict(name: str, alone: Waits, beside: Waits) -> list[str]:
    """Whether another's mail was felt to wait."""
    lines = []
    for part in (0.95, 0.99):
        was, now = at(alone.steady, part), at(beside.steady, part)
        goal = f"beside {name}: steady mail's p{100 * part:.0f} at most {TIMES} times its own, or {MORE:.0f} ms more"
        fine = now <= max(TIMES * was, was + MORE)
        lines.append(line(fine, goal, f"{now:.0f} ms, alone {was:.0f} ({now / was:.1f} times)"))
    now = at(beside.urgent, 0.99)
    goal = f"beside {name}: a code's p99 at most {LIMIT:.0f} ms"
    lines.append(line(now <= LIMIT, goal, f"{now:.0f} ms, alone {at(alone.urgent, 0.99):.0f}"))
    return lines


def _prove(place: Installation, world: World) -> None:
    """Let the sites that turn slow be known as good ones first."""
    queue(place, len(TURNING), TURNING, lane=_NORMAL)
    limit = time.monotonic() + _STALLED
    while world.ask("report")["taken"]["turning"] < len(TURNING):
        if time.monotonic() > limit:
            raise Broken("the sites that are to turn slow took no mail before")
        time.sleep(0.1)
    world.ask("turn")


# What is left of one part is not to be there in the next
_AWAY = """
DELETE FROM transactional_queuerow q USING transactional_message m
WHERE m.id = q.message_id AND m.from_domain = %s
"""


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.dead", description=__doc__)
    parser.add_argument("--domains", type=int, default=DOMAINS)
    parser.add_argument("--flood", type=int, default=FLOOD)
    parser.add_argument("--rate", type=float, default=RATE, help="messages a second")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each part")
    parser.add_argument("--workers", default="1", help="besides the urgent one")
    parser.add_argument("--parts", default="0123", help="which of the four")
    parser.add_argument("--lane", type=int, default=_NORMAL, help="of the list and the flood")
    asked = parser.parse_args()
    beside = {
        "a list of dead domains": list_of(asked.domains),
        "a list with silent name servers": [f"silent{n}.example" for n in range(2 * asked.domains)],
        "a flood to a slow site": [SLOW] * asked.flood,
        "mail to sites that turned slow": [*TURNING] * (asked.flood // len(TURNING)),
    }
    with (
        World(asked.domains) as world,
        Installation(extra={**world.environment, "EGRESS_WORKERS": asked.workers}) as place,
    ):
        pace = {"rate": asked.rate, "seconds": asked.seconds}
        waits(place, "warm", send(place, "warm", rate=asked.rate, seconds=min(3.0, asked.seconds)))
        print(f"{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f} at the start")
        alone = waits(place, "alone", send(place, "alone", **pace))
        print(f"alone: {alone}", flush=True)
        for n, (name, names) in enumerate(beside.items()):
            if str(n) not in asked.parts:
                continue
            if names[0] in TURNING:
                _prove(place, world)
            world.ask("clear")
            spent, began = place.meter.read(), time.monotonic()
            queue(place, len(names), names, lane=asked.lane)
            found = waits(place, f"run{n}", send(place, f"run{n}", **pace))
            used, took = place.meter.read(), time.monotonic() - began
            used.subtract(spent)
            print(f"beside {name} ({len(names):,} messages): {found}")
            cores = ", ".join(f"{kind} {s / took:.2f}" for kind, s in used.most_common(4))
            print(f"  cores used: {cores}; load average {os.getloadavg()[0]:.1f}")
            print(f"  by the receivers' word: {world.ask('report')}")
            print("\n".join(verdict(name, alone, found)), flush=True)
            place.database.execute(_AWAY, [message.DOMAIN])


if __name__ == "__main__":
    main()

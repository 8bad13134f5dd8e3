"""`python -m bench`: start an installation, send through each door in turn, print what it cost."""

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import Any

from bench import ledger, message, report, verdicts, yardstick
from bench.installation import ROOT, Broken, Installation, Sink
from bench.report import Run
from bench.yardstick import Postfix

DOORS = ("w", "smtp", "api")
_PATH = "/marketing/v3/transactional/single-email/send"
_WARM = 200  # messages before the first run: imports, prepared statements, opened sessions
_STALLED = 60.0  # seconds without an arrival


def load(place: Installation, door: str, run: str, count: int, rate: float = 0.0) -> dict[str, Any]:
    """Send so many messages through a door; what `Work.told` tells."""
    port = place.ports["PORT" if door == "api" else "SMTP_PORT"]
    return _send(door, run, count, {**place.cast[door], "port": port, "path": _PATH}, rate)


def _send(
    door: str, run: str, count: int, where: dict[str, object], rate: float = 0.0
) -> dict[str, Any]:
    door = "api" if door == "api" else "smtp"
    work = {"door": door, "run": run, "count": count, "where": where, "rate": rate}
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        cwd=ROOT,
        input=json.dumps(work).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return dict(json.loads(done.stdout))


def settle(place: Installation, count: int) -> float:
    """Wait until all have arrived and are written down; when the last one arrived."""
    seen, since, arrived = 0, time.monotonic(), 0.0
    while not (arrived and place.queued() == 0):
        now = place.sink.ask("count")
        if now != seen:
            seen, since = now, time.monotonic()
        if seen >= count and not arrived:
            arrived = time.monotonic()
        if time.monotonic() - since > _STALLED:
            raise Broken(f"{seen} of {count} arrived\n" + "".join(place.complaints()[-20:]))
        time.sleep(0.05)
    time.sleep(1.5)  # the roll-up that counts them belongs to their cost
    return arrived


def measure(place: Installation, door: str, run: str, count: int) -> tuple[Run, int]:
    """One run, its books balanced; and how many messages dkimpy verified."""
    place.sink.ask("clear")
    before = place.meter.read()
    loaded = load(place, door, run, count)
    arrived = settle(place, count)
    spent = place.meter.read()
    spent.subtract(before)
    seen = place.sink.ask("report")
    ledger.balance(seen, [f"{run}-{number:06d}" for number in range(count)])
    domain = place.cast[door].get("domain", message.DOMAIN)
    verified = ledger.verify(seen, place.cast["dkim"][domain])
    result = Run(
        door=door,
        count=count,
        seconds=arrived - loaded["began"],
        accepting=loaded["seconds"],
        milliseconds=loaded["ms"],
        cpu=dict(spent),
    )
    return result, verified


def measure_peer(peer: Postfix, sink: Sink, run: str, count: int) -> Run:
    """The same messages through the yardstick, its books balanced too."""
    sink.ask("clear")
    before = peer.cpu()
    loaded = _send("smtp", run, count, {"port": peer.port})
    limit = time.monotonic() + _STALLED
    while sink.ask("count") < count:
        if time.monotonic() > limit:
            raise Broken(f"{peer.name}: {sink.ask('count')} of {count} arrived")
        time.sleep(0.05)
    arrived = time.monotonic()
    time.sleep(1.5)  # as ours has: its queue files are removed behind the delivery
    spent = peer.cpu() - before
    ledger.balance(sink.ask("report"), [f"{run}-{number:06d}" for number in range(count)])
    return Run(
        door="smtp",
        count=count,
        seconds=arrived - loaded["began"],
        accepting=loaded["seconds"],
        milliseconds=loaded["ms"],
        cpu={peer.name: spent},
    )


def _idle(place: Installation, seconds: float) -> float:
    """CPU seconds per second while nothing is sent."""
    before = place.meter.read()
    time.sleep(seconds)
    spent = place.meter.read()
    spent.subtract(before)
    return sum(spent.values()) / seconds


def _tell(name: str, number: int, run: Run, more: str = "") -> None:
    print(
        f"{name} run {number + 1}: {run.per_thousand:.2f} CPU-s per 1,000,"
        f" {run.count / run.seconds:.0f}/s; all {run.count} arrived once{more}",
        flush=True,
    )


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="500 messages, one run")
    parser.add_argument("--count", type=int, help="messages per run (5000)")
    parser.add_argument("--runs", type=int, help="runs of each door, interleaved (3)")
    parser.add_argument(
        "--door",
        choices=DOORS,
        help="only this one: SMTP signed with RSA-2048 (w), SMTP with both signatures, the API",
    )
    parser.add_argument("--no-peers", action="store_true", help="without Postfix beside us")
    asked = parser.parse_args()
    count = asked.count or (500 if asked.quick else 5000)
    times = asked.runs or (1 if asked.quick else 3)
    doors = [asked.door] if asked.door else list(DOORS)
    results: dict[str, list[Run]] = {door: [] for door in doors}
    peers: list[Postfix] = []
    with Installation() as place, ExitStack() as stack:
        print(f"{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f} at the start")
        for door in doors:
            measure(place, door, f"warm-{door}", min(_WARM, count))
        if doors != ["api"] and not asked.no_peers and yardstick.available():
            peers = [Postfix(place.sink.port, signing=signing) for signing in (False, True)]
            for peer in peers:
                stack.callback(peer.close)
                measure_peer(peer, place.sink, "warm-peer", min(_WARM, count))
                results[peer.name] = []
        print(f"idle: {_idle(place, 2 if asked.quick else 10):.3f} CPU seconds per second")
        turns: list[str | Postfix] = [*doors, *peers]
        for number in range(times):
            for one in turns:
                if isinstance(one, Postfix):
                    run = measure_peer(one, place.sink, f"peer-{number}", count)
                    results[one.name].append(run)
                    _tell(one.name, number, run)
                else:
                    run, verified = measure(place, one, f"{one}-{number}", count)
                    results[one].append(run)
                    _tell(one, number, run, f", {verified} verified by dkimpy")
            # Each round begins with another, so that none always has the same one's aftermath to bear
            turns.append(turns.pop(0))
        complaints = place.complaints()
    for door in doors:
        print("\n" + report.table(door, results[door]))
    for peer in peers:
        print("\n" + report.summary(peer.name, results[peer.name]))
    print("\n" + "\n".join(verdicts.lines(results)))
    if complaints:
        print(f"\n{len(complaints)} warnings; the last ones:\n" + "".join(complaints[-5:]))


if __name__ == "__main__":
    main()

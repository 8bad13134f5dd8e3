"""`python -m bench.latency`: from acceptance to the first attempt, at a fixed rate, through both doors.

An open loop: each message has its moment, whatever became of those before it. Accepted is the moment at which
the generator read the 250 or the 200; the first attempt is the moment at which the sink read the MAIL command
of its copy. Both are CLOCK_MONOTONIC of one machine.
"""

import argparse
import os

from bench import ledger
from bench.__main__ import load, settle
from bench.installation import Installation
from bench.verdicts import line

RATE = 100.0  # messages a second
SECONDS = 30.0
P50, P99 = 50.0, 300.0  # milliseconds: the goal
_WARM = 3.0  # seconds at the same rate before: imports, prepared statements, opened sessions
_NAMES = {"smtp": "SMTP", "api": "API"}


def measure(place: Installation, door: str, run: str, rate: float, seconds: float) -> list[float]:
    """Milliseconds from acceptance to the first attempt, in order; the books balanced."""
    place.sink.ask("clear")
    count = round(rate * seconds)
    accepted = load(place, door, run, count, rate)["accepted_at"]
    settle(place, count)
    first = place.sink.ask("times")
    ledger.balance(place.sink.ask("report"), list(accepted))
    return sorted(1000 * (first[key] - at) for key, at in accepted.items())


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("--rate", type=float, default=RATE, help="messages a second")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--door", choices=list(_NAMES), help="only this one")
    asked = parser.parse_args()
    with Installation() as place:
        print(f"{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f} at the start")
        for door in [asked.door] if asked.door else list(_NAMES):
            measure(place, door, f"rate-warm-{door}", asked.rate, min(_WARM, asked.seconds))
            found = measure(place, door, f"rate-{door}", asked.rate, asked.seconds)
            p50, p99 = found[len(found) // 2], found[min(len(found) - 1, int(len(found) * 0.99))]
            told = f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, worst {found[-1]:.0f} ms of {len(found)}"
            goal = f"{_NAMES[door]}: accept → first attempt p50 ≤ {P50:.0f} ms, p99 ≤ {P99:.0f} ms"
            print(
                line(p50 <= P50 and p99 <= P99, f"{goal} at {asked.rate:.0f}/s", told), flush=True
            )


if __name__ == "__main__":
    main()

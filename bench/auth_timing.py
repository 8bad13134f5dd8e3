"""`python -m bench.auth_timing`: whether the time of a refusal tells what was wrong (security A9).

A PostgreSQL of its own; an unknown user, a known one with a wrong secret, and a revoked token with
its right secret, in random order. For each two of them the Mann-Whitney test: p above 0.01, or
medians within 5 %, and nobody can tell them apart by the clock.
"""

import argparse
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import django

from config.stack.postgres import EmbeddedPostgres
from config.stack.servers import DATABASE

ROOT = Path(__file__).parents[1]
TRIALS = 2000
P, MEDIANS = 0.01, 0.05
_WARM = 200  # trials before the first that counts


def p_value(one: Sequence[float], other: Sequence[float]) -> float:
    """Two-sided, by the normal approximation, which holds from a few dozen samples on."""
    ranked = sorted((value, number) for number, some in enumerate((one, other)) for value in some)
    ranks, ties, at = 0.0, 0.0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        ranks += (at + 1 + end) / 2 * sum(number == 0 for _, number in ranked[at:end])
        ties += (end - at) ** 3 - (end - at)
        at = end
    n, m = len(one), len(other)
    u = ranks - n * (n + 1) / 2
    spread = math.sqrt(n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1))))
    return math.erfc(abs(u - n * m / 2) / spread / math.sqrt(2)) if spread else 1.0


def measure(trials: int) -> dict[str, list[float]]:
    """Microseconds of each refusal, by what was wrong."""
    from config.errors import PostinoError
    from tokens import auth, credentials
    from tokens.models import Account

    account = Account.objects.create(name="Timing")
    made = [
        credentials.create_smtp(account, campaign_name=name, create_contact=False, by="bench")
        for name in ("known", "revoked")
    ]
    (known, secret), (revoked, its_secret) = made
    for row, its in made:
        auth.authenticate_smtp(row.username, its)  # both have been in use
    credentials.delete(revoked)
    cases = {
        "unknown user": (f"{'a' * 12}@{account.pk}.smtp", secret),
        "wrong secret": (known.username, "x" * len(secret)),
        "revoked": (revoked.username, its_secret),
    }
    taken: dict[str, list[float]] = {name: [] for name in cases}
    order = [name for name in cases for _ in range(trials + _WARM)]
    random.shuffle(order)
    for name in order:
        began = time.perf_counter_ns()
        try:
            auth.authenticate_smtp(*cases[name])
        except PostinoError:
            taken[name].append((time.perf_counter_ns() - began) / 1000)
        else:
            sys.exit(f"{name} was let in")
    return {name: some[_WARM:] for name, some in taken.items()}


def tell(taken: dict[str, list[float]]) -> bool:
    """Print medians and p-values; whether the row holds."""
    medians = {name: statistics.median(some) for name, some in taken.items()}
    for name, median in medians.items():
        print(f"  {name:<14} median {median:7.1f} µs of {len(taken[name]):,}")
    holds = True
    for one, other in combinations(taken, 2):
        p, apart = p_value(taken[one], taken[other]), abs(medians[one] / medians[other] - 1)
        alike = p > P or apart <= MEDIANS
        holds &= alike
        word = "alike" if alike else "TOLD APART"
        print(f"  {one} against {other}: p = {p:.3f}, medians {apart:.1%} apart: {word}")
    return holds


def main() -> None:
    """Start a server, make the tokens, measure, print; 1 where the cases can be told apart."""
    parser = argparse.ArgumentParser(prog="python -m bench.auth_timing", description=__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="postino-timing-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder) / "data")
        server.start()
        try:
            server.create_database(DATABASE)
            os.environ["DATABASE_URL"] = server.dsn(DATABASE)
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
            migrate = [sys.executable, "-W", "ignore", "manage.py", "migrate", "-v", "0"]
            subprocess.run(migrate, cwd=ROOT, check=True)
            django.setup()
            print(f"refusals of SMTP AUTH (load average {os.getloadavg()[0]:.1f})")
            if not tell(measure(asked.trials)):
                sys.exit(1)
        finally:
            server.destroy()


if __name__ == "__main__":
    main()

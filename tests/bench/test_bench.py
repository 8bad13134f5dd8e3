"""`make bench`, scaled down: real processes, both doors, books that balance."""

import importlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import chromium, editor, lanes, latency, ledger, report, yardstick
from bench.installation import ROOT
from tests.cluster import plant

pytestmark = pytest.mark.stack


def test_urgent_mail_arrives_beside_a_bulk_send(run: Callable[..., str]) -> None:
    """The first on the shared installation: it counts all urgent mail that was delivered there."""
    said = run(lanes, "--bulk", "1500", "--least", "10", "--minutes", "0")
    assert re.search(r"^10 urgent messages beside 1,500 bulk ones, ([\d,]+) of", said, re.M)
    assert re.search(r"^p99 is (within|BEYOND) the limit of 1000 ms", said, re.M)
    assert re.search(r"^accepted → delivered, urgent: p50 \d+ ms, p99 \d+ ms", said, re.M)


def test_edits_are_timed_in_a_real_browser(run: Callable[..., str]) -> None:
    if chromium.CHROMIUM is None:
        pytest.skip(chromium.WANTED)
    said = run(editor, "--blocks", "10", "--edits", "2")
    assert re.search(r"10 blocks, 2 edits .* p50 \d+ ms, p95 \d+ ms", said)


def test_a_quick_bench_delivers_everything_once_and_prints_every_stage(
    run: Callable[..., str],
) -> None:
    said = run(importlib.import_module("bench.__main__"), "--quick")
    for door in ("w", "smtp", "api"):
        assert f"{report.TITLES[door]}: 500 messages, 1 run\n" in said
        assert re.search(rf"^{door} run 1: .* all 500 arrived once, 5 verified", said, re.M)
    for stage in ("submission", "web", "PostgreSQL", "egress", "celery, others", "Valkey"):
        assert len(re.findall(rf"^  {stage} +\d", said, re.M)) == 3
    for peer in ("Postfix", "Postfix + OpenDKIM") if yardstick.available() else ():
        assert f"{peer} run 1: " in said
    assert re.search(r"^(met   |MISSED)  W at most 2.0 CPU-s per 1,000: \d", said, re.M)
    # Whatever the machine: delivering costs the egress worker something, and so does storing
    spent = dict(re.findall(r"^  (PostgreSQL|egress) +(\d+) ", said, re.M))
    assert all(int(us) > 0 for us in spent.values())


def test_a_message_is_timed_from_its_acceptance_to_its_first_attempt(
    run: Callable[..., str],
) -> None:
    said = run(latency, "--rate", "50", "--seconds", "1")
    for door in ("SMTP", "API"):
        told = r"at 50/s: p50 \d+ ms, p99 \d+ ms, worst \d+ ms of 50$"
        assert re.search(rf"^(met   |MISSED)  {door}: accept → first attempt .*{told}", said, re.M)


@pytest.mark.parametrize(
    "copies", [{"a": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 1, "c": 1}], ids=["lost", "twice", "odd"]
)
def test_books_that_do_not_balance_are_refused(copies: dict[str, int]) -> None:
    ledger.balance({"copies": {"a": 1, "b": 1}}, ["a", "b"])
    with pytest.raises(ledger.Unbalanced):
        ledger.balance({"copies": copies}, ["a", "b"])


@pytest.fixture
def on_a_server() -> Iterator[Callable[..., str]]:
    """Runs one of bench's programs on a PostgreSQL of its own; what it prints."""
    with tempfile.TemporaryDirectory(prefix="postino-claims-") as directory:
        os.chmod(directory, 0o755)  # root's PostgreSQL has a uid of its own
        made = Path(directory) / "data"
        plant(made)

        def of(program: str, *arguments: str) -> str:
            done = subprocess.run(
                [sys.executable, "-m", program, *arguments, "--migrated", str(made)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=900,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        yield of


def test_claims_are_measured_with_books_that_balance(on_a_server: Callable[..., str]) -> None:
    said = on_a_server("bench.claims", "--sizes", "8000", "16000", "--rounds", "6")
    assert len(re.findall(r"^ +(?:8|16),000 queued +\d+\.\d\d +\d+\.\d\d", said, re.M)) == 2
    told = r"the largest against the smallest: [+-]\d+ %, the server's CPU [+-]\d+ %\n  (within|BEYOND) the"
    assert re.search(told, said)


def test_two_groups_claim_from_one_queue_with_books_that_balance(
    on_a_server: Callable[..., str],
) -> None:
    said = on_a_server("bench.groups", "--part", "1", "--windows", "3", "--rows", "20000")
    for kind in ("alone", "beside one elsewhere", "beside one on the queue"):
        assert re.search(rf"^   {kind} +[1-9]\d* +\d+\.\d\d +\d+\.\d\d", said, re.M)
    assert re.search(r"claim contention of two groups: (within|BEYOND)", said)

"""`manage.py up` as a real process tree, with every kill an operator or the kernel may send."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.cluster import plant
from tests.config.stack.process_table import alive, eventually, tree, using
from tests.installation import ROOT, SANDBOX_PORTS, Installation

pytestmark = pytest.mark.stack


def made_at(directory: str) -> Installation:
    """An installation that was told no ports for the sandbox: the defaults, or what is free."""
    made = Installation(Path(directory) / "data")
    for name in SANDBOX_PORTS:
        del made.ports[name]
    return made


@pytest.fixture
def up() -> Iterator[Installation]:
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        made = made_at(directory)
        yield made
        made.destroy()


def connected(up: Installation) -> set[str]:
    """Who has a connection to the database, as PostgreSQL tells it."""
    with psycopg.connect(up.joined["DATABASE_URL"]) as database:
        found = database.execute("SELECT DISTINCT application_name FROM pg_stat_activity")
        return {name for (name,) in found}


def test_it_outlives_its_children_and_none_outlives_it(up: Installation) -> None:
    process = up.start()
    assert up.ready(), "".join(up.lines[-30:])
    assert up.status() == 200
    assert up.said(up.quickstart["api_key"])
    assert eventually(lambda: "postino urgent" in connected(up), 60)

    for text, name in (("bin/postgres", "postgres"), ("submissiond", "submission")):
        os.kill(up.child(text), signal.SIGKILL)
        assert eventually(lambda said=f"{name} started again": up.said(said), 120)
    os.kill(up.child("granian"), signal.SIGKILL)
    assert eventually(lambda: up.said("web started again"), 120)
    assert eventually(lambda: up.status() == 200, 120)

    family = tree(process.pid)
    assert len(family) > 15
    process.kill()
    process.wait()
    assert eventually(lambda: not alive(family) and not using(up.data_dir), 60)

    process = up.start()
    assert up.ready(), "".join(up.lines[-30:])
    family = tree(process.pid)
    process.send_signal(signal.SIGTERM)
    assert process.wait(180) == 0
    assert eventually(lambda: not alive(family), 10), alive(family)
    assert not (up.data_dir / "run" / "env.json").exists()
    assert not up.said("does not stop")


def test_a_port_in_use_is_named_by_its_variable(up: Installation) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(up.ports["SMTPS_PORT"])))
        taken.listen()
        process = up.start()
        assert process.wait(180) == 1
    assert eventually(
        lambda: up.said(f"Port {up.ports['SMTPS_PORT']} is in use: set SMTPS_PORT"), 30
    )


def test_two_on_one_data_dir_are_refused_and_side_by_side_run(up: Installation) -> None:
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        other = made_at(directory)
        intruder = Installation(up.data_dir)
        for one in (up, other):
            plant(one.data_dir)
        up.start()
        try:
            assert up.ready(), "".join(up.lines[-30:])
            assert intruder.start().wait(180) == 1
            assert eventually(lambda: intruder.said("already running"), 30)
            second = other.start()
            assert other.ready(), "".join(other.lines[-30:])
            assert (up.status(), other.status()) == (200, 200)
            second.send_signal(signal.SIGTERM)
            assert second.wait(180) == 0
            assert up.status() == 200
        finally:
            other.destroy()


def test_without_egress_it_refuses_to_start(up: Installation) -> None:
    environment = {k: v for k, v in up.environment.items() if k != "EGRESS"}
    done = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "EGRESS is not set" in done.stderr

"""`manage.py up` as a real process tree, with every kill an operator or the kernel may send."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.stack.postgres import EmbeddedPostgres
from config.stack.probes import free_port
from tests.config.stack.process_table import alive, command, eventually, tree, using

pytestmark = pytest.mark.stack
ROOT = Path(__file__).parents[3]
OURS = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "DJANGO_SETTINGS_MODULE")


class Up:
    """One installation: its folder, its ports, and the process of its `up` if it runs."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.ports = {
            name: str(free_port("127.0.0.1"))
            for name in ("PORT", "SMTP_PORT", "SMTPS_PORT", "INBOUND_PORT")
        }
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        """Start it, and collect what it says."""
        inherited = {k: v for k, v in os.environ.items() if k not in OURS}
        chosen = {"DATA_DIR": str(self.data_dir), "EGRESS": "sandbox", "SANDBOX": "true"}
        self.lines = []
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--demo"],
            cwd=ROOT,
            env={**inherited, **self.ports, **chosen, "SECURE_COOKIES": "false"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._collect, args=[self.process], daemon=True).start()
        return self.process

    def said(self, text: str) -> bool:
        """Whether a line so far contains it."""
        return any(text in line for line in self.lines)

    def ready(self) -> bool:
        """Wait until it is ready; False if it ends before."""
        assert self.process is not None
        ended = self.process.poll
        eventually(lambda: self.said("Postino is ready: ") or ended() is not None, 120)
        return self.said("Postino is ready: ")

    def status(self) -> int:
        """The web's answer, 0 for none."""
        web = http.client.HTTPConnection("127.0.0.1", int(self.ports["PORT"]), timeout=5)
        try:
            web.request("GET", "/login/")
            return web.getresponse().status
        except OSError:
            return 0
        finally:
            web.close()

    def child(self, text: str) -> int:
        """The process below it whose command line contains the text."""
        assert self.process is not None
        return next(pid for pid in sorted(tree(self.process.pid)) if text in command(pid))

    def _collect(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            self.lines += process.stdout


@pytest.fixture
def up() -> Iterator[Up]:
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        made = Up(Path(directory) / "data")
        yield made
        if made.process is not None:
            made.process.kill()
            made.process.wait()
        assert eventually(lambda: not using(made.data_dir), 15), "".join(made.lines[-20:])
        EmbeddedPostgres(made.data_dir).destroy()


def test_it_outlives_its_children_and_none_outlives_it(up: Up) -> None:
    process = up.start()
    assert up.ready(), "".join(up.lines[-30:])
    assert up.status() == 200
    summary = json.loads((up.data_dir / "quickstart.json").read_text())
    assert up.said(summary["api_key"])

    os.kill(up.child("bin/postgres"), signal.SIGKILL)
    assert eventually(lambda: up.said("postgres started again"), 60)
    os.kill(up.child("submissiond"), signal.SIGKILL)
    assert eventually(lambda: up.said("submission started again"), 60)
    os.kill(up.child("granian"), signal.SIGKILL)
    assert eventually(lambda: up.said("web started again"), 60)
    assert eventually(lambda: up.status() == 200, 60)

    family = tree(process.pid)
    assert len(family) > 15
    process.kill()
    process.wait()
    assert eventually(lambda: not alive(family) and not using(up.data_dir), 10)

    process = up.start()
    assert up.ready(), "".join(up.lines[-30:])
    family = tree(process.pid)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert not alive(family)
    assert not (up.data_dir / "run" / "env.json").exists()
    assert not up.said("does not stop")


def test_a_port_in_use_is_named_by_its_variable(up: Up) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(up.ports["SMTPS_PORT"])))
        taken.listen()
        process = up.start()
        assert process.wait(60) == 1
    assert eventually(
        lambda: up.said(f"Port {up.ports['SMTPS_PORT']} is in use: set SMTPS_PORT"), 5
    )


def test_two_on_one_data_dir_are_refused_and_side_by_side_run(up: Up) -> None:
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        other = Up(Path(directory) / "data")
        intruder = Up(up.data_dir)
        up.start()
        try:
            assert up.ready(), "".join(up.lines[-30:])
            assert intruder.start().wait(60) == 1
            assert eventually(lambda: intruder.said("already running"), 5)
            second = other.start()
            assert other.ready(), "".join(other.lines[-30:])
            assert (up.status(), other.status()) == (200, 200)
            second.send_signal(signal.SIGTERM)
            assert second.wait(60) == 0
            assert up.status() == 200
        finally:
            if other.process is not None:
                other.process.kill()
                other.process.wait()
            eventually(lambda: not using(other.data_dir), 15)
            EmbeddedPostgres(other.data_dir).destroy()


def test_without_egress_it_refuses_to_start(up: Up) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in (*OURS, "EGRESS")}
    done = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env={**environment, "DATA_DIR": str(up.data_dir)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "EGRESS is not set" in done.stderr

"""One real installation of the tests' own: `manage.py up` on free ports, its folder, its words."""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.stack import probes, runfile
from config.stack.postgres import EmbeddedPostgres
from tests.cluster import plant
from tests.config.stack.process_table import children, command, eventually, using

ROOT = Path(__file__).parents[1]
PORTS = ("PORT", "SMTP_PORT", "SMTPS_PORT", "INBOUND_PORT")
SANDBOX_PORTS = ("SANDBOX_SMTP_PORT", "SANDBOX_DNS_PORT")
# What the tests' own servers and the developer's shell may have set, and must not be inherited
_OURS = (
    *("DATABASE_URL", "REDIS_URL", "DATA_DIR", "DJANGO_SETTINGS_MODULE", "EGRESS", "PUBLIC_URL"),
    *("DNS_SERVERS", "DNS_PORT", *PORTS, *SANDBOX_PORTS),
)


def free_port(host: str = "127.0.0.1") -> str:
    """A port that nobody has, and that nobody gets before we use it.

    `probes.free_port` gives it once in this process; the other processes of pytest-xdist take others.
    """
    mine = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    all_of_them = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    while (port := probes.free_port(host)) % all_of_them != mine:
        continue
    return str(port)


class Installation:
    """A DATA_DIR, its environment, and the process of its `up` if it runs."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.ports = {name: free_port() for name in (*PORTS, *SANDBOX_PORTS)}
        # One delivery process is quicker to start than the usual two
        usual = {"EGRESS": "sandbox", "SANDBOX": "true", "EGRESS_WORKERS": "1"}
        self.chosen = {**usual, **environment}
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What its `up`, and each command that joins it, is started with."""
        inherited = {k: v for k, v in os.environ.items() if k not in _OURS}
        return {
            **inherited,
            **self.ports,
            "DATA_DIR": str(self.data_dir),
            "SECURE_COOKIES": "false",
            **self.chosen,
        }

    def start(self) -> subprocess.Popen[str]:
        """Start it with the demo, and collect what it says."""
        self.lines = []
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--demo"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._collector = threading.Thread(target=self._collect, args=[self.process], daemon=True)
        self._collector.start()
        return self.process

    def said(self, text: str) -> bool:
        """Whether a line so far contains it."""
        return any(text in line for line in self.lines)

    def ready(self) -> bool:
        """Wait until it is ready; False if it ends before."""
        assert self.process is not None
        reading = self._collector.is_alive
        eventually(lambda: self.said("Postino is ready: ") or not reading(), 900)
        return self.said("Postino is ready: ")

    @property
    def quickstart(self) -> dict[str, Any]:
        """What it tells its owner."""
        return dict(json.loads((self.data_dir / "quickstart.json").read_text()))

    @property
    def joined(self) -> dict[str, str]:
        """Where its servers are: DATABASE_URL, REDIS_URL."""
        return runfile.published(self.data_dir)

    def status(self) -> int:
        """The web's answer, 0 for none."""
        web = http.client.HTTPConnection("127.0.0.1", int(self.ports["PORT"]), timeout=10)
        try:
            web.request("GET", "/login/")
            return web.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            web.close()

    def child(self, text: str) -> int:
        """The child of it whose command line contains the text."""
        assert self.process is not None
        return next(pid for pid in children(self.process.pid) if text in command(pid))

    def shell(self, code: str) -> str:
        """What `manage.py shell` prints for this code."""
        done = subprocess.run(
            [sys.executable, "manage.py", "shell", "-v0", "-c", code],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def destroy(self) -> None:
        """End it at once and remove its database's files. Raises where a process outlives it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        assert eventually(lambda: not using(self.data_dir), 120), "".join(self.lines[-20:])
        EmbeddedPostgres(self.data_dir).destroy()

    def _collect(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.lines.append(line)


@contextmanager
def running(**environment: str) -> Iterator[Installation]:
    """An installation that is ready, in a folder of its own; stopped in order at the end."""
    with tempfile.TemporaryDirectory(prefix="postino-") as directory:
        os.chmod(directory, 0o755)  # root's PostgreSQL has a uid of its own
        made = Installation(Path(directory) / "data", **environment)
        plant(made.data_dir)
        try:
            process = made.start()
            assert made.ready(), "".join(made.lines[-30:])
            yield made
            process.send_signal(signal.SIGTERM)
            assert process.wait(180) == 0, "".join(made.lines[-30:])
        finally:
            made.destroy()

"""A whole installation in a temporary folder: `manage.py up`, its sink, its account."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from bench.cpu import Meter
from config.stack.postgres import EmbeddedPostgres
from config.stack.probes import free_port
from config.stack.servers import DATABASE

ROOT = Path(__file__).parents[1]
_PORTS = ("PORT", "SMTP_PORT", "SMTPS_PORT", "INBOUND_PORT")
_OURS = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "DJANGO_SETTINGS_MODULE", *_PORTS)
_READY_SECONDS = 600.0
_STOP_SECONDS = 180.0


class Broken(Exception):
    """The installation did not do what it must."""


class Sink:
    """The receiving server's process."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.sink", str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._line())

    def ask(self, command: str) -> Any:
        """`count`, `report` or `clear`."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise Broken("the sink has ended")
        return line

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


class Installation:
    """Real processes on free ports; durable: PostgreSQL waits for the disk at every commit."""

    def __init__(self, *, extra: Mapping[str, str] | None = None) -> None:
        """`extra`: more of the environment."""
        self.extra = dict(extra or {})
        self.folder = Path(tempfile.mkdtemp(prefix="postino-bench-"))
        self.folder.chmod(0o755)  # root's PostgreSQL has a uid of its own
        self.data_dir = self.folder / "data"
        self.ports = {name: free_port("127.0.0.1") for name in _PORTS}
        self.lines: list[str] = []
        self.cast: dict[str, Any] = {}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    @property
    def environment(self) -> dict[str, str]:
        """What `up` and those who join it are started with."""
        inherited = {k: v for k, v in os.environ.items() if k not in _OURS}
        return {
            **inherited,
            **{name: str(port) for name, port in self.ports.items()},
            "DATA_DIR": str(self.data_dir),
            "EGRESS": f"relay://127.0.0.1:{self.sink.port}",
            "WEB_WORKERS": "2",
            "SANDBOX": "false",
            "SECURE_COOKIES": "false",
            **self.extra,
        }

    def _start(self) -> None:
        self.sink = Sink(self.folder)
        self.up = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._collect, daemon=True).start()
        limit = time.monotonic() + _READY_SECONDS
        while not any("Postino is ready" in line for line in self.lines):
            if self.up.poll() is not None or time.monotonic() > limit:
                raise Broken("the installation did not start:\n" + "".join(self.lines[-30:]))
            time.sleep(0.1)
        made = subprocess.run(
            [sys.executable, "-m", "bench.cast"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            check=True,
        )
        self.cast = json.loads(made.stdout)
        self.meter = Meter(self.up.pid)
        server = EmbeddedPostgres(self.data_dir)
        self.database = psycopg.connect(server.dsn(DATABASE), autocommit=True)
        (durable,) = self.database.execute("SHOW fsync").fetchone() or ("?",)
        if durable != "on":
            raise Broken("PostgreSQL does not wait for the disk")

    def queued(self) -> int:
        """Messages not yet done with."""
        found = self.database.execute("SELECT count(*) FROM transactional_queuerow").fetchone()
        return int(found[0]) if found else 0

    def complaints(self) -> list[str]:
        """What the processes said at WARNING and above."""
        return [line for line in self.lines if " WARNING " in line or " ERROR " in line]

    def _collect(self) -> None:
        assert self.up.stdout is not None
        for line in self.up.stdout:
            self.lines.append(line)

    def _stop(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
        if hasattr(self, "up"):
            self.up.send_signal(signal.SIGTERM)
            try:
                self.up.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.up.kill()
                self.up.wait()
        if hasattr(self, "sink"):
            self.sink.close()
        EmbeddedPostgres(self.data_dir).destroy()
        shutil.rmtree(self.folder, ignore_errors=True)

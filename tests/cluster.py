"""A migrated database, made once for a run, that whole installations and all test databases begin from.

`tests/config/stack/test_up.py` shows that an installation begins from nothing as well.
"""

import atexit
import fcntl
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from config.stack.postgres import EmbeddedPostgres
from config.stack.servers import DATABASE

ROOT = Path(__file__).parents[1]
SHARED = "POSTINO_TESTS_SEED"  # the folder of the seed that all processes of pytest-xdist share
_PASSWORD = "postgres.password"
# Nothing is to be kept, and no look at the rows that are there is to decide about tests' plans
_SETTINGS = {"fsync": "off", "autovacuum": "off"}


def share() -> Callable[[], None]:
    """Begin to make the seed, for the processes that this one starts; what ends and removes it."""
    directory = _new_folder()
    EmbeddedPostgres(directory).dsn()  # which chooses the password
    os.environ[SHARED] = str(directory)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    maker = subprocess.Popen([sys.executable, "-m", "tests.cluster"], cwd=ROOT, env=environment)

    def remove() -> None:
        maker.terminate()
        maker.wait()
        EmbeddedPostgres(directory).destroy()
        shutil.rmtree(directory, ignore_errors=True)

    return remove


@functools.cache
def seed() -> EmbeddedPostgres:
    """A stopped server's files: every migration applied, nothing else in it."""
    if SHARED in os.environ:
        directory = Path(os.environ[SHARED])
    else:
        directory = _new_folder()
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
    server = EmbeddedPostgres(directory, settings=_SETTINGS)
    if SHARED not in os.environ:
        atexit.register(server.destroy)
    with _alone(directory):
        made = directory / "made"
        if not made.exists():
            _make(server)
            made.touch()
    return server


def copy_password(data_dir: Path) -> None:
    """Let it be known where a server in `data_dir` will be, before the shared seed is there."""
    data_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(os.environ[SHARED]) / _PASSWORD, data_dir / _PASSWORD)  # 0600, as it is there


def plant(data_dir: Path) -> None:
    """Put a migrated cluster into a DATA_DIR that is yet to be used."""
    made = seed()
    data_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(made.data_dir / _PASSWORD, data_dir / _PASSWORD)
    mine = EmbeddedPostgres(data_dir)
    shutil.copytree(made.cluster, mine.cluster, dirs_exist_ok=True)
    for directory, names, files in os.walk(mine.cluster):
        for name in (*names, *files):
            if mine.uid is not None:
                os.lchown(Path(directory, name), mine.uid, mine.uid)
    if mine.uid is not None:
        os.chown(mine.cluster, mine.uid, mine.uid)


def _new_folder() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="postino-seed-"))
    directory.chmod(0o755)  # root's PostgreSQL has a uid of its own
    return directory


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(server: EmbeddedPostgres) -> None:
    server.start()
    try:
        server.create_database(DATABASE)
        environment = {
            **os.environ,
            "DATABASE_URL": server.dsn(DATABASE),
            "DATA_DIR": str(server.data_dir / "data"),
        }
        migrate = [sys.executable, "-W", "ignore", "manage.py", "migrate", "--no-input", "-v", "0"]
        done = subprocess.run(migrate, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    finally:
        server.stop()


if __name__ == "__main__":
    seed()

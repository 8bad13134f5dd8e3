"""The only place where the tests get their database and broker: real ones, started for them.

A plugin named in pyproject.toml rather than a conftest: Django's settings are read before any
conftest is.
"""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from config.stack.postgres import EmbeddedPostgres
from config.stack.servers import DATABASE
from config.stack.valkey import EmbeddedValkey
from tests import cluster

# Unit tests may lose their data: what is proved about durability starts a server of its own.
HASTY = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    # An ANALYZE has a transaction that folds wait for: here they are looked at the moment they ran.
    # (So has none that a VACUUM makes.) Plans, too, are the same whenever it would have come.
    "autovacuum_analyze_threshold": "2147483647",
}


class TestServers:
    """The servers of one session; each worker of pytest-xdist is one, with servers of its own.

    A database of its own in a shared cluster is not enough: another's open transaction holds back
    what a fold may read.
    """

    __test__ = False

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="postino-tests-"))
        self.postgres: EmbeddedPostgres | None = None
        self.valkey: EmbeddedValkey | None = None

    def start(self) -> None:
        """Start what the environment does not name, and name it there."""
        self.directory.chmod(0o755)  # root's PostgreSQL has a uid of its own
        # Or every process that the tests start would compile all of Postino anew
        sys.dont_write_bytecode = False
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        if "PYTEST_XDIST_WORKER" in os.environ or not os.environ.get("DATA_DIR"):
            os.environ["DATA_DIR"] = str(self.directory / "data")
        if not os.environ.get("DATABASE_URL"):
            self.postgres = EmbeddedPostgres(self.directory, settings=HASTY)
            if cluster.SHARED in os.environ:
                cluster.copy_password(self.directory)
            else:
                self._start_postgres(self.postgres)
            os.environ["DATABASE_URL"] = self.postgres.dsn(DATABASE)
        if not os.environ.get("REDIS_URL"):
            self.valkey = EmbeddedValkey(self.directory)
            self.valkey.start()
            os.environ["REDIS_URL"] = self.valkey.url

    def pytest_collection_finish(self) -> None:
        """Start from the seed, which was made while tests were collected."""
        if self.postgres is not None and self.postgres.pid is None:
            cluster.plant(self.directory)
            self._start_postgres(self.postgres)

    def _start_postgres(self, postgres: EmbeddedPostgres) -> None:
        postgres.start()
        postgres.create_database(DATABASE)

    def stop(self) -> None:
        """Stop what was started, and remove its files. (A killed session's servers end too.)"""
        if self.valkey is not None:
            self.valkey.stop()
        if self.postgres is not None:
            self.postgres.destroy()
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start the servers before pytest-django reads the settings."""
    known = early_config.known_args_namespace
    worker = "PYTEST_XDIST_WORKER" in os.environ
    if known.help or known.version or known.collectonly:
        return
    if getattr(known, "numprocesses", 0) and not worker:  # the workers run the tests
        early_config.add_cleanup(cluster.share())
        return
    for sig, usual in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(sig) is signal.SIG_IGN:  # by nohup or a shell's &; `up` would obey that
            signal.signal(sig, usual)
    servers = TestServers()
    early_config.add_cleanup(servers.stop)
    early_config.pluginmanager.register(servers, "test-servers")
    servers.start()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--full-scale`: the kill and fault cases with real leases, back-off and volume."""
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failure")
    parser.addoption("--full-scale", action="store_true", help="faults at full scale")


@pytest.fixture(scope="session")
def full_scale(request: pytest.FixtureRequest) -> bool:
    """Whether fault cases run at full scale (`make faults`) rather than scaled down."""
    return bool(request.config.getoption("--full-scale"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under `--no-skips`, what is skipped has failed: CI has all that the tests need."""
    report = yield
    if report.skipped and item.config.getoption("--no-skips"):
        report.outcome = "failed"
        report.longrepr = f"skipped, though nothing may be: {report.longrepr}"
    return report

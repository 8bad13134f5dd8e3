"""Fixtures of all tests: the cast, a DNS server, clients from npm."""

import gc
import os
from collections.abc import Generator

import hypothesis
import pytest
from django.conf import settings
from django.test import TransactionTestCase
from django.utils import translation

from config import keyring, shared
from config.stack.servers import DATABASE
from tests import cluster, swept
from tests.cast import _fresh_facts, account, alice, bob, cast, charlie, signed_in
from tests.dns_server import dns_server
from tests.npm import node_modules
from tokens import throttle

__all__ = [
    "_fresh_facts",
    "account",
    "alice",
    "bob",
    "cast",
    "charlie",
    "dns_server",
    "node_modules",
    "signed_in",
]


REDIS_MAY_TAKE = 10.0  # seconds: on a busy machine a question takes longer than senders would wait


@pytest.fixture(autouse=True)
def _own_language() -> None:
    """A thread keeps the language of the page that it answered last; a test begins in none."""
    translation.deactivate()


@pytest.fixture(scope="session", autouse=True)
def _one_ring() -> None:
    """The key ring of the processes that tests start: the first to be read is kept, and a test may have another DATA_DIR."""
    keyring.current_id()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among what was imported and collected: it stays until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    """Pages need no collected static files here, passwords no slow hash, examples no stop-watch.

    Examples are the same in every run, so that none fails by the dice; at full scale they are new.
    """
    hypothesis.settings.register_profile(
        "untimed",
        deadline=None,
        derandomize=not config.getoption("--full-scale"),
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    hypothesis.settings.load_profile("untimed")
    shared.PATIENCE = throttle.PATIENCE = REDIS_MAY_TAKE
    TransactionTestCase._fixture_teardown = swept.sweep
    if cluster.SHARED in os.environ:  # the database that our server was planted with is migrated
        settings.DATABASES["default"].setdefault("TEST", {})["TEMPLATE"] = DATABASE
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

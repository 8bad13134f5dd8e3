"""Fixtures of all tests: the cast, a DNS server, clients from npm."""

import hypothesis
from django.conf import settings

from tests.cast import _fresh_facts, account, alice, bob, cast, charlie, signed_in
from tests.dns_server import dns_server
from tests.npm import node_modules

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


def pytest_configure() -> None:
    """Pages need no collected static files here, passwords no slow hash, examples no stop-watch."""
    hypothesis.settings.register_profile("untimed", deadline=None)
    hypothesis.settings.load_profile("untimed")
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

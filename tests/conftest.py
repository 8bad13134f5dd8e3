"""Fixtures of all tests: the cast, and a DNS server."""

from django.conf import settings

from typing import Any

import pytest

from tests.cast import _fresh_facts, account, alice, bob, cast, charlie, signed_in
from tests.dns_server import dns_server

__all__ = [
    "_fresh_facts",
    "_plain_static",
    "account",
    "alice",
    "bob",
    "cast",
    "charlie",
    "dns_server",
    "signed_in",
]


def pytest_configure() -> None:
    """Pages need no collected static files here, and passwords no slow hash."""
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _plain_static(settings: Any) -> None:
    """Pages name their style sheets without the manifest that only `collectstatic` makes."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}

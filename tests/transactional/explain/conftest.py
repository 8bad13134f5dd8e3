"""The API's fixtures: an explanation is read through it."""

from tests.transactional.api.conftest import (  # noqa: F401 — fixtures
    _no_failures_yet,
    api,
    email,
)

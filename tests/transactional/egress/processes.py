"""Delivery processes of their own, on the test's database: for tests that kill them, or stop them."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

PATIENCE = 200  # seconds: each death costs a new process its start, and its lease


def database_url() -> str:
    """The test database's, which Django made beside the one the environment names."""
    base, _, _ = os.environ["DATABASE_URL"].partition("?")
    query = os.environ["DATABASE_URL"][len(base) :]
    return base.rsplit("/", 1)[0] + f"/{connection.settings_dict['NAME']}" + query


@contextmanager
def standing_still(how: str, settings: Any, *, lease: int) -> Iterator[subprocess.Popen[str]]:
    """One that stands still where `mute` says; killed at the end of the block."""
    values = {"EGRESS": settings.EGRESS, "LEASE_SECONDS": lease, "RETRY_SCALE": 0.01}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.transactional.egress.mute", how, json.dumps(values)],
        env={**os.environ, "DATABASE_URL": database_url()},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], PATIENCE)[0], "it has not come so far"
        assert process.stdout.readline() == "there\n"
        yield process
    finally:
        process.kill()
        process.communicate()

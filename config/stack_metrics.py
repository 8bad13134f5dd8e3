"""Metrics of the machine and of what the processes share: database, Redis, disk, signs of life."""

import os
import time
from datetime import datetime

from django.conf import settings
from django.db import connection

from config import metrics, pulse
from config.metrics import Metric, one


@metrics.source
def stack() -> list[Metric]:
    """Whether database and Redis answer, the database's clock against ours, free disk space."""
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_timestamp(), numbackends FROM pg_stat_database"
            " WHERE datname = current_database()"
        )
        there, sessions = cursor.fetchone()
    assert isinstance(there, datetime)  # noqa: S101 — as PostgreSQL says it
    here = (before + time.time()) / 2
    disk = os.statvfs(settings.DATA_DIR)
    return [
        one("database_up", "1: PostgreSQL answers.", 1),
        one("database_sessions", "Open sessions of this database.", sessions),
        one(
            "clock_skew_seconds",
            "The database's clock minus this host's.",
            round(there.timestamp() - here, 4),
        ),
        one("redis_up", "1: Redis answers; without it nothing is lost.", pulse.redis_answers()),
        one(
            "disk_free_bytes",
            "Free bytes where DATA_DIR lies, on the web host that was asked.",
            disk.f_bavail * disk.f_frsize,
        ),
        one(
            "disk_reserve_bytes",
            "Free bytes below which no mail is accepted.",
            settings.DISK_RESERVE_MB * 1024 * 1024,
        ),
    ]


@metrics.source
def signs_of_life() -> list[Metric]:
    """When each worker gave its last sign, and each chore came to its end."""
    chores = pulse.chores()
    now = time.time()
    return [
        Metric(
            name="process_silent_seconds",
            text="Seconds since a process gave its last sign of life; every 10 s is healthy.",
            samples=[({"process": name}, round(age, 1)) for name, age in pulse.alive().items()],
        ),
        Metric(
            name="chore_silent_seconds",
            text="Seconds since a periodic task last came to its end well.",
            samples=[
                ({"task": chore.name}, round(now - chore.done_at, 1))
                for chore in chores
                if chore.done_at
            ],
        ),
        Metric(
            name="chore_seconds",
            text="What its last run took.",
            samples=[({"task": chore.name}, round(chore.seconds, 4)) for chore in chores],
        ),
        Metric(
            name="chore_failures_total",
            text="Runs that ended with an error.",
            kind="counter",
            samples=[({"task": chore.name}, chore.failures) for chore in chores],
        ),
    ]

"""What a worker does around each task: its connection to the database stays, while it is any good."""

import psycopg
import pytest
from celery.fixups.django import DjangoWorkerFixup
from celery.signals import task_postrun, task_prerun
from django.db import connection

from config.celery import app
from config.database import parameters
from transactional.tasks.egress import drain

pytestmark = pytest.mark.django_db(transaction=True)


def _backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _run(fixup: DjangoWorkerFixup, name: str) -> int:
    """What a worker sends around a task; the backend that the task talks to."""
    task = drain
    fixup.on_task_prerun(task)
    task_prerun.send(sender=task, task_id=name, task=task)
    found = _backend()
    task_postrun.send(sender=task, task_id=name, task=task, state="SUCCESS")
    fixup.on_task_postrun(task)
    return found


def test_tasks_share_a_connection_and_one_that_has_died_is_not_used_again() -> None:
    fixup = DjangoWorkerFixup(app)
    first = _run(fixup, "first")
    assert _run(fixup, "second") == first
    with psycopg.connect(**parameters(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [first])
    assert _run(fixup, "third") != first

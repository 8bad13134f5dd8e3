"""The Celery application. Tasks are wake-ups and chores: the truth is in PostgreSQL.

Queues: `egress.urgent` and `egress` (wake a delivery engine), `engagement` (opens and clicks),
`webhooks` (hosts the engine that posts events), `default` (periodic work). The broker may be emptied or stopped at any moment.
"""

import os
import sys
import time
from typing import Any

from celery import Celery
from celery.signals import task_postrun, task_prerun, worker_ready

from config.every import Every

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Celery runs Django's checks in each worker and drops what they say; `migrate` has told it
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

from config import database, pulse

app = Celery("postino")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    result_expires=None,  # no results, so nothing of Celery's own to clean up
    task_acks_late=False,
    task_default_queue="default",
    worker_prefetch_multiplier=1,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # Celery would open the database anew for each task, of which there are three a second at rest; see
    # `_began` for what closes a connection instead
    CELERY_DB_REUSE_MAX=1_000_000_000,
    broker_transport_options={
        # A producer waits a second at most, and only in a background thread
        "socket_connect_timeout": 1,
        "socket_timeout": 5,
        "health_check_interval": 10,
        "visibility_timeout": 60,
    },
    task_routes={
        "transactional.drain_urgent": {"queue": "egress.urgent"},
        "transactional.drain": {"queue": "egress"},
        "analytics.record_engagement": {"queue": "engagement"},
    },
    beat_scheduler="config.ticker:Ticker",
    beat_schedule={
        "sweep": {"task": "transactional.sweep", "schedule": 5.0, "options": {"expires": 5}},
        "worn": {
            "task": "transactional.suppress_worn",
            "schedule": 3600.0,
            "options": {"expires": 3600},
        },
        "rollouts": {
            "task": "transactional.watch_rollouts",
            "schedule": 10.0,
            "options": {"expires": 10},
        },
        "secrets": {
            "task": "transactional.purge_secrets",
            "schedule": 15.0,
            "options": {"expires": 15},
        },
        "broadcast": {
            "task": "transactional.broadcast",
            "schedule": 1.0,
            "options": {"expires": 2},
        },
        "partitions": {"task": "transactional.partitions", "schedule": 3600.0},
        "retention": {
            "task": "transactional.retention",
            "schedule": 3600.0,
            "options": {"expires": 3600},
        },
        "firsts": {
            "task": "analytics.forget_firsts",
            "schedule": 3600.0,
            "options": {"expires": 3600},
        },
        "engagement": {
            "task": "analytics.record_engagement",
            "schedule": 1.0,
            "options": {"expires": 2},
        },
        "webhooks": {
            "task": "analytics.tend_webhooks",
            "schedule": 30.0,
            "options": {"expires": 30},
        },
        "old_webhooks": {
            "task": "analytics.forget_webhooks",
            "schedule": 600.0,
            "options": {"expires": 600},
        },
        "rollup": {"task": "analytics.fold", "schedule": 2.0, "options": {"expires": 2}},
        "complaints": {
            "task": "analytics.watch_complaints",
            "schedule": 20.0,
            "options": {"expires": 20},
        },
        "old_complaints": {
            "task": "analytics.forget_complaints",
            "schedule": 3600.0,
            "options": {"expires": 3600},
        },
        "links": {
            "task": "transactional.forget_links",
            "schedule": 3600.0,
            "options": {"expires": 3600},
        },
        "expired": {
            "task": "tokens.remove_expired",
            "schedule": 600.0,
            "options": {"expires": 600},
        },
        "domain_changes": {
            "task": "transactional.tell_domain_changes",
            "schedule": 30.0,
            "options": {"expires": 30},
        },
        "keys": {"task": "domains.tend_keys", "schedule": 60.0, "options": {"expires": 60}},
        "tls_reports": {
            "task": "transactional.send_tls_reports",
            "schedule": 3600.0,
            "options": {"expires": 3600},
        },
        "sender_mails": {"task": "transactional.forget_sender_mails", "schedule": 3600.0},
        "incidents": {
            "task": "transactional.tend_incidents",
            "schedule": 5.0,
            "options": {"expires": 5},
        },
        "source_names": {
            "task": "domains.name_sources",
            "schedule": 600.0,
            "options": {"expires": 600},
        },
        "reports": {
            "task": "domains.forget_reports",
            "schedule": 3600.0,
            "options": {"expires": 3600},
        },
        "warm_up": {"task": "domains.warm_up", "schedule": 600.0, "options": {"expires": 600}},
        "domains": {"task": "domains.check_due", "schedule": 15.0, "options": {"expires": 15}},
    },
)
for entry in app.conf.beat_schedule.values():
    entry["schedule"] = Every(entry["schedule"])
app.autodiscover_tasks()


@worker_ready.connect
def _announce(**_: object) -> None:
    """Tell the supervisor, whatever the log level; celery has put a logger in sys.stdout."""
    if sys.__stdout__ is not None:
        print("worker ready", file=sys.__stdout__, flush=True)


# Wake-ups of an engine are no chores: they come many times a second
_WAKE_UPS = frozenset({"transactional.drain", "transactional.drain_urgent"})
_begun: dict[str, float] = {}


@worker_ready.connect
def _give_signs(sender: Any = None, **_: object) -> None:
    """This worker's sign of life."""
    pulse.start(str(sender.hostname).partition("@")[0] if sender else "worker")


@task_prerun.connect
def _began(task_id: str = "", task: Any = None, **_: object) -> None:
    _begun[task_id] = time.monotonic()
    if task is not None and not task.request.is_eager:
        # As before a request: one that is old, or whose server has gone, is not used again
        database.refresh()


@task_postrun.connect
def _ended(task_id: str = "", task: Any = None, state: str = "", **_: object) -> None:
    """A chore has ended: when, after how long, and how."""
    seconds = time.monotonic() - _begun.pop(task_id, time.monotonic())
    if task is not None and task.name not in _WAKE_UPS:
        pulse.ran(task.name, seconds=seconds, well=state == "SUCCESS")

"""Celery tasks of this app: wake-ups of the delivery engine, and periodic chores."""

from transactional.tasks.broadcasts import broadcast
from transactional.tasks.chores import sweep
from transactional.tasks.domain_alerts import tell_domain_changes
from transactional.tasks.egress import drain, drain_urgent
from transactional.tasks.incidents import tend_incidents
from transactional.tasks.lifts import bring_back
from transactional.tasks.links import ask_links, forget_links
from transactional.tasks.retention import partitions, remove_old

__all__ = [
    "ask_links",
    "bring_back",
    "broadcast",
    "drain",
    "drain_urgent",
    "forget_links",
    "partitions",
    "remove_old",
    "sweep",
    "tell_domain_changes",
    "tend_incidents",
]

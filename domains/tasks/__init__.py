"""Celery's periodic work of this floor."""

from domains.tasks.check_due import check_due, tend_keys
from domains.tasks.reports import forget_reports, name_sources
from domains.tasks.warm_up import warm_up

__all__ = ["check_due", "forget_reports", "name_sources", "tend_keys", "warm_up"]

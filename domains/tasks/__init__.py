"""Celery's periodic work of this floor."""

from domains.tasks.check_due import check_due, tend_keys

__all__ = ["check_due", "tend_keys"]

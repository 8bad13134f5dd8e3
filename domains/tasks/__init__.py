"""Celery's periodic work of this floor."""

from domains.tasks.check_due import check_due

__all__ = ["check_due"]

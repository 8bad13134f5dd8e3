"""Celery tasks of this app: hits to events, events to numbers."""

from analytics.tasks.counting import fold, record_engagement

__all__ = ["fold", "record_engagement"]

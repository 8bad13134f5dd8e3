"""Celery tasks of this app: hits to events, events to numbers, events to webhooks, complaints to pauses."""

from analytics.tasks.complaints import forget_complaints, watch_complaints
from analytics.tasks.counting import fold, forget_firsts, record_engagement
from analytics.tasks.webhooks import forget_webhooks, tend_webhooks

__all__ = [
    "fold",
    "forget_complaints",
    "forget_firsts",
    "forget_webhooks",
    "record_engagement",
    "tend_webhooks",
    "watch_complaints",
]

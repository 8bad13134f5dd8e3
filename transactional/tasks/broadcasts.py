"""Sends from the app, moved on: often, in short turns, so that other chores are not kept waiting."""

import time

from celery import shared_task
from django.utils import timezone

from transactional.broadcast import run

TURN = 2.0  # seconds


@shared_task(name="transactional.broadcast")
def broadcast() -> None:
    """Give each send that is due its turns, one batch at a time, until there is nothing to do at
    once or the time is over; what is left is gone on with a second later.
    """
    ends = time.monotonic() + TURN
    due = run.due(timezone.now())
    while due and time.monotonic() < ends:
        due = [one for one in due if run.step(one)]

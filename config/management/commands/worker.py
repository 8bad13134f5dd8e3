"""`manage.py worker`: a Celery worker as `up` starts it, without what Celery's own command line loads.

That one brings an interactive shell and a coloured help, a quarter of each worker's start.
"""

import sys
import warnings
from argparse import ArgumentParser
from typing import Any

from celery.utils.nodenames import default_nodename, host_format
from django.core.management.base import BaseCommand

from config.celery import app

# Celery's advice against root, once per worker: it is about pickle, and our tasks are JSON.
_ROOT_IS_FINE = "You're running the worker with superuser privileges"


class Command(BaseCommand):
    """Runs the tasks of some queues in this process, one at a time, until it is told to stop."""

    help = "Run the tasks of the queues given, one at a time."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Named as Celery's own command names them."""
        parser.add_argument("-Q", "--queues", required=True, help="their names, comma-separated")
        parser.add_argument("-n", "--name", default="", help="its name; %%h is this machine's")

    def handle(self, *args: Any, queues: str, name: str, **options: Any) -> None:
        """Run until SIGTERM or SIGINT; what is being done is done to its end."""
        warnings.filterwarnings("ignore", _ROOT_IS_FINE)
        worker = app.Worker(
            hostname=host_format(default_nodename(name or queues.partition(",")[0])),
            queues=queues.split(","),
            pool_cls="solo",
            loglevel="WARNING",
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        worker.start()
        sys.exit(worker.exitcode)

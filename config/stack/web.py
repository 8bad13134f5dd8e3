"""The web application as `up` runs it: config.wsgi's, in workers that end with their master.

granian's workers survive a kill -9 of their master and keep the port; these do not.
"""

import multiprocessing
import signal

from config.stack.lifeline import die_with

_master = multiprocessing.parent_process()
if _master is not None and _master.pid is not None:
    die_with(_master.pid, signal.SIGKILL)

from config.wsgi import application  # noqa: E402 — loading takes a second; the wish comes first

__all__ = ["application"]

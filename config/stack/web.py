"""The web application as `up` runs it: config.wsgi's, in workers that end with their master, none of whose
threads waits for content that does not come (`bodies`).

granian's workers survive a kill -9 of their master and keep the port; these do not.
"""

import multiprocessing
import signal

from config.stack.lifeline import die_with

_master = multiprocessing.parent_process()
if _master is not None and _master.pid is not None:
    die_with(_master.pid, signal.SIGKILL)

from config.stack.bodies import Places, guarded  # noqa: E402 — as the next
from config.wsgi import application as django  # noqa: E402 — loading takes a second; the wish comes first

application = guarded(django, Places())

__all__ = ["application"]

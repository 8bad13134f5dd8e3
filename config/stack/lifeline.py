"""The only place where a child is tied to its parent's life, and where a process drops its uid."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with_parent(sig: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` that has the kernel send `sig` to the child when its parent ends.

    The kernel watches the *thread* that forked: spawn from a thread that lives as long as the
    process. A change of uid clears the wish, so it must be made after it (subprocess runs
    `preexec_fn` last). Only Linux has it; elsewhere this does nothing.
    """
    if sys.platform != "linux":
        return _nothing
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, int(sig))
        if os.getppid() != parent:  # the parent ended before the kernel was asked
            os.kill(os.getpid(), signal.SIGKILL)

    return arm


def _nothing() -> None:
    return None

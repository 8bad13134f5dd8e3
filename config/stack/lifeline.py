"""The only place where a child is tied to its parent's life (Linux: prctl(2), PR_SET_PDEATHSIG)."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with(parent: int, sig: signal.Signals) -> None:
    """Have the kernel send `sig` to this process when its parent (a process id) ends.

    The kernel watches the *thread* that forked: spawn from a thread that lives as long as the
    process. A change of uid clears the wish, so it must come after it. Does nothing elsewhere
    than on Linux.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(sig))
    if os.getppid() != parent:  # it ended before the kernel was asked
        os.kill(os.getpid(), signal.SIGKILL)


def die_with_parent(sig: signal.Signals) -> Callable[[], None]:
    """`die_with` our process as a `preexec_fn` (subprocess runs it after the change of uid)."""
    parent = os.getpid()
    return lambda: die_with(parent, sig)

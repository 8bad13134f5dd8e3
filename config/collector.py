"""The only place that tunes the garbage collector of long-lived processes.

What a process has loaded stays, so it need not be looked at again; and with Python's own threshold of 700
objects every message costs several passes over what is under way, which frees nothing.
"""

import gc

YOUNG = 50_000  # objects made and not yet freed before a pass: some MB at most
OLDER = (
    20,
    50,
)  # passes over the young before one over the older, and of those before one over all


def settle() -> None:
    """Call once, when all is loaded and before the work begins."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *OLDER)

"""What the kernel says about processes: the only judge of what is left alive."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path


def parents() -> dict[int, int]:
    """Every living process and its parent; zombies are not alive."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if fields[0] not in "ZX":
            found[int(stat.parent.name)] = int(fields[1])
    return found


def tree(root: int) -> set[int]:
    """A process and all its descendants."""
    table, found = parents(), {root}
    while more := {pid for pid, parent in table.items() if parent in found} - found:
        found |= more
    return found


def children(parent: int) -> set[int]:
    """The processes that it started itself."""
    return {pid for pid, its in parents().items() if its == parent}


def alive(pids: Iterable[int]) -> set[int]:
    """Those that still live."""
    return set(pids) & parents().keys()


def command(pid: int) -> str:
    """Its command line; empty for one that has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def using(directory: Path) -> set[int]:
    """Every process whose command line, working directory or environment names a directory."""
    wanted, found = str(directory), set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            texts = [
                (process / "cmdline").read_bytes().decode(errors="replace"),
                (process / "environ").read_bytes().decode(errors="replace"),
                os.readlink(process / "cwd"),
            ]
        except OSError:
            continue
        if any(wanted in text for text in texts):
            found.add(int(process.name))
    return found - {os.getpid()}

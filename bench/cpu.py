"""The only reader of /proc: CPU time of a process, and of a tree by the kind of its processes."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")

#: What a child of `manage.py up` is, by a word of its command line.
KINDS = (
    ("bin/postgres", "PostgreSQL"),
    ("valkey-server", "Valkey"),
    ("submissiond", "submission"),
    ("inboundd", "inbound"),
    ("granian", "web"),
    ("-Q egress.urgent", "egress, urgent"),
    ("-Q egress,", "egress"),
    ("-Q engagement", "engagement"),
    ("-Q webhooks", "webhooks"),
    ("-Q default", "default"),
    ("manage.py beat", "beat"),
)


def processor_ms(pid: int) -> float | None:
    """Milliseconds of processor time that a process of this machine has used; None where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class _Stat:
    parent: int
    ticks: int  # user and system, its own and that of the children it has reaped


def _stats() -> dict[int, _Stat]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:  # gone
            continue
        found[int(path.parent.name)] = _Stat(int(fields[1]), sum(map(int, fields[11:15])))
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _kind(pid: int) -> str:
    command = _command(pid)
    return next((kind for word, kind in KINDS if word in command), "supervisor")


class Meter:
    """Counts below one root; a child's kind is its grandchildren's too."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._kinds: dict[int, str] = {}

    def read(self) -> Counter[str]:
        """CPU seconds so far, by kind. What a process spent stays counted when it is reaped."""
        stats = _stats()
        spent: Counter[str] = Counter()
        for pid, stat in stats.items():
            chain = [pid]
            while chain[-1] != self._root and (parent := stats.get(chain[-1])):
                chain.append(parent.parent)
            if chain[-1] == self._root:
                top = chain[-2] if len(chain) > 1 else pid
                if top not in self._kinds:
                    self._kinds[top] = "supervisor" if top == self._root else _kind(top)
                spent[self._kinds[top]] += stat.ticks
        return Counter({kind: ticks / _TICK for kind, ticks in spent.items()})

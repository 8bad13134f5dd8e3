"""One supervised process: what it is, and its life from spawn to the last member of its group."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.stack.lifeline import die_with_parent

BACKOFF_FIRST = 0.5
BACKOFF_LIMIT = 30.0
# Each time it has run this long (seconds), one of a child's earlier crashes is forgotten: what crashes
# in a loop waits longer and longer, what ran for a while and was killed is back at once.
FORGOTTEN_AFTER = 5.0
# A line without an end is cut here, so that no child can fill our memory.
_LINE_LIMIT = 65536


@dataclass(frozen=True, slots=True)
class Child:
    """What to run and how to treat it. Times in seconds."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    ready_line: bytes = b""  # ready when its output has a line that contains this
    before: Callable[[], None] | None = None  # runs before each start
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout: float = 10.0
    # What it gets if we are killed. Postino's own processes bear a kill at any moment.
    death_signal: signal.Signals = signal.SIGKILL
    restart: bool = True
    uid: int | None = None
    log_path: Path | None = None  # its output goes there instead of into the common stream
    cwd: str | None = None


class Life:
    """A child's present process, if any, and its history of crashes. Not thread-safe."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.process: subprocess.Popen[bytes] | None = None
        self.line_seen = False
        self.crashes = 0
        self.restart_at: float | None = None  # on time.monotonic()'s clock
        self._born = 0.0
        self._rest = b""

    @property
    def alive(self) -> bool:
        """Whether its process runs; reaps it if it has ended."""
        return self.process is not None and self.process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it does its work, as far as its probe or its line can tell."""
        if not self.alive or (self.child.ready_line and not self.line_seen):
            return False
        return self.child.ready is None or self.child.ready()

    def spawn(self) -> int | None:
        """Start it in a session of its own; the descriptor of its output, None if it has a log.

        Must run in the main thread (see `lifeline`). Raises OSError, and what `before` raises.
        """
        child = self.child
        if child.before is not None:
            child.before()
        log = child.log_path.open("ab") if child.log_path else None
        try:
            self.process = subprocess.Popen(
                child.argv,
                env={**os.environ, **child.env},
                cwd=child.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log or subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # the terminal's Ctrl-C is for the supervisor, which stops us in order
                start_new_session=True,
                preexec_fn=die_with_parent(child.death_signal),
                user=child.uid,
                group=child.uid,
                extra_groups=None if child.uid is None else [],
            )
        finally:
            if log is not None:
                log.close()
        self.restart_at, self.line_seen, self._rest = None, False, b""
        self._born = time.monotonic()
        return None if self.process.stdout is None else self.process.stdout.fileno()

    def lines(self, data: bytes) -> list[str]:
        """The complete lines that `data` finishes; empty data finishes the last one."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if self._rest and (not data or len(self._rest) > _LINE_LIMIT):
            whole.append(self._rest)
            self._rest = b""
        if self.child.ready_line and any(self.child.ready_line in line for line in whole):
            self.line_seen = True
        return [line.decode(errors="replace").rstrip("\r") for line in whole]

    def crashed(self) -> float:
        """Note a crash; how many seconds to wait before the next start."""
        now = time.monotonic()
        lived, self._born = now - self._born, now  # a start that fails has not lived
        self.crashes = max(0, self.crashes - int(lived / FORGOTTEN_AFTER))
        delay = min(BACKOFF_FIRST * 2**self.crashes, BACKOFF_LIMIT)
        self.crashes += 1
        self.restart_at = now + delay
        return float(delay)

    def send(self, sig: signal.Signals) -> None:
        """Send a signal to its process."""
        if self.alive and self.process is not None:
            self.process.send_signal(sig)

    def kill_group(self) -> None:
        """Kill whatever is left of its process group."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # nobody left; or only another uid's
            self.send(signal.SIGKILL)


def ending(code: int | None) -> str:
    """An exit code in words."""
    if code is not None and code < 0:
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"
    return f"ended with exit code {code}"

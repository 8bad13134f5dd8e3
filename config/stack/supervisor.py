"""The only process supervisor: ordered start, one log stream, restarts, ordered stop. No Django.

One thread, on purpose: the kernel ties a child's life to the thread that forked it.
"""

import os
import select
import selectors
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from types import FrameType, TracebackType
from typing import Self

from config.stack.child import Child, Life, ending

_READY_SECONDS = 240.0  # what takes a tenth of it on an idle machine may share a busy one
_TICK = 0.1
_COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)


class StartError(Exception):
    """A process did not start; the message says which and how it ended."""


class Stopped(Exception):
    """SIGINT or SIGTERM came while something was being started."""


class Supervisor:
    """Owns its children from `start` to the end of the `with` block, which stops them all.

    Groups are stopped in the reverse order of their start; the members of a group together.
    Use in the main thread only.
    """

    def __init__(self) -> None:
        self._out = sys.stdout.fileno()
        self._colour = os.isatty(self._out)
        self._groups: list[list[Life]] = []
        self._names: list[str] = []
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._interrupts = 0
        self._stopping = False

    def __enter__(self) -> Self:
        for end in (self._wake, self._waker):
            end.setblocking(False)
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(sig) is not signal.SIG_IGN:  # nohup means it
                signal.signal(sig, self._interrupted)
        signal.signal(signal.SIGCHLD, _noticed)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        signal.set_wakeup_fd(-1)
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            if signal.getsignal(sig) is not signal.SIG_IGN:
                signal.signal(sig, signal.SIG_DFL)
        self._selector.close()
        self._wake.close()
        self._waker.close()

    def start(self, group: Sequence[Child]) -> None:
        """Start a group together and wait until all its members are ready.

        Raises StartError when one ends or is not ready within 240 s, Stopped on a signal.
        """
        lives = [Life(child) for child in group]
        self._groups.append(lives)
        for life in lives:
            self._spawn(life)
        deadline = time.monotonic() + _READY_SECONDS
        while waiting := [life for life in lives if not life.ready]:
            for life in waiting:
                if not life.alive:
                    self._drain(life)
                    raise StartError(f"{life.child.name} {self._how(life)}")
            if time.monotonic() > deadline:
                names = ", ".join(life.child.name for life in waiting)
                raise StartError(f"not ready after {_READY_SECONDS:.0f} s: {names}")
            self._pump(_TICK)
            self._raise_if_stopped()

    def once(self, name: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Run a command to its end within the log stream.

        Raises StartError unless it ends with 0, Stopped on a signal.
        """
        life = Life(Child(name=name, argv=tuple(argv), env=env, restart=False))
        group = [life]
        self._groups.append(group)
        self._spawn(life)
        while life.alive:
            self._pump(_TICK)
            self._raise_if_stopped()
        self._drain(life)
        self._groups.remove(group)
        if life.process is not None and life.process.returncode:
            raise StartError(f"{name} {self._how(life)}")

    def watch(self) -> None:
        """Restart what crashes, until SIGINT or SIGTERM."""
        while not self._interrupts:
            now = time.monotonic()
            for life in (life for group in self._groups for life in group):
                self._tend(life, now)
            self._pump(self._until_restart(now))

    def stop(self) -> None:
        """Stop everything, group by group; a second signal meanwhile kills hard."""
        if self._stopping:
            return
        self._stopping, before = True, self._interrupts
        for group in reversed(self._groups):
            self._stop_group(group, before)
        self._groups.clear()

    def say(self, text: str) -> None:
        """A line of our own in the log stream."""
        self._write("up", text)

    def _stop_group(self, group: Sequence[Life], interrupts: int) -> None:
        started = time.monotonic()
        for life in group:
            life.send(life.child.stop_signal)
        while alive := [life for life in group if life.alive]:
            # one signal brought us here; another one means: now
            hard = self._interrupts > max(interrupts, 1)
            for life in alive:
                if hard or time.monotonic() - started > life.child.stop_timeout:
                    if not hard:
                        self.say(f"{life.child.name} does not stop; killed")
                    life.kill_group()
            self._pump(_TICK)
        for life in group:
            life.kill_group()
            self._drain(life)

    def _tend(self, life: Life, now: float) -> None:
        if life.restart_at is not None:
            if now >= life.restart_at:
                self._respawn(life)
        elif not life.alive and life.child.restart:
            self._drain(life)
            life.kill_group()  # what it left behind may hold its port
            delay = life.crashed()
            self.say(f"{life.child.name} {self._how(life)}; starting it again in {delay:g} s")

    def _respawn(self, life: Life) -> None:
        try:
            self._spawn(life)
        except Exception as error:  # noqa: BLE001 — a failed restart is tried again, and said
            delay = life.crashed()
            self.say(f"{life.child.name} does not start ({error}); again in {delay:g} s")
        else:
            self.say(f"{life.child.name} started again")

    def _until_restart(self, now: float) -> float:
        due = [x.restart_at for group in self._groups for x in group if x.restart_at is not None]
        return max(0.0, min([1.0, *(at - now for at in due)]))

    def _spawn(self, life: Life) -> None:
        if life.child.name not in self._names:
            self._names.append(life.child.name)
        descriptor = life.spawn()
        if descriptor is not None:
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ, life)

    def _pump(self, timeout: float) -> None:
        """Pass on what the children say, for at most `timeout` seconds of silence."""
        for key, _ in self._selector.select(timeout):
            if isinstance(key.data, Life):
                self._read(key.data, key.fd)
            else:
                self._wake.recv(4096)

    def _read(self, life: Life, descriptor: int) -> bool:
        """Pass on one read's worth of lines; False when there is nothing more now."""
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return False
        for line in life.lines(data):
            self._write(life.child.name, line)
        if not data:
            self._forget(life)
        return bool(data)

    def _drain(self, life: Life) -> None:
        """Pass on the last words of an ended child."""
        output = life.process.stdout if life.process else None
        if output is None or output.closed:
            return
        while not output.closed and self._read(life, output.fileno()):
            pass
        for line in life.lines(b""):
            if line:
                self._write(life.child.name, line)
        self._forget(life)

    def _forget(self, life: Life) -> None:
        output = life.process.stdout if life.process else None
        if output is not None and not output.closed:
            self._selector.unregister(output.fileno())
            output.close()

    def _how(self, life: Life) -> str:
        text = ending(life.process.poll() if life.process else None)
        return f"{text} (its log: {life.child.log_path})" if life.child.log_path else text

    def _write(self, name: str, line: str) -> None:
        label = f"{name:<12} |"
        if self._colour:
            place = self._names.index(name) if name in self._names else len(_COLOURS) - 1
            label = f"\x1b[{_COLOURS[place % len(_COLOURS)]}m{label}\x1b[0m"
        try:
            _write_all(self._out, f"{label} {line}\n".encode(errors="replace"))
        except OSError:  # nobody reads our log any more: stop in order
            self._interrupts = self._interrupts or 1

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        self._interrupts += 1

    def _raise_if_stopped(self) -> None:
        if self._interrupts:
            raise Stopped


def _noticed(number: int, frame: FrameType | None) -> None:
    """SIGCHLD needs a handler for the wake-up descriptor to be written to."""


def _write_all(descriptor: int, data: bytes) -> None:
    # not through sys.stdout: unbuffered, it drops what a signal keeps it from writing
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # a terminal that another program made non-blocking
            select.select([], [descriptor], [], 1.0)

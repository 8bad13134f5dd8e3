"""The supervisor, over small real processes, as a process of its own that can be killed."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.stack.child import Child, Life
from tests.config.stack.process_table import alive, eventually, tree

ROOT = Path(__file__).parents[3]

HEAD = '''
import signal, sys
from config.stack.child import Child
from config.stack.supervisor import StartError, Stopped, Supervisor

def python(name, code, **more):
    return Child(name=name, argv=(sys.executable, "-uc", code), **more)

SLEEP = "import time; print('up', flush=True); time.sleep(600)"

def polite(seconds):
    return f"""
import signal, sys, time
def bye(*_):
    time.sleep({seconds}); print("bye"); sys.exit()
signal.signal(signal.SIGTERM, bye); print("hello"); time.sleep(600)
"""

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP
'''

Run = Callable[[str], "Running"]


class Running:
    """A supervisor's process and the lines it has written so far."""

    def __init__(self, code: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-uc", HEAD + textwrap.dedent(code)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def until(self, text: str) -> None:
        """Read lines up to one that contains `text`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if text in line:
                return
        raise AssertionError(f"{text!r} not in {self.lines}")

    def rest(self) -> int:
        """Read to the end; the exit code."""
        assert self.process.stdout is not None
        self.lines += self.process.stdout.read().splitlines()
        return self.process.wait()

    def place(self, text: str) -> int:
        """The number of the first line that contains `text`."""
        return next(number for number, line in enumerate(self.lines) if text in line)


@pytest.fixture
def run() -> Iterator[Run]:
    made: list[Running] = []

    def start(code: str) -> Running:
        made.append(Running(code))
        return made[-1]

    yield start
    for running in made:
        running.process.kill()
        running.process.wait()
        if running.process.stdout is not None:
            running.process.stdout.close()


def test_groups_stop_in_the_reverse_order_of_their_start(run: Run) -> None:
    running = run("""
    with Supervisor() as s:
        s.start([python("base", polite(0), ready_line=b"hello")])
        s.start([python("door", polite(0.5), ready_line=b"hello")])
        s.say("ready")
        s.watch()
    """)
    running.until("ready")
    running.process.send_signal(signal.SIGTERM)
    assert running.rest() == 0
    assert running.place("base         | hello") < running.place("door         | hello")
    assert running.place("door         | bye") < running.place("base         | bye")


def test_a_crashed_child_is_restarted_and_said_so(run: Run) -> None:
    running = run("""
    with Supervisor() as s:
        s.start([python("weak", "import time; print('here', flush=True); time.sleep(0.3); 1 / 0",
                        ready_line=b"here")])
        s.watch()
    """)
    running.until("starting it again in 1 s")
    said = [line for line in running.lines if line.startswith("up ")]
    assert said == [
        "up           | weak ended with exit code 1; starting it again in 0.5 s",
        "up           | weak started again",
        "up           | weak ended with exit code 1; starting it again in 1 s",
    ]
    assert any("ZeroDivisionError" in line for line in running.lines)


def test_a_killed_child_is_named_with_its_signal(run: Run) -> None:
    running = run("""
    with Supervisor() as s:
        s.start([python("weak", "import os; print(os.getpid()); " + SLEEP, ready_line=b"up")])
        s.say("watching")
        s.watch()
    """)
    running.until("watching")  # killed before, it would have failed the start
    pid = int(running.lines[running.place("weak")].split("|")[1])
    os.kill(pid, signal.SIGKILL)
    running.until("was ended by SIGKILL; starting it again in 0.5 s")
    running.until("weak started again")


def test_a_child_that_never_gets_ready_fails_the_start(run: Run) -> None:
    running = run("""
    with Supervisor() as s:
        try:
            s.start([python("lame", "import sys; print('why'); sys.exit(3)", ready_line=b"never")])
        except StartError as error:
            s.say(f"failed: {error}")
    """)
    assert running.rest() == 0
    assert running.lines == [
        "lame         | why",
        "up           | failed: lame ended with exit code 3",
    ]


def test_once_runs_to_its_end_and_reports_a_failure(run: Run) -> None:
    running = run("""
    with Supervisor() as s:
        s.once("task", [sys.executable, "-c", "import os; print(os.environ['A'])"], {"A": "b"})
        try:
            s.once("task", [sys.executable, "-c", "import sys; sys.exit(4)"], {})
        except StartError as error:
            s.say(str(error))
    """)
    assert running.rest() == 0
    assert running.lines == ["task         | b", "up           | task ended with exit code 4"]


def test_a_signal_during_the_start_stops_what_runs(run: Run) -> None:
    running = run("""
    with Supervisor() as s:
        s.start([python("first", SLEEP, ready_line=b"up")])
        s.start([python("second", SLEEP, ready_line=b"never")])
    """)
    running.until("second       | up")
    family = tree(running.process.pid)
    assert len(family) == 3
    running.process.send_signal(signal.SIGINT)
    running.rest()
    assert "Stopped" in running.lines[-1]
    assert not alive(family)


def test_a_stubborn_child_is_killed_after_its_time(run: Run) -> None:
    running = run("""
    with Supervisor() as s:
        s.start([python("mule", STUBBORN, ready_line=b"up", stop_timeout=0.5)])
        s.say("ready")
        s.watch()
    """)
    running.until("ready")
    family = tree(running.process.pid)
    running.process.send_signal(signal.SIGTERM)
    assert running.rest() == 0
    assert "mule does not stop; killed" in running.lines[-1]
    assert not alive(family)


def test_the_second_signal_kills_hard(run: Run) -> None:
    running = run("""
    with Supervisor() as s:
        s.start([python("mule", STUBBORN, ready_line=b"up", stop_timeout=600)])
        s.say("ready")
        s.watch()
        s.say("stopping")
    """)
    running.until("ready")
    family = tree(running.process.pid)
    running.process.send_signal(signal.SIGINT)
    running.until("stopping")
    running.process.send_signal(signal.SIGINT)
    assert running.rest() == 0
    assert not alive(family)


def test_what_a_child_leaves_behind_ends_with_it(run: Run) -> None:
    running = run("""
    left = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); " + SLEEP
    with Supervisor() as s:
        s.start([Child(name="a", argv=(sys.executable, "-uc", left, SLEEP), ready_line=b"up")])
        s.say("ready")
        s.watch()
    """)
    running.until("ready")
    assert eventually(lambda: len(tree(running.process.pid)) == 3, 30)
    family = tree(running.process.pid)
    running.process.send_signal(signal.SIGTERM)
    assert running.rest() == 0
    # Nobody waits for a grandchild that was killed, and it takes a moment to go
    assert eventually(lambda: not alive(family), 10), alive(family)


def test_children_end_when_the_supervisor_is_killed(run: Run) -> None:
    running = run("""
    with Supervisor() as s:
        s.start([python("one", SLEEP, ready_line=b"up"), python("mule", STUBBORN, ready_line=b"up")])
        s.say("ready")
        s.watch()
    """)
    running.until("ready")
    family = tree(running.process.pid)
    assert len(family) == 3
    running.process.kill()
    running.process.wait()
    assert eventually(lambda: not alive(family), 10), alive(family)


def test_a_line_without_an_end_does_not_fill_our_memory(run: Run) -> None:
    running = run("""
    with Supervisor() as s:
        s.once("loud", [sys.executable, "-c", "import sys; sys.stdout.write('x' * 300_000)"], {})
    """)
    assert running.rest() == 0
    assert sum(line.count("x") for line in running.lines) == 300_000
    assert len(running.lines) > 2


def test_what_ran_well_is_back_at_once_and_what_does_not_start_waits_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    life = Life(Child(name="one", argv=("true",)))
    life._born = now[0]
    waits = []
    for lived in (0.2, 0.2, 0.2, 0.2, 30, 12, 12, 0.2, 0.2):
        now[0] += lived
        waits.append(life.crashed())
    assert waits == [0.5, 1, 2, 4, 0.5, 0.5, 0.5, 1, 2]

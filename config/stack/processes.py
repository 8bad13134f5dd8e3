"""The only list of the processes of one installation, and of the order they start and stop in.

`docs/operations.md` tells how each of them is run alone.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

from config.stack.child import Child
from config.stack.probes import dns_answers, http_answers, smtp_greets

# What config/celery.py writes once a worker takes tasks
WORKER_READY = b"worker ready"


class Settings(Protocol):
    """What of django.conf.settings matters here."""

    BASE_DIR: Path
    DATA_DIR: Path
    BIND: str
    PORT: int
    WEB_WORKERS: int
    SMTP_PORT: int
    SMTPS_PORT: int
    INBOUND_PORT: int
    SANDBOX: bool
    DNSD_ZONE: str
    DNSD_BIND: str
    DNSD_PORT: int
    EGRESS_WORKERS: int
    WORKER_HOST: str
    LOGIN_URL: str


class Stage(IntEnum):
    """Start order; the stop goes the other way, so that nothing is accepted any more first."""

    SANDBOX = 1
    WORK = 2
    DOORS = 3


_MakeProbe = Callable[[Settings, Mapping[str, str]], Callable[[], bool]]


@dataclass(frozen=True, slots=True)
class Process:
    """One line of the table. `{NAME}` in an argument stands for that setting."""

    name: str
    stage: Stage
    argv: tuple[str, ...]
    when: str = ""  # the setting that must be true
    count: str = ""  # the setting that says how many
    ready_line: bytes = b""
    probe: _MakeProbe | None = None
    stop_timeout: float = 10.0


def _manage(*command: str) -> tuple[str, ...]:
    return (sys.executable, "manage.py", *command)


def _worker(name: str, queue: str, count: str = "") -> Process:
    return Process(
        name=name,
        stage=Stage.WORK,
        argv=_manage("worker", "-Q", queue, "-n", "{process}@%h"),
        count=count,
        ready_line=WORKER_READY,
        # a task returns within 30 s, and its mail may be between the final dot and the reply
        stop_timeout=35.0,
    )


PROCESSES: tuple[Process, ...] = (
    Process(
        name="sandbox",
        stage=Stage.SANDBOX,
        argv=_manage("sandboxd"),
        when="SANDBOX",
        probe=lambda s, env: smtp_greets("127.0.0.1", int(env["SANDBOX_SMTP_PORT"])),
    ),
    Process(name="beat", stage=Stage.WORK, argv=_manage("beat", "-s", "{DATA_DIR}/run/beat")),
    _worker("urgent", "egress.urgent,egress.urgent@{WORKER_HOST}"),
    _worker("egress", "egress,egress@{WORKER_HOST}", count="EGRESS_WORKERS"),
    _worker("engagement", "engagement"),
    _worker("webhooks", "webhooks"),
    _worker("default", "default"),
    Process(
        name="web",
        stage=Stage.DOORS,
        argv=(
            *(sys.executable, "-m", "granian", "--interface", "wsgi"),
            *("config.stack.web:application", "--host", "{BIND}", "--port", "{PORT}"),
            # Each thread keeps a database connection; sends that meet share a batch at the door
            *("--workers", "{WEB_WORKERS}", "--blocking-threads", "16", "--no-ws"),
            *("--respawn-failed-workers", "--workers-kill-timeout", "5"),
        ),
        probe=lambda s, env: http_answers(s.BIND, s.PORT, s.LOGIN_URL),
    ),
    Process(
        name="dns",
        stage=Stage.DOORS,
        argv=_manage("dnsd"),
        when="DNSD_ZONE",
        probe=lambda s, env: dns_answers(s.DNSD_BIND, s.DNSD_PORT, s.DNSD_ZONE),
    ),
    Process(
        name="submission",
        stage=Stage.DOORS,
        argv=_manage("submissiond"),
        probe=lambda s, env: smtp_greets(s.BIND, s.SMTP_PORT),
    ),
    Process(
        name="inbound",
        stage=Stage.DOORS,
        argv=_manage("inboundd"),
        probe=lambda s, env: smtp_greets(s.BIND, s.INBOUND_PORT),
    ),
)


def children(
    settings: Settings,
    env: Mapping[str, str],
    *,
    stage: Stage,
    table: Sequence[Process] = PROCESSES,
) -> list[Child]:
    """The children of one stage under these settings, with `env` added to their environment."""
    return [
        _child(process, name, settings, env)
        for process in table
        if process.stage is stage and (not process.when or getattr(settings, process.when))
        for name in _names(process, settings)
    ]


def _names(process: Process, settings: Settings) -> list[str]:
    many: int = getattr(settings, process.count) if process.count else 1
    if many == 1:
        return [process.name]
    return [f"{process.name}-{number}" for number in range(1, many + 1)]


def _child(process: Process, name: str, settings: Settings, env: Mapping[str, str]) -> Child:
    values = _Values(settings, name)
    return Child(
        name=name,
        argv=tuple(part.format_map(values) for part in process.argv),
        # libpq's: so pg_stat_activity says whose each connection is
        env={"PGAPPNAME": f"postino {name}", **env},
        ready=process.probe(settings, env) if process.probe else None,
        ready_line=process.ready_line,
        stop_timeout=process.stop_timeout,
        cwd=str(settings.BASE_DIR),
    )


class _Values(dict[str, Any]):
    """Settings by name, for `str.format_map`."""

    def __init__(self, settings: Settings, process: str) -> None:
        super().__init__(process=process)
        self._settings = settings

    def __missing__(self, name: str) -> Any:
        return getattr(self._settings, name)

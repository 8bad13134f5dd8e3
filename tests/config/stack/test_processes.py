"""The table of processes, and what other commands read of a running `up`."""

import json
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest

from config import env
from config.stack import runfile
from config.stack.processes import Stage, children


@dataclass
class Settings:
    """What the table reads."""

    BASE_DIR: Path = Path("/srv/app")
    DATA_DIR: Path = Path("/srv/data")
    BIND: str = "0.0.0.0"
    PORT: int = 8123
    WEB_WORKERS: int = 3
    SMTP_PORT: int = 1
    SMTPS_PORT: int = 2
    INBOUND_PORT: int = 3
    SANDBOX: bool = False
    DNSD_ZONE: str = ""
    DNSD_BIND: str = "0.0.0.0"
    DNSD_PORT: int = 53
    EGRESS_WORKERS: int = 1
    WORKER_HOST: str = "mail1"
    LOGIN_URL: str = "/login/"


ENV = {"DATABASE_URL": "postgresql://x", "SANDBOX_SMTP_PORT": "4"}


def names(settings: Settings, stage: Stage) -> list[str]:
    return [child.name for child in children(settings, ENV, stage=stage)]


def test_what_accepts_starts_last_and_so_stops_first() -> None:
    assert names(Settings(), Stage.DOORS) == ["web", "submission", "inbound"]
    work = ["beat", "urgent", "egress", "engagement", "webhooks", "default"]
    assert names(Settings(), Stage.WORK) == work
    assert max(Stage) is Stage.DOORS


def test_our_own_dns_runs_where_it_has_a_zone() -> None:
    assert "dns" in names(Settings(DNSD_ZONE="dns.example"), Stage.DOORS)


def test_the_sandbox_runs_only_where_it_is_on() -> None:
    assert names(Settings(), Stage.SANDBOX) == []
    assert names(Settings(SANDBOX=True), Stage.SANDBOX) == ["sandbox"]


def test_as_many_egress_workers_as_were_asked_for() -> None:
    found = names(Settings(EGRESS_WORKERS=3), Stage.WORK)
    assert [name for name in found if name.startswith("egress")] == [
        "egress-1",
        "egress-2",
        "egress-3",
    ]


def test_settings_reach_the_command_lines() -> None:
    web, *_ = children(Settings(), ENV, stage=Stage.DOORS)
    line = " ".join(web.argv)
    assert "--host 0.0.0.0 --port 8123 --workers 3" in line
    assert web.env == {**ENV, "PGAPPNAME": "postino web"}
    beat, urgent, *_ = children(Settings(), ENV, stage=Stage.WORK)
    assert "/srv/data/run/beat" in beat.argv
    assert "urgent@%h" in urgent.argv
    assert not any("{" in part for process in (web, beat, urgent) for part in process.argv)


def test_each_process_names_its_database_connections() -> None:
    found = {
        child.env["PGAPPNAME"]
        for stage in Stage
        for child in children(Settings(EGRESS_WORKERS=2), ENV, stage=stage)
    }
    assert {"postino urgent", "postino egress-1", "postino egress-2", "postino web"} <= found


def test_every_queue_has_a_worker() -> None:
    queues = {
        queue
        for child in children(Settings(), ENV, stage=Stage.WORK)
        if "-Q" in child.argv
        for queue in child.argv[child.argv.index("-Q") + 1].split(",")
    }
    machine = {"egress.urgent@mail1", "egress@mail1"}  # so that a wake-up reaches every machine
    assert queues == {"egress.urgent", "egress", "engagement", "webhooks", "default"} | machine


def test_no_secret_stands_on_a_command_line() -> None:
    for stage in Stage:
        for child in children(Settings(SANDBOX=True), ENV, stage=stage):
            assert not any(ENV["DATABASE_URL"] in part for part in child.argv)


def test_others_join_only_while_it_runs(tmp_path: Path) -> None:
    with runfile.held(tmp_path):
        runfile.publish(tmp_path, {"DATABASE_URL": "postgresql://here"})
        path = tmp_path / "run" / "env.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert env.read({"DATA_DIR": str(tmp_path)})["DATABASE_URL"] == "postgresql://here"
        own = {"DATA_DIR": str(tmp_path), "DATABASE_URL": "postgresql://mine"}
        assert env.read(own)["DATABASE_URL"] == "postgresql://mine"
    assert not path.exists()


def test_what_a_killed_one_left_is_not_believed(tmp_path: Path) -> None:
    with runfile.held(tmp_path):
        pass
    (tmp_path / "run" / "env.json").write_text(json.dumps({"DATABASE_URL": "postgresql://gone"}))
    assert env.read({"DATA_DIR": str(tmp_path)})["DATABASE_URL"] == ""


def test_only_one_runs_on_a_data_dir(tmp_path: Path) -> None:
    with (
        runfile.held(tmp_path),
        pytest.raises(runfile.AlreadyRunning, match="already running"),
        runfile.held(tmp_path),
    ):
        pass
    with runfile.held(tmp_path):
        pass

"""`manage.py submissiond` as a real process: killed, told to stop, and without its database."""

import json
import os
import re
import signal
import smtplib
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from config.stack.postgres import EmbeddedPostgres
from config.stack.probes import smtp_greets
from tests.cluster import plant
from tests.installation import free_port
from tests.transactional.submission.conftest import letter

pytestmark = pytest.mark.stack
ACCOUNT = """
import json
from tests.cast import make_account
from tests.transactional.submission.conftest import make_token
token = make_token(make_account("Shop", domain="shop.example", address="127.0.0.10"))
print(json.dumps([token.username, token.password]))
"""


class Daemon:
    """submissiond on ports of its own, over a database of its own, which writes to the disk."""

    def __init__(self, directory: Path, postgres: EmbeddedPostgres) -> None:
        self.postgres = postgres
        self.port = int(free_port())
        self.ca_file = str(directory / "data" / "tls" / "smtp.crt")
        self.env = {
            **os.environ,
            "DATABASE_URL": postgres.dsn("postino"),
            "DATA_DIR": str(directory / "data"),
            "SMTP_PORT": str(self.port),
            "SMTPS_PORT": free_port(),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.username = self.password = ""

    def manage(self, *argv: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *argv],
            cwd=settings.BASE_DIR,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def prepare(self) -> None:
        told = self.manage("shell", "-v", "0", "-c", ACCOUNT)
        self.username, self.password = json.loads(told.splitlines()[-1])

    def start(self) -> None:
        argv = [sys.executable, "manage.py", "submissiond"]
        self.process = subprocess.Popen(argv, cwd=settings.BASE_DIR, env=self.env)
        greets = smtp_greets("127.0.0.1", self.port)
        deadline = time.monotonic() + 60
        while not greets():
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)

    def end(self, sig: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(sig)
        return self.process.wait(30)

    def client(self) -> smtplib.SMTP:
        client = smtplib.SMTP("127.0.0.1", self.port, timeout=30)
        client.starttls(context=ssl.create_default_context(cafile=self.ca_file))
        client.login(self.username, self.password)
        return client

    def stored(self) -> set[str]:
        with psycopg.connect(self.postgres.dsn("postino")) as session:
            rows = session.execute(
                "SELECT m.id FROM transactional_message m JOIN transactional_body b USING (id)"
                " JOIN transactional_recipient r ON r.message_id = m.id"
                " JOIN transactional_queuerow q ON q.id = r.id"
            ).fetchall()
        found = [str(row[0]) for row in rows]
        assert len(found) == len(set(found))
        return set(found)


@pytest.fixture(scope="module")
def _daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    directory = tmp_path_factory.mktemp("submissiond")
    plant(directory)
    postgres = EmbeddedPostgres(directory)
    postgres.start()
    try:
        one = Daemon(directory, postgres)
        one.prepare()
        yield one
        if one.process is not None and one.process.poll() is None:
            one.process.kill()
            one.process.wait(30)
    finally:
        postgres.destroy()


@pytest.fixture
def daemon(_daemon: Daemon) -> Daemon:
    if _daemon.process is None or _daemon.process.poll() is not None:
        _daemon.start()
    return _daemon


def send(client: smtplib.SMTP) -> tuple[int, str]:
    client.mail("b@shop.example")
    client.rcpt("reader@far.example")
    code, text = client.data(letter())
    found = re.search(r"queued as (\S+)", text.decode())
    return code, found[1] if found else text.decode()


def test_killed_again_and_again_it_loses_nothing_it_said_250_to(daemon: Daemon) -> None:
    acknowledged: list[str] = []
    done = threading.Event()

    def sender() -> None:
        while not done.is_set():
            try:
                with daemon.client() as client:
                    while not done.is_set():
                        code, text = send(client)
                        if code == 250:
                            acknowledged.append(text)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.05)

    crowd = [threading.Thread(target=sender) for _ in range(8)]
    for one in crowd:
        one.start()
    try:
        for kill in (1, 2):
            while len(acknowledged) < 60 * kill:
                time.sleep(0.01)
            daemon.end(signal.SIGKILL)
            daemon.start()
    finally:
        done.set()
        for one in crowd:
            one.join(60)
    assert len(acknowledged) >= 120
    assert set(acknowledged) <= daemon.stored()


def test_without_its_database_it_says_so_and_recovers_alone(daemon: Daemon) -> None:
    before = daemon.stored()
    client = daemon.client()
    acknowledged = [send(client)[1] for _ in range(3)]
    daemon.postgres.stop()
    for _ in range(2):
        code, text = send(client)
        assert (code, text[:5]) == (451, "4.3.0")
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        daemon.client()
    assert refused.value.smtp_code == 454
    daemon.postgres.start()
    code, text = send(client)
    assert code == 250
    with daemon.client() as fresh:
        acknowledged += [text, send(fresh)[1]]
    assert daemon.stored() - before == set(acknowledged)


def test_told_to_stop_it_takes_its_leave(daemon: Daemon) -> None:
    client = daemon.client()
    code, text = send(client)
    assert code == 250
    assert daemon.end(signal.SIGTERM) == 0
    assert client.getreply()[0] == 421
    assert text in daemon.stored()

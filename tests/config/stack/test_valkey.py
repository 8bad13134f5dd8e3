"""The embedded Valkey."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from kombu import Connection

from config.stack.valkey import EmbeddedValkey
from tests.config.stack.process_table import alive, eventually

ROOT = Path(__file__).parents[3]

HOLDER = """
import pathlib, sys, time
from config.stack.valkey import EmbeddedValkey
server = EmbeddedValkey(pathlib.Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    made = EmbeddedValkey(tmp_path / 'a "quoted" folder')
    made.start()
    yield made
    made.stop()


def test_one_url_serves_redis_and_kombu(server: EmbeddedValkey) -> None:
    client = redis.Redis.from_url(server.url)
    assert client.ping()
    assert client.config_get("save") == {"save": ""}
    with Connection(server.url) as broker:
        queue = broker.SimpleQueue("trial")
        queue.put({"n": 1})
        assert queue.get(timeout=5).payload == {"n": 1}


def test_without_the_password_nobody_gets_in(server: EmbeddedValkey) -> None:
    port = server.url.rsplit(":", 1)[1].split("/")[0]
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=int(port)).ping()
    conf = server.data_dir / "valkey" / "valkey.conf"
    assert stat.S_IMODE(conf.stat().st_mode) == 0o600


def test_a_restart_keeps_the_url(server: EmbeddedValkey) -> None:
    before = server.url
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert eventually(lambda: server.poll() is not None, 5)
    server.start()
    assert server.url == before
    assert server.answers()


def test_a_port_taken_meanwhile_is_left_for_another(server: EmbeddedValkey, tmp_path: Path) -> None:
    late = EmbeddedValkey(tmp_path / "late")
    late._port = server._port
    late.start()
    try:
        assert late._port != server._port
        assert server.answers()
        assert late.answers()
    finally:
        late.stop()


def test_it_ends_when_its_holder_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    pid = int(holder.stdout.readline())
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert eventually(lambda: not alive([pid]), 10)

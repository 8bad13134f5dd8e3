"""Content that drips holds a part of the threads, gives way to others, and stops nothing that has none."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from config.stack.bodies import Places, guarded, hang_up
from tests.installation import ROOT, free_port

SLOW = ("127.0.0.1", "127.0.0.2")


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """What was sent."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.input"].read()]


application = guarded(echo, Places(most=4, of_one=2, late=1.0))  # as granian is told below


class TestPlaces:
    def test_one_address_takes_a_part_and_all_no_more_than_there_are(self) -> None:
        places = Places(most=3, of_one=2)
        taken = [places.enter("a", patience=0) for _ in range(3)]
        assert [one is None for one in taken] == [False, False, True]
        assert places.enter("b", patience=0) is not None
        assert places.enter("c", patience=0) is None
        assert taken[0] is not None
        places.leave(taken[0])
        assert places.enter("c", patience=0) is not None

    def test_a_proxy_brings_many(self) -> None:
        places = Places(most=3, of_one=1)
        assert all(places.enter("a", many=True, patience=0) is not None for _ in range(3))

    def test_who_holds_one_for_long_is_in_the_way_only_where_there_is_no_other(self) -> None:
        now = [0.0]
        places = Places(most=2, of_one=1, late=5.0, clock=lambda: now[0])
        places.enter("a")
        now[0] = 9.0
        assert places.in_the_way() == set()
        places.enter("b")
        assert places.in_the_way() == {"a"}


@pytest.fixture
def port() -> Iterator[int]:
    """A server of eight threads."""
    number = int(free_port())
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"),
            *("tests.config.stack.test_bodies:application", "--host", "127.0.0.1"),
            *("--port", str(number), "--workers", "1", "--blocking-threads", "8"),
        ],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                assert asked(number, "GET")[0] == 200
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield number
    finally:
        process.kill()
        process.wait(20)


def asked(
    port: int, method: str, body: bytes | None = None, here: str = "127.0.0.9"
) -> tuple[int, bytes]:
    """The answer to one request from an address."""
    there = http.client.HTTPConnection("127.0.0.1", port, timeout=20, source_address=(here, 0))
    try:
        there.request(method, "/", body)
        found = there.getresponse()
        return found.status, found.read()
    finally:
        there.close()


def dripping(port: int, here: str) -> socket.socket:
    """A request whose content does not come."""
    one = socket.create_connection(("127.0.0.1", port), source_address=(here, 0))
    one.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx")
    return one


def test_dripping_content_stops_no_other_request(port: int) -> None:
    slow = [dripping(port, here) for here in SLOW * 20]
    for method in ("GET", "GET"):
        assert asked(port, method)[0] == 200
    deadline = time.monotonic() + 30
    while (answer := asked(port, "POST", b"x" * 100_000))[0] != 200:  # every place is taken
        assert answer[0] == 503 and time.monotonic() < deadline
        for one in slow:
            try:
                one.sendall(b"x")
            except OSError:
                pass  # it had to give way, or was told to come again
        time.sleep(0.1)
    assert answer[1] == b"x" * 100_000
    for one in slow:
        one.close()


def test_hanging_up_ends_what_is_served_and_nothing_that_was_opened_to_others() -> None:
    """An own server's client, and this process's connection to a database on the same address."""
    script = (
        "import socket; one = socket.create_server(('127.0.0.8', 0)); print(one.getsockname()[1], flush=True);"
        "there = one.accept()[0]; there.sendall(there.recv(1))"
    )
    with (
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as elsewhere,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        assert elsewhere.stdout is not None
        opened = socket.create_connection(("127.0.0.8", int(elsewhere.stdout.readline())))
        client = socket.create_connection(server.getsockname(), source_address=("127.0.0.8", 0))
        served = server.accept()[0]
        client.settimeout(10)
        opened.settimeout(10)
        hang_up("127.0.0.8")
        assert client.recv(1) == b""
        opened.sendall(b"x")
        assert opened.recv(1) == b"x"
        for one in (opened, client, served):
            one.close()

"""POSTs behind the guard: every way in that is known is refused at the connect, not only before it."""

import asyncio
import http.server
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from config import certificate, post
from config.post import Posted, Poster

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
HITS: list[str] = []


class Handler(http.server.BaseHTTPRequestHandler):
    """Records what it is asked; some paths misbehave."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        HITS.append(f"{self.headers['Host']} {self.path}")
        self.rfile.read(int(self.headers["Content-Length"]))
        status = int(self.path[1:]) if self.path[1:].isdigit() else 200
        if self.path == "/silent":
            time.sleep(3)
        if self.path == "/broken":
            self.connection.sendall(b"SSH-2.0-nonsense\r\n\r\n")
            self.close_connection = True
            return
        self.send_response(status)
        if status // 100 == 3:
            self.send_header("Location", "http://127.0.0.1/secret")
        self.send_header("Retry-After", "7" if status == 503 else "soon")
        self.send_header("Content-Length", "1000000000" if self.path == "/endless" else "0")
        self.end_headers()
        try:
            while self.path in ("/endless", "/drip"):
                self.wfile.write(b"x" * (65536 if self.path == "/endless" else 1))
                time.sleep(0 if self.path == "/endless" else 0.05)
        except OSError:
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    HITS.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def answers(*answers: str) -> Callable[[str], Awaitable[Sequence[str]]]:
    """A name that leads to these addresses, one answer after the other."""
    left = list(answers)

    async def resolve(_host: str) -> Sequence[str]:
        return left.pop(0).split() if len(left) > 1 else left[0].split()

    return resolve


def posted(url: str, *, resolve: Any = None, seconds: float = 5.0, **more: Any) -> Posted:
    async def run() -> Posted:
        poster = Poster(resolve=resolve or answers("127.0.0.1"), **more)
        try:
            return await poster.post(url, b"{}", {"X-Test": "1"}, seconds=seconds)
        finally:
            await poster.close()

    return asyncio.run(run())


def local(url: str, port: int, **more: Any) -> Posted:
    return posted(url, allowed=LOOPBACK, ports=frozenset({port}), **more)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://0.0.0.0/", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data", "http://10.0.0.1/", "http://172.16.0.1/",
        "http://192.168.0.1/", "http://100.64.0.1/", "http://[fd00::1]/", "http://[fe80::1]/",
        "http://[64:ff9b::7f00:1]/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/",
        "http://127.1/", "http://localhost./", "http://localhost/", "file:///etc/passwd",
        "gopher://example.com/", "http://example.com:5432/", "http://example.com:6379/",
        "http://example.com:25/", "http://user:pw@example.com/", "http://example.com:0/",
    ],
)  # fmt: skip
def test_urls_that_are_never_posted_to(url: str) -> None:
    assert posted(url) == Posted(post.FORBIDDEN)


@pytest.mark.parametrize(
    "addresses", ["127.0.0.1", "8.8.8.8 fd00::1", "fd00::1 8.8.8.8", "8.8.8.8 169.254.169.254"]
)
def test_one_private_address_of_a_name_refuses_it(addresses: str) -> None:
    assert posted("http://hook.example/", resolve=answers(addresses)) == Posted(post.FORBIDDEN)


def test_a_name_that_turns_private_is_refused_at_the_connect(port: int) -> None:
    """Rebinding: what was judged once says nothing about the next connection."""

    async def run() -> list[str]:
        allowed = (ipaddress.ip_network("127.0.0.1/32"),)
        resolve = answers("127.0.0.1", "127.0.0.2")
        poster = Poster(resolve=resolve, allowed=allowed, ports=frozenset({port}))
        found = []
        for _ in range(3):
            found.append(
                (await poster.post(f"http://a.example:{port}/", b"", {}, seconds=5)).outcome
            )
            await poster._pool._close_connections(list(poster._pool.connections))
            poster._pool._connections.clear()
        await poster.close()
        return found

    assert asyncio.run(run()) == [post.OK, post.FORBIDDEN, post.FORBIDDEN]
    assert len(HITS) == 1


def test_it_keeps_the_host_and_the_port(port: int) -> None:
    assert local(f"http://hook.example:{port}/a?b=c", port) == Posted(post.OK, 200)
    (hit,) = HITS
    assert hit == f"hook.example:{port} /a?b=c"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("201", Posted(post.OK, 201)),
        ("301", Posted(post.REDIRECT, 301)),
        ("308", Posted(post.REDIRECT, 308)),
        ("404", Posted(post.STATUS, 404)),
        ("410", Posted(post.STATUS, 410)),
        ("500", Posted(post.STATUS, 500)),
        ("503", Posted(post.STATUS, 503, 7)),
        ("broken", Posted(post.BROKEN)),
    ],
)
def test_what_a_server_says(port: int, path: str, expected: Posted) -> None:
    assert local(f"http://hook.example:{port}/{path}", port) == expected
    assert len(HITS) == 1  # no redirect is followed, nothing is tried twice


def test_a_body_without_end_is_cut_and_one_that_drips_does_not_take_the_status_back(
    port: int,
) -> None:
    assert local(f"http://hook.example:{port}/endless", port) == Posted(post.OK, 200)
    assert local(f"http://hook.example:{port}/drip", port, seconds=3.0).status == 200


def test_silence_ends(port: int) -> None:
    assert local(f"http://hook.example:{port}/silent", port, seconds=0.3) == Posted(post.TIMEOUT)


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert local(f"http://hook.example:{port}/", port) == Posted(post.UNREACHABLE)
    assert posted("http://hook.example/", resolve=answers("")) == Posted(post.NO_ADDRESS)


def test_the_next_address_is_tried_where_one_is_dead(port: int) -> None:
    found = local(f"http://hook.example:{port}/", port, resolve=answers("127.0.0.77 127.0.0.1"))
    assert found == Posted(post.OK, 200)


def test_the_certificate_must_be_the_names(tmp_path: Path) -> None:
    files = certificate.own(tmp_path, ["hook.example"])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = files.server_context().wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    port = server.server_port
    trusting = ssl.create_default_context(cafile=str(files.cert))
    try:
        right = local(f"https://hook.example:{port}/", port, context=trusting)
        other = local(f"https://other.example:{port}/", port, context=trusting)
        unknown = local(f"https://hook.example:{port}/", port)
    finally:
        server.shutdown()
        server.server_close()
    assert (right, other, unknown) == (Posted(post.OK, 200), Posted(post.TLS), Posted(post.TLS))

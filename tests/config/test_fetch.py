"""The guard against SSRF: every way in that is known is refused before a byte is sent."""

import http.server
import ipaddress
import threading
from collections.abc import Iterator

import pytest

from config import fetch
from config.addresses import is_public
from config.fetch import FetchFailed, FetchRefused, get, parts

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
HITS: list[str] = []


class Handler(http.server.BaseHTTPRequestHandler):
    """Records what it is asked; some paths misbehave."""

    def do_GET(self) -> None:
        HITS.append(f"{self.headers['Host']} {self.path}")
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1/secret")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        try:
            if self.path == "/endless":
                while True:
                    self.wfile.write(b"x" * 65536)
            self.wfile.write(b"hello")
        except OSError:
            return

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    HITS.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "fd00::1",
        "fe80::1",
        "fe80::1%eth0",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(FetchRefused):
        get("https://hook.example.com/", resolve=lambda host: [address])


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://localhost./",
        "http://localhost/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "ftp://example.com/",
        "http://example.com:5432/",
        "http://example.com:6379/",
        "http://example.com:25/",
        "http://user:pw@example.com/",
        "http://user@example.com/",
        "http://example.com:99999/",
        "http://[::1/",
        "http:///x",
        "http://exa_mple.com/",
        "//example.com/",
        "http://[fe80::1%25eth0]/",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(FetchRefused):
        get(url, resolve=lambda host: ["127.0.0.1"])


@pytest.mark.parametrize("url", ["http://example.com/a b", "http://example.com/\r\nX: y"])
def test_control_characters_are_refused(url: str) -> None:
    with pytest.raises(FetchRefused):
        parts(url)


def test_one_private_address_among_public_ones_refuses() -> None:
    with pytest.raises(FetchRefused):
        get("https://example.com/", resolve=lambda host: ["8.8.8.8", "fd00::1"])


def test_a_name_without_address_fails() -> None:
    with pytest.raises(FetchFailed, match="no address"):
        get("https://example.com/", resolve=lambda host: [])


def test_it_connects_to_the_judged_address_and_keeps_the_host(port: int) -> None:
    asked = []

    def resolve(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    url = f"http://t1.shop.example:{port}/probe?x=1"
    found = get(url, resolve=resolve, allowed=LOOPBACK, ports=frozenset({port}))
    assert (found.status, found.body) == (200, b"hello")
    assert asked == ["t1.shop.example"]  # once: a second answer could be another
    assert HITS == ["t1.shop.example /probe?x=1"]


def test_a_redirect_is_not_followed(port: int) -> None:
    url = f"http://t1.shop.example:{port}/redirect"
    ports = frozenset({port})
    found = get(url, resolve=lambda host: ["127.0.0.1"], allowed=LOOPBACK, ports=ports)
    assert found.status == 302
    assert HITS == ["t1.shop.example /redirect"]


def test_an_endless_reply_ends(port: int) -> None:
    url = f"http://t1.shop.example:{port}/endless"
    with pytest.raises(FetchFailed, match="too long"):
        get(
            url,
            resolve=lambda host: ["127.0.0.1"],
            allowed=LOOPBACK,
            ports=frozenset({port}),
        )


def test_a_slow_reply_ends(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SECONDS", 0.0)
    with pytest.raises(FetchFailed):
        get(
            f"http://t1.shop.example:{port}/",
            resolve=lambda host: ["127.0.0.1"],
            allowed=LOOPBACK,
            ports=frozenset({port}),
        )

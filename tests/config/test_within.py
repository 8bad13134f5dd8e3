"""A fetch ends in its time whatever drips: handshake, headers, 1xx answers, body; in clear and under TLS."""

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config import certificate, fetch
from config.certificate import CertificateFiles
from config.fetch import Fetched, FetchFailed

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
HOST = "slow.shop.example"
ROUNDS, PACE = 60, 0.05  # a drip of 3 s in all, each part well within what one read may take
OK = b"HTTP/1.1 200 OK\r\n"
REST = b"Content-Length: 5\r\n\r\nhello"
Answer = Callable[[socket.socket], None]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SECONDS", 0.5)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    directory: Path = tmp_path_factory.mktemp("certificate")
    return certificate.own(directory, [HOST])


@contextlib.contextmanager
def server(answer: Answer, tls: ssl.SSLContext | None) -> Iterator[int]:
    """A port that answers each connection once it has asked something."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def each() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken, _ = listening.accept()
                    threading.Thread(target=one, args=[taken], daemon=True).start()

        def one(taken: socket.socket) -> None:
            with contextlib.suppress(OSError), taken:
                talk = tls.wrap_socket(taken, server_side=True) if tls else taken
                talk.recv(4096)
                answer(talk)

        threading.Thread(target=each, daemon=True).start()
        yield int(listening.getsockname()[1])


def dripping(first: bytes, drop: bytes, last: bytes) -> Answer:
    """An answer that comes whole in the end, where somebody waits so long."""

    def answer(talk: socket.socket) -> None:
        talk.sendall(first)
        for _ in range(ROUNDS):
            time.sleep(PACE)
            talk.sendall(drop)
        talk.sendall(last)

    return answer


def asked(port: int, files: CertificateFiles, scheme: str, how: str = "get") -> Fetched | int:
    function = fetch.get if how == "get" else fetch.status
    return function(
        f"{scheme}://{HOST}:{port}/",
        resolve=lambda host: ["127.0.0.1"],
        allowed=LOOPBACK,
        ports=frozenset({port}),
        context=ssl.create_default_context(cafile=str(files.cert)),
    )


@pytest.mark.parametrize("how", ["get", "status"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "answer",
    [
        dripping(OK, b"X-Filler: x\r\n", REST),
        dripping(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", OK + REST),
        dripping(OK + b"X-Long: ", b"x", b"\r\n" + REST),
    ],
    ids=["headers", "early hints", "one header"],
)
def test_headers_that_drip_end(
    answer: Answer, scheme: str, how: str, files: CertificateFiles
) -> None:
    tls = files.server_context() if scheme == "https" else None
    with server(answer, tls) as port, pytest.raises(FetchFailed, match="too long"):
        asked(port, files, scheme, how)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_body_that_drips_ends_and_takes_no_status_back(
    scheme: str, files: CertificateFiles
) -> None:
    answer = dripping(OK + b"Content-Length: %d\r\n\r\n" % ROUNDS, b"x", b"")
    tls = files.server_context() if scheme == "https" else None
    with server(answer, tls) as port:
        with pytest.raises(FetchFailed, match="too long"):
            asked(port, files, scheme)
        assert asked(port, files, scheme, "status") == 200


def test_a_handshake_that_drips_ends(files: CertificateFiles) -> None:
    answer = dripping(b"\x16\x03\x03\x40\x00", b"\x02", b"")  # a record whose octets do not come
    with server(answer, None) as port, pytest.raises(FetchFailed, match="too long"):
        asked(port, files, "https")


def test_a_look_up_that_takes_the_time_leaves_none(files: CertificateFiles) -> None:
    came: list[bytes] = []

    def slowly(host: str) -> list[str]:
        time.sleep(0.6)
        return ["127.0.0.1"]

    with server(lambda talk: came.append(b"asked"), None) as port:
        with pytest.raises(FetchFailed, match="too long"):
            fetch.get(
                f"http://{HOST}:{port}/",
                resolve=slowly,
                allowed=LOOPBACK,
                ports=frozenset({port}),
            )
        assert came == []


@pytest.mark.parametrize("how", ["get", "status"])
def test_early_hints_without_end_are_too_many(
    how: str, files: CertificateFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "SECONDS", 30.0)  # the octets end it, not the time

    def answer(talk: socket.socket) -> None:
        while True:
            talk.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)

    with server(answer, None) as port, pytest.raises(FetchFailed, match="too long"):
        asked(port, files, "http", how)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_answer_in_time_is_read_whole(scheme: str, files: CertificateFiles) -> None:
    tls = files.server_context() if scheme == "https" else None

    def answer(talk: socket.socket) -> None:
        talk.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + REST)

    with server(answer, tls) as port:
        assert asked(port, files, scheme) == Fetched(200, b"hello")


def test_the_certificate_must_be_the_names(files: CertificateFiles) -> None:
    def answer(talk: socket.socket) -> None:
        talk.sendall(OK + REST)

    with (
        server(answer, files.server_context()) as port,
        pytest.raises(FetchFailed, match="certificate"),
    ):
        fetch.get(
            f"https://other.example:{port}/",
            resolve=lambda host: ["127.0.0.1"],
            allowed=LOOPBACK,
            ports=frozenset({port}),
            context=ssl.create_default_context(cafile=str(files.cert)),
        )

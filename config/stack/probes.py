"""The only place that asks a process whether it does its work."""

import http.client
import secrets
import socket
from collections.abc import Callable
from functools import cache
from pathlib import Path

_SECONDS = 2.0
_LOWEST = 10_000  # of the ports that we choose: below it lie those that people know by heart
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_given: set[int] = set()


def http_answers(host: str, port: int, path: str) -> Callable[[], bool]:
    """True once a GET is answered by the application (an answer of 5xx is none)."""

    def probe() -> bool:
        connection = http.client.HTTPConnection(reachable(host), port, timeout=_SECONDS)
        try:
            connection.request("GET", path, headers={"Host": "localhost"})
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return probe


def smtp_greets(host: str, port: int) -> Callable[[], bool]:
    """True once a connection is greeted with 220 (RFC 5321, 3.1)."""

    def probe() -> bool:
        try:
            with socket.create_connection((reachable(host), port), timeout=_SECONDS) as peer:
                greeted = peer.recv(512).startswith(b"220")
                peer.sendall(b"QUIT\r\n")
                return greeted
        except OSError:
            return False

    return probe


def dns_answers(host: str, port: int, zone: str) -> Callable[[], bool]:
    """True once the SOA of a zone is answered over UDP (RFC 1035 §4.1)."""
    labels = b"".join(bytes([len(x)]) + x.encode() for x in zone.rstrip(".").split("."))
    query = b"\x50\x6f\0\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\6\0\1"

    def probe() -> bool:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(_SECONDS)
            try:
                client.sendto(query, (reachable(host), port))
                reply = client.recv(512)
            except OSError:
                return False
        return reply[:2] == query[:2] and reply[3] & 15 == 0 and reply[7] > 0

    return probe


def reachable(host: str) -> str:
    """The address under which a server bound to `host` is reached from here."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def port_taken(host: str, port: int, *, udp: bool = False) -> bool:
    """Whether somebody else already listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as trial:
        if not udp:  # else the connections a predecessor closed would count as a listener
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError:
            return True
    return False


def free_port(host: str) -> int:
    """A port that is free for TCP and UDP at the moment; never the same twice.

    It lies outside the range from which connections on their way out get theirs: one of those may
    have it before its server is started, or while that is started again.
    """
    while True:
        port = secrets.choice(_quiet())
        if port in _given or port_taken(host, port) or port_taken(host, port, udp=True):
            continue
        _given.add(port)
        return port


@cache
def _quiet() -> range:
    """The ports that the kernel gives to nobody by itself."""
    try:
        first, last = (int(word) for word in _EPHEMERAL.read_text().split())
    except (OSError, ValueError):  # not Linux: what IANA calls dynamic
        first, last = 49_152, 65_535
    found = max(range(_LOWEST, first), range(last + 1, 65_536), key=len)
    # A kernel that gives out nearly all: any of them, then
    return found if len(found) > 1000 else range(_LOWEST, 65_536)

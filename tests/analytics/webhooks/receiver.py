"""A real HTTP receiver that writes down what it gets, and answers as a test says."""

import http.server
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Answer = int | Callable[["Hit"], int]


@dataclass(frozen=True)
class Hit:
    """One POST: its path, its headers in lower case, its body, when it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    number: int

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    """`answer` is a status, or a function of the hit that gives one; `reply` its body and headers."""

    def __init__(self, port: int = 0) -> None:
        self.answer: Answer = 200
        self.reply = b"thanks"
        self.more: dict[str, str] = {}
        self.hits: list[Hit] = []
        self.connections: Counter[tuple[str, int]] = Counter()
        self._lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._serve(self)

            def log_message(self, *args: object) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def _serve(self, request: http.server.BaseHTTPRequestHandler) -> None:
        wanted = int(request.headers["Content-Length"])
        body = request.rfile.read(wanted)
        if (
            len(body) < wanted
        ):  # its sender was killed, or gave up: nothing that an endpoint acts on
            request.close_connection = True
            return
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self._lock:
            hit = Hit(request.path, headers, body, time.monotonic(), len(self.hits) + 1)
            self.hits.append(hit)
            self.connections[request.client_address[:2]] += 1
        status = self.answer(hit) if callable(self.answer) else self.answer
        try:
            request.send_response(status)
            for name, value in self.more.items():
                request.send_header(name, value)
            request.send_header("Content-Length", str(len(self.reply)))
            request.end_headers()
            request.wfile.write(self.reply)
        except OSError:
            request.close_connection = True

    def url(self, host: str = "hook.example", path: str = "/events") -> str:
        return f"http://{host}:{self.port}{path}"

    def tries(self) -> Counter[str]:
        """How often each event came."""
        with self._lock:
            return Counter(hit.id for hit in self.hits)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

"""Targets to scrape on the loopback interface: well-behaved, and as bad as they come."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Misbehave = Callable[[socket.socket, threading.Event], None]


class Exporter(ThreadingHTTPServer):
    """Answers every GET with what `body`, `content_type`, `status` and `headers` are at that moment."""

    daemon_threads = True

    def __init__(self, body: str = "", content_type: str | None = TEXT, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = body.encode()
        self.content_type = content_type
        self.status = status
        self.headers: dict[str, str] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._changed = threading.Condition()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}/metrics"

    def note(self, path: str, headers: dict[str, str]) -> None:
        with self._changed:
            self.requests.append((path, headers))
            self._changed.notify_all()

    def wait_for_requests(self, count: int, timeout: float = 20) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requests) >= count, timeout), "nobody asked"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        exporter = self.server
        assert isinstance(exporter, Exporter)
        exporter.note(self.path, dict(self.headers))
        self.send_response(exporter.status)
        if exporter.content_type is not None:
            self.send_header("Content-Type", exporter.content_type)
        for header in {"Content-Length": str(len(exporter.body)), **exporter.headers}.items():
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(exporter.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives it
        """Test output stays readable."""


@contextmanager
def exporting(body: str = "", content_type: str | None = TEXT, status: int = 200) -> Iterator[Exporter]:
    with Exporter(body, content_type, status) as exporter:
        thread = threading.Thread(target=exporter.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield exporter
        finally:
            exporter.shutdown()
            thread.join()


@contextmanager
def misbehaving(misbehave: Misbehave) -> Iterator[str]:
    """The URL of a server that treats each connection, after its request, as it is told, until the event is set."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.02)
        thread = threading.Thread(target=_accept, args=(server, misbehave, over))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/metrics"
        finally:
            over.set()
            thread.join()


def _accept(server: socket.socket, misbehave: Misbehave, over: threading.Event) -> None:
    while not over.is_set():
        with suppress(TimeoutError):
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.settimeout(10)
                connection.recv(65536)
                misbehave(connection, over)


def endless_body(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while not over.is_set():
        connection.sendall(b"a 1\n" * 10_000)


def endless_head(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.is_set():
        connection.sendall(b"X-More: yes\r\n" * 1000)


def dripping_body(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    _drip(connection, over)


def dripping_head(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    _drip(connection, over)


def silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(30)


def vanishing(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nrequests_total 12\n")


def babbling(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


def _drip(connection: socket.socket, over: threading.Event) -> None:
    while not over.wait(0.02):
        connection.sendall(b"a")

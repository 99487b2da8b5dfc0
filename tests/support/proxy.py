"""A reverse proxy with a guard, in front of a real server, as an ingress or a gateway is."""

from __future__ import annotations

import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Guard = Callable[[Mapping[str, str]], int | None]
"""Given the headers of a request: the status to refuse it with, or None to let it in."""


@dataclass
class Proxy:
    """What runs: its address, how many requests came, and the guard, which may be exchanged while it runs."""

    url: str
    guard: Guard
    requests: list[Mapping[str, str]] = field(default_factory=list)


@contextmanager
def proxy(upstream: str, guard: Guard = lambda _: None, *, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """Passes POST requests on to the upstream address, if the guard lets them in."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = dict(self.headers.items())
            handle.requests.append(headers)
            refused = handle.guard(headers)
            status, answer = (refused, b"no") if refused else _pass_on(upstream + self.path, body)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", upstream + self.path)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    handle = Proxy(f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}", guard)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield handle
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _pass_on(url: str, body: bytes) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, data=body, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()

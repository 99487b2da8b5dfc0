"""A way to an API server on which single requests are held: as they come, or with their answers under way.

What is held is known to have got so far and no further, so that whoever sent it can be killed at just that step.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

_PASSED_ON = ("Authorization", "Content-Type", "Accept")
WITHIN_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    body: str


@dataclass
class Hold:
    """is_answered: what is wanted reaches the server, and its answer is held. is_dropped: it goes no further."""

    wanted: Callable[[Asked], bool]
    is_answered: bool
    is_dropped: bool = False
    _came: threading.Event = field(default_factory=threading.Event)
    _gone: threading.Event = field(default_factory=threading.Event)

    def until_held(self) -> None:
        assert self._came.wait(WITHIN_SECONDS), "it did not come to that"

    def release(self) -> None:
        """It goes on, and so does everything that comes after it."""
        self._gone.set()

    def drop(self) -> None:
        """It is as if it had been lost on its way; what comes after it goes on."""
        self.is_dropped = True
        self._gone.set()

    def stop(self) -> None:
        self._came.set()
        self._gone.wait(WITHIN_SECONDS)


@dataclass
class Way:
    """url: where to ask instead of the server itself."""

    url: str
    _holds: list[Hold] = field(default_factory=list)

    def hold(self, wanted: Callable[[Asked], bool], *, answered: bool = False) -> Hold:
        """Every request that is wanted, until it is released or dropped."""
        hold = Hold(wanted, answered)
        self._holds.append(hold)
        return hold

    def end(self) -> None:
        """Nothing is held any more."""
        for hold in self._holds:
            hold.drop()

    def held(self, asked: Asked) -> Hold | None:
        return next((hold for hold in self._holds if not hold._gone.is_set() and hold.wanted(asked)), None)


@contextmanager
def way_to(upstream: str, certificate: Path) -> Iterator[Way]:
    """To a server over TLS; by plain HTTP up to here."""
    trusted = ssl.create_default_context(cafile=str(certificate))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def do_PUT(self) -> None:
            self._pass_on()

        def do_PATCH(self) -> None:
            self._pass_on()

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, body.decode())
            hold = way.held(asked)
            if hold and not hold.is_answered:
                hold.stop()
                if hold.is_dropped:
                    return
            headers = {name: self.headers[name] for name in _PASSED_ON if self.headers[name]}
            with httpx.Client(verify=trusted, timeout=60) as client:
                answer = client.request(self.command, upstream + self.path, content=body, headers=headers)
            if hold and hold.is_answered:
                hold.stop()
                if hold.is_dropped:
                    return
            self._answer(answer)

        def _answer(self, answer: httpx.Response) -> None:
            try:
                self.send_response(answer.status_code)
                self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)
            except OSError:  # whoever asked has given up, or was killed
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    way = Way(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield way
    finally:
        way.end()
        server.shutdown()
        thread.join()
        server.server_close()

"""An ASGI app on a real socket, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop
from starlette.types import ASGIApp

from slo.http.protocol import ConnectionLimits
from slo.http.server import listen, make_server, url_of
from slo.http.tls import ReloadingTLS


@contextmanager
def serving(app: ASGIApp, *, tls: ReloadingTLS | None = None, limits: ConnectionLimits | None = None) -> Iterator[str]:
    """The URL of the app, without the slash at the end, until the block ends."""
    listener = listen("127.0.0.1", 0)
    server = make_server(app, tls=tls, limits=limits, drain_seconds=5)

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server.serve(sockets=[listener]))

    thread = threading.Thread(target=run, name="http under test")
    thread.start()
    try:
        yield url_of(listener, tls=tls is not None).rstrip("/")
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()

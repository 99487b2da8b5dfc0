"""uvicorn's protocol, with what it lacks against callers that are slow or large on purpose, and their certificates.

uvicorn waits for ever for the rest of a request, and lets its head be of any size.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from slo.http.problem import MEDIA_TYPE, ProblemError, problem_body, problem_response
from slo.http.tls import peer_name


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """head_seconds: from the first byte (or the connection) to the end of the head; request_seconds: to the end of the
    body; answer_seconds: how long a caller may take none of its answer; head_bytes: the request line and headers."""

    connections: int = 1000
    head_seconds: float = 10.0
    request_seconds: float = 30.0
    answer_seconds: float = 30.0
    target_bytes: int = 8192
    head_bytes: int = 32768
    headers: int = 100


def guarded_protocol(limits: ConnectionLimits) -> type[HttpToolsProtocol]:
    """The protocol class that uvicorn makes one of for each connection."""
    return type("GuardedProtocol", (_Guarded,), {"limits": limits})


class _Guarded(HttpToolsProtocol):
    limits: ConnectionLimits

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._peer = ""
        self._in_head = self._in_body = False
        self._head_bytes = 0
        self._waiting: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        self._peer = peer_name(tls.getpeercert()) if tls else ""
        if len(self.connections) > self.limits.connections:
            self._refuse(503, "there are too many connections", "retry-after: 1\r\n")
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._waiting, self._stalled):
            if timer:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > 2 * self.limits.head_bytes:
                self._refuse(431, "the request's head is too large")
                return
        answering = self.cycle is not None and not self.cycle.response_complete
        if self._in_head or self._in_body or not answering:
            self._wait()
        elif self._waiting:
            self._waiting.cancel()
            self._waiting = None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        if self._peer:
            self.scope["slo.peer"] = self._peer  # type: ignore[typeddict-unknown-key]

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body = False, True
        problem = self._problem_of_head()
        if problem:
            app, self.app = self.app, _answering(problem)
            super().on_headers_complete()
            self.app = app
        else:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "this is not HTTP/1.1 as RFC 9112 has it")

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self.limits.answer_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stalled:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def _problem_of_head(self) -> ProblemError | None:
        size = sum(len(name) + len(value) for name, value in self.headers)
        if len(self.url) > self.limits.target_bytes:
            return ProblemError(414, f"the request target is over {self.limits.target_bytes} bytes")
        if size > self.limits.head_bytes or len(self.headers) > self.limits.headers:
            detail = f"over {self.limits.headers} headers, or {self.limits.head_bytes} bytes of them"
            return ProblemError(431, detail, {"Connection": "close"})
        return None

    def _wait(self) -> None:
        """For the rest of what is coming; a timer that runs already goes on running."""
        if self._waiting is None:
            self._waiting = self.loop.call_later(self.limits.head_seconds, self._waited, self.limits.head_seconds)

    def _waited(self, seconds: float) -> None:
        left = self.limits.request_seconds - seconds
        if self._in_body and left > 0:
            self._waiting = self.loop.call_later(left, self._waited, self.limits.request_seconds)
            return
        self._waiting = None
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and not self._in_body:
            return
        self._refuse(408, "the request took too long to arrive")

    def _refuse(self, status: int, detail: str, header: str = "") -> None:
        """An answer to what is no request yet, and the end of the connection."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = problem_body(status, detail)
            head = f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n{header}connection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()


def _answering(problem: ProblemError) -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await problem_response(problem)(scope, receive, send)

    return app

"""The outermost layer: every request gets an id, an answer in our form, safe headers, and is counted and logged."""

from __future__ import annotations

import itertools
import logging
import re
import secrets
import time
from collections.abc import Iterable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slo.http.counters import Requests
from slo.http.problem import problem_of, problem_response

_LOG = logging.getLogger("slo.http")
_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SLOW_SECONDS = 1.0
_GONE = 499
"""What the log says of a caller that left before it was answered."""

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
"""Set where the answer does not set them itself."""


class WatchLayer:
    """access_log: log every request; else only what changed something, went wrong or was slow."""

    def __init__(self, app: ASGIApp, requests: Requests, *, access_log: bool = False) -> None:
        self._app = app
        self._requests = requests
        self._access_log = access_log
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        if method == "HEAD":  # the server leaves the body out
            scope = {**scope, "method": "GET"}
        request_id = scope["slo.request_id"] = self._id(scope["headers"])
        answer = _Answer(send, request_id)
        started = time.perf_counter()
        try:
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = _GONE
        except Exception as error:
            problem = problem_of(error)
            if problem.status == 500:
                _LOG.exception("request failed", extra={"fields": {"request_id": request_id}})
            if answer.status:  # half of the answer is out: only cutting it off says that it is not whole
                raise
            await problem_response(problem, request_id)(scope, receive, answer.send)
        finally:
            self._note(scope, method, answer.status, time.perf_counter() - started)

    def _id(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        for name, value in headers:
            if name == b"x-request-id" and _GIVEN_ID.fullmatch(value):
                return value.decode()
        return f"{self._prefix}-{next(self._numbers):x}"

    def _note(self, scope: Scope, method: str, status: int, seconds: float) -> None:
        route = str(scope.get("slo.route") or getattr(scope.get("route"), "path", "none"))
        self._requests.count(route, method, status, seconds)
        if self._access_log or status >= 500 or status in (401, 429) or method != "GET" or seconds > _SLOW_SECONDS:
            caller = scope.get("slo.caller")
            fields = {
                "request_id": scope["slo.request_id"],
                "method": method,
                "path": scope["path"][:200],
                "status": status,
                "milliseconds": round(seconds * 1000, 2),
                "caller": caller.label if caller else "",
            }
            _LOG.log(logging.WARNING if status >= 500 else logging.INFO, "request", extra={"fields": fields})


class _Answer:
    """Passes an answer on with our headers, and remembers its status; 0 before there is one."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            present = {name for name, _ in headers}
            headers += [pair for pair in _HEADERS if pair[0] not in present]
            headers.append((b"x-request-id", self._request_id.encode()))
            message["headers"] = headers
        await self._send(message)

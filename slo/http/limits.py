"""What a request may look like before anyone looks at what it asks for."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slo.http.problem import ProblemError, bad_request
from slo.http.roles import Caller

MAX_BODY_BYTES = 1 << 20
MAX_ADMISSION_BYTES = 3 << 20
"""The API server sends objects of up to 1.5 MB of etcd, old and new."""
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
PROBES = frozenset({"/healthz", "/readyz"})
"""A kubelet asks by the pod's address; what these say is no secret."""

_HOST = re.compile(rb"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_MAX_CALLERS = 10_000


class HostLayer:
    """Refuses names that are not ours, or a page elsewhere could have a browser ask us under its own name.

    allowed: exact names, or `*.example.com`. The address that a connection came in at is always one of them: what is
    asked by number has not been misled by a name.
    """

    def __init__(self, app: ASGIApp, allowed: Iterable[str]) -> None:
        self._app = app
        names = [name.lower() for name in allowed]
        self._names = frozenset(name.encode() for name in names if not name.startswith("*."))
        self._suffixes = tuple(name[1:].encode() for name in names if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] not in PROBES:
            self._check(scope)
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if match is None:
            raise bad_request("a request has one Host header, with a name and perhaps a port")
        name = match["name"].lower()
        if name not in self._names and not name.endswith(self._suffixes) and not _is_own_address(name, scope):
            raise ProblemError(421, "this service does not answer to that name; --allowed-host makes it do so")


class BodyLayer:
    """Refuses bodies over the limit as soon as that is known, and what a form on another site could send."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        limit = MAX_ADMISSION_BYTES if scope["path"].startswith("/admission/") else MAX_BODY_BYTES
        headers = dict(scope["headers"])
        _check_origin(headers)
        length = headers.get(b"content-length", b"0")
        if int(length) > limit:
            raise _too_large(limit)
        await self._app(scope, _limited(receive, limit), send)


class WriteLimit:
    """So many recorded requests a second for each caller, and as many again at once. Raises the 429 of more."""

    def __init__(self, per_second: float, *, now_seconds: Callable[[], float]) -> None:
        self._rate = per_second
        self._burst = max(1.0, 2 * per_second)
        self._now = now_seconds
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: Caller) -> None:
        """One request of the caller."""
        now = self._now()
        left, since = self._left.pop(caller.label, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        self._left[caller.label] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > _MAX_CALLERS:
            self._left.popitem(last=False)
        if left < 1:
            wait = str(max(1, round((1 - left) / self._rate)))
            raise ProblemError(429, "too many recorded requests of this caller at once", {"Retry-After": wait})


def _is_own_address(name: bytes, scope: Scope) -> bool:
    server = scope.get("server") or ("",)
    return name.strip(b"[]") == str(server[0]).encode()


def _check_origin(headers: dict[bytes, bytes]) -> None:
    """A browser that was told a password sends it along with forms of other sites, but not with JSON of them."""
    if headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin"):
        raise ProblemError(400, "what changes something here cannot be sent from another site")
    kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    empty = headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers
    if kind != b"application/json" and not (empty and not kind):
        raise ProblemError(415, "send JSON, with Content-Type: application/json")


def _limited(receive: Receive, limit: int) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(limit)
        return message

    return counted


def _too_large(limit: int) -> ProblemError:
    return ProblemError(413, f"the body is over {limit} bytes", {"Connection": "close"})

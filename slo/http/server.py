"""uvicorn as this service runs it: fast parts, no words about itself, our guard on every connection."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from slo.errors import UsageError
from slo.http.protocol import ConnectionLimits, guarded_protocol
from slo.http.tls import ReloadingTLS

_BACKLOG = 1024


class Server(uvicorn.Server):
    """Leaves signals to whoever runs it, who sets `should_exit`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def make_server(
    app: ASGIApp, *, tls: ReloadingTLS | None = None, limits: ConnectionLimits | None = None, drain_seconds: int = 10
) -> Server:
    """A server to be given listening sockets. drain_seconds: what requests under way have at the end."""

    def context(_config: uvicorn.Config, _default: object) -> ssl.SSLContext:
        assert tls is not None
        return tls.context

    return Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http=guarded_protocol(limits or ConnectionLimits()),
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=drain_seconds,
            ssl_context_factory=context if tls else None,
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UsageError that says why there is none."""
    with contextlib.ExitStack() as opened:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            listener = opened.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as error:
            raise UsageError(f"--host {host} --port {port}: cannot listen there: {error.strerror or error}") from None
        opened.pop_all()
        return listener


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it; a name other than localhost may be anywhere."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url_of(listener: socket.socket, *, tls: bool) -> str:
    """The address for people."""
    host, port = listener.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    return f"http{'s' if tls else ''}://{name}:{port}/"

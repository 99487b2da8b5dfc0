"""The layers around the routes, outermost first: watch, host, body, caller."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp

from slo.http.auth import Authentication, AuthenticationLayer
from slo.http.counters import Requests
from slo.http.limits import BodyLayer, HostLayer
from slo.http.watch import WatchLayer


def guarded(
    app: ASGIApp,
    authentication: Authentication,
    *,
    requests: Requests,
    allowed_hosts: Iterable[str],
    access_log: bool = False,
) -> ASGIApp:
    """The app as the outside sees it. Layers that raise do so below the watch, which answers in one form."""
    inner = BodyLayer(AuthenticationLayer(app, authentication))
    return WatchLayer(HostLayer(inner, allowed_hosts), requests, access_log=access_log)

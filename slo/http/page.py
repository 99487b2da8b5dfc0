"""The page for people: its routes, over what the service holds in memory."""

from __future__ import annotations

import gzip
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Annotated, Protocol

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from slo.decision import Decision
from slo.http.assets import assets, version
from slo.http.cards import Health, health
from slo.http.objective_page import RecentDecision, render_missing, render_objective
from slo.http.overview import render_overview
from slo.http.selection import Query as Asked
from slo.objective import group_id
from slo.serving.views import CollectorStatus, ObjectiveView, Row

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
_KEPT_PAGES = 32
_KEPT_SECONDS = 5
"""Readers who come within that time of each other share a page: its ages are that much too young at most."""


class PageData(Protocol):
    """What the page asks of the service, on its loop; only `recent`, which may read the record, in a thread."""

    def now(self) -> datetime: ...

    def figures_at(self) -> datetime | None:
        """The time of the figures; None before the first cycle."""

    def rows(self) -> Sequence[Row]: ...

    def view(self, slo: str) -> ObjectiveView | None: ...

    def status(self) -> CollectorStatus | None:
        """The lag as it is now; None before the first cycle."""

    def decisions(self, slo: str | None) -> Sequence[Decision]:
        """Every gate's current decision; of an objective, those of the gates that ask about it, on it alone."""

    def recent(self, slo: str) -> Sequence[RecentDecision]:
        """The last changes of decisions about an objective, newest first."""


def page_routes(data: PageData) -> APIRouter:
    """GET `/`, `/slo/{service}/{name}` and the files that they need.

    What is in memory is looked up here, in one piece of one loop; rendering, which takes milliseconds in which a gate
    must be able to answer, is done in a thread.
    """
    router = APIRouter(include_in_schema=False)
    kept = _Kept()

    @router.get("/")
    async def overview(request: Request) -> Response:
        asked, now = Asked.of(request.query_params), data.now()
        render = partial(render_overview, data.rows(), data.decisions(None), _health(data, now), asked)
        key = (asked, data.figures_at(), int(now.timestamp()) // _KEPT_SECONDS)
        return _page(request, await run_in_threadpool(kept.page, key, render))

    @router.get("/slo/{service}/{name}")
    async def objective(
        request: Request, service: str, name: str, group: Annotated[list[str] | None, Query()] = None
    ) -> Response:
        picked = tuple((label, value) for label, _, value in (one.partition("=") for one in group or ()))
        slo, shown = group_id(f"{service}/{name}", picked), _health(data, data.now())
        view = data.view(slo)
        decisions = data.decisions(slo) if view is not None else ()

        def render() -> bytes:
            if view is None:
                return gzip.compress(render_missing(slo, shown).encode(), 1)
            return gzip.compress(render_objective(view, decisions, data.recent(slo), shown).encode(), 1)

        return _page(request, await run_in_threadpool(render), status=404 if view is None else 200)

    @router.get("/static/{name}")
    async def static(request: Request, name: str) -> Response:
        asset = assets().get(name)
        if asset is None:
            return Response(status_code=404)
        # A browser that asks for this very version need never ask again.
        asked_for = request.query_params.get("v") == version()
        caching = "public, max-age=31536000, immutable" if asked_for else "no-cache"
        return Response(asset.content, media_type=asset.media_type, headers={"Cache-Control": caching} | _SECURITY)

    return router


_SECURITY = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class _Kept:
    """The last overviews, compressed: many readers at once, or one who reloads, cost one rendering."""

    def __init__(self) -> None:
        self._pages: OrderedDict[object, bytes] = OrderedDict()
        self._lock = Lock()

    def page(self, key: object, render: Callable[[], str]) -> bytes:
        with self._lock:
            found = self._pages.get(key)
            if found is None:
                found = self._pages[key] = gzip.compress(render().encode(), 1)
                while len(self._pages) > _KEPT_PAGES:
                    self._pages.popitem(last=False)
            return found


def _health(data: PageData, now: datetime) -> Health:
    return health(data.status(), data.figures_at(), now)


def _page(request: Request, compressed: bytes, *, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"} | _SECURITY
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        compressed = gzip.decompress(compressed)
    return Response(compressed, status_code=status, media_type="text/html; charset=utf-8", headers=headers)

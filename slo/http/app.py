"""The app: every route behind every guard."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Any

import orjson
from fastapi import Depends, FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from slo.http import admission_route, budget_routes, correction_routes, gate_routes, health_routes, record_routes
from slo.http.described import SCHEMAS
from slo.http.page import page_routes
from slo.http.page_data import ServicePage
from slo.http.problem import ProblemError
from slo.http.roles import Permission
from slo.http.service import Service
from slo.http.stack import guarded
from slo.http.table import Operation

_ABOUT = "Error budgets, and gates that answer whether a deploy or a chaos run may go on. See docs/service.md."


def create_app(service: Service) -> ASGIApp:
    """The whole service as one ASGI app."""
    page = _Page(title="slo", version=_version(), description=_ABOUT, openapi_url=None, docs_url=None, redoc_url=None)
    page.include_router(page_routes(ServicePage(service)), dependencies=[Depends(_reader)])
    operations = [
        *gate_routes.operations(service),
        *admission_route.operations(service),
        *health_routes.operations(service),
        *budget_routes.operations(service),
        *record_routes.operations(service),
        *correction_routes.operations(service),
    ]
    operations.append(_openapi(page, [operation.described() for operation in operations]))
    return guarded(
        _Routes(operations, page),
        service.authentication,
        requests=service.requests,
        allowed_hosts=service.rules.allowed_hosts,
        access_log=service.rules.access_log,
    )


class _Page(FastAPI):
    """FastAPI without its own answers to errors: those are the watch's, in one form."""

    def build_middleware_stack(self) -> ASGIApp:
        return AsyncExitStackMiddleware(self.router)


class _Routes:
    """Finds what answers a request: an operation, else the page."""

    def __init__(self, operations: Sequence[Operation], page: FastAPI) -> None:
        self._exact = {(one.method, one.path): one for one in operations if one.is_exact}
        self._router = Router([one.route() for one in operations], redirect_slashes=False, default=page)
        self._page = page
        page.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self._page  # routers then raise what they cannot answer
        try:
            operation = self._exact.get((scope["method"], scope["path"]))
            await (operation or self._router)(scope, receive, send)
        except HTTPException as error:
            raise self._problem(error, scope) from None

    def _problem(self, error: HTTPException, scope: Scope) -> ProblemError:
        if error.status_code == 404:
            return ProblemError(404, "there is nothing at this address; /openapi.json lists what there is")
        if error.status_code == 405:
            methods = ", ".join(sorted(self._methods(scope)))
            return ProblemError(405, f"this address answers to {methods}", {"Allow": methods})
        return ProblemError(error.status_code, str(error.detail), error.headers)

    def _methods(self, scope: Scope) -> set[str]:
        """All that this address answers to, whichever route does; the page is only read."""
        found: set[str] = set()
        for route in self._router.routes:
            if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
                found |= route.methods or set()
        return found or {"GET", "HEAD"}


async def _reader(request: Request) -> None:
    request.scope["slo.caller"].require(Permission.READ)


def _openapi(app: FastAPI, routes: Sequence[APIRoute]) -> Operation:
    document = orjson.dumps(_description(app, routes))

    async def describe(_request: Request) -> ASGIApp:
        return Response(document, media_type="application/json", headers={"Cache-Control": "no-cache"})

    return Operation(
        method="GET", path="/openapi.json", needs=Permission.ASK, handler=describe, summary="This description"
    )


def _description(app: FastAPI, routes: Sequence[APIRoute]) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=routes)
    document["components"] = {
        "schemas": SCHEMAS,
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer", "description": "A line of the tokens file is of its hash."}
        },
    }
    document["security"] = [{"token": []}]
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].setdefault("405", {"description": "There is no such method here."})
    return document


def _version() -> str:
    try:
        return metadata.version("slo")
    except metadata.PackageNotFoundError:
        return "0"

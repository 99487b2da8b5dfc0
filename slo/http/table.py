"""One route: what it needs of its caller, what answers it, and how it is described.

FastAPI describes the routes (/openapi.json); a request goes straight to its handler. FastAPI's own way there, through
validation and three exit stacks, costs more than an answer from memory does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from slo.http.roles import Permission

Handler = Callable[[Request], Awaitable[ASGIApp]]
"""Gives what sends the answer: a Response, or anything that is called as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """description: for OpenAPI, as of an operation object."""

    method: str
    path: str
    needs: Permission
    handler: Handler
    summary: str
    description: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_exact(self) -> bool:
        """Whether its path is one address, to be looked up rather than matched."""
        return "{" not in self.path

    def route(self) -> Route:
        return Route(self.path, self, methods=[self.method])

    def described(self) -> APIRoute:
        """For the description alone."""
        return APIRoute(
            self.path,
            _described,
            methods=[self.method],
            summary=self.summary,
            description=self.summary,
            operation_id=_identifier(self.method, self.path),
            openapi_extra={**self.description, **({"security": []} if self.needs is Permission.NOTHING else {})},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["slo.route"] = self.path
        scope["slo.caller"].require(self.needs)
        answer = await self.handler(Request(scope, receive))
        await answer(scope, receive, send)


def _described() -> None:
    """Stands for the handler where FastAPI looks for parameters to describe; it is never called."""


def _identifier(method: str, path: str) -> str:
    words = [word.strip("{}") for word in path.split("/") if word]
    return "_".join([method.lower(), *words])

"""Errors over HTTP: one shape (RFC 9457) and one table from our exceptions to status codes.

403 on a gate route is a decision, not an error; everything here means that no decision was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import orjson
from starlette.responses import Response

from slo.errors import LedgerError, SLOError, SourceError, UsageError

MEDIA_TYPE = "application/problem+json"
_STATUS_OF: tuple[tuple[type[SLOError], int], ...] = (
    (UsageError, 400),
    (SourceError, 503),
    (LedgerError, 503),
    (SLOError, 503),
)
_RETRY_SECONDS = 10


class ProblemError(SLOError):
    """A request that is answered with an error: its status, one clear line, and headers that belong to it."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})


def not_found(detail: str) -> ProblemError:
    return ProblemError(404, detail)


def bad_request(detail: str) -> ProblemError:
    return ProblemError(400, detail)


def unavailable(detail: str, *, retry_seconds: int = _RETRY_SECONDS) -> ProblemError:
    """No decision can be made now; when to ask again."""
    return ProblemError(503, detail, {"Retry-After": str(retry_seconds)})


def problem_of(error: Exception) -> ProblemError:
    """The one table: what our exceptions mean to a caller. Of anything else nothing is told but that it happened."""
    if isinstance(error, ProblemError):
        return error
    for kind, status in _STATUS_OF:
        if isinstance(error, kind):
            return unavailable(str(error)) if status == 503 else ProblemError(status, str(error))
    return ProblemError(500, "this is a fault of the service; its log has the request's id")


def problem_body(status: int, detail: str, request_id: str = "") -> bytes:
    """The document of RFC 9457; `request_id` finds the request in the log."""
    document: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if request_id:
        document["request_id"] = request_id
    return orjson.dumps(document)


def problem_response(problem: ProblemError, request_id: str = "") -> Response:
    return Response(
        problem_body(problem.status, str(problem), request_id),
        problem.status,
        {"Cache-Control": "no-store", **problem.headers},
        media_type=MEDIA_TYPE,
    )

"""The report: as a whole as the collector serialised it, or the parts that somebody asks for."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from slo.clock import format_time
from slo.gate import id_matches
from slo.http.asking import parameters, slo_of, takes_gzip
from slo.http.described import GROUP, SLO, in_path, responses
from slo.http.problem import bad_request, not_found
from slo.http.roles import Permission
from slo.http.service import Service
from slo.http.table import Operation
from slo.render.report_json import SCHEMA
from slo.serving.snapshot import Snapshot

_CHUNK_BYTES = 1 << 18
_WORTH_COMPRESSING_BYTES = 4096
_MOST_PATTERNS = 10


def operations(service: Service) -> Sequence[Operation]:
    async def whole(request: Request) -> ASGIApp:
        asked = parameters(request, ("slo",))
        snapshot = service.deciding.snapshot
        if "slo" in asked:
            return await asyncio.to_thread(_some, snapshot, asked["slo"], takes_gzip(request))
        etag = f"W/{snapshot.report_etag}"
        if _has(request, snapshot.report_etag):
            return Response(status_code=304, headers={"ETag": etag, **_CACHING})
        if takes_gzip(request):
            return _Large(snapshot.report_gzip, {"etag": etag, "content-encoding": "gzip"})
        return _Large(snapshot.report_json, {"etag": etag})

    async def one(request: Request) -> ASGIApp:
        slo = slo_of(request, parameters(request, ("group",)))
        snapshot = service.deciding.snapshot
        document = snapshot.objective_json(slo)
        if document is None:
            raise not_found(f"there is no objective {slo[:300]!r}")
        return Response(_head(snapshot)[:-1] + b"," + document[1:], media_type="application/json")

    return [
        Operation(
            method="GET",
            path="/budget",
            needs=Permission.READ,
            handler=whole,
            summary="The report on all objectives, or on some",
            description={
                "parameters": [SLO],
                **responses({200: ("The report.", "Report"), 304: ("It is as it was.", "")}, [404]),
            },
        ),
        Operation(
            method="GET",
            path="/budget/{service}/{name}",
            needs=Permission.READ,
            handler=one,
            summary="The report on one objective, or on one group of it",
            description={
                "parameters": [*in_path("service", "name"), GROUP],
                **responses({200: ("Its report.", "Objective")}, [404]),
            },
        ),
    ]


_CACHING = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding"}


class _Large:
    """An answer in pieces, so that a slow reader of it costs no copy of it."""

    def __init__(self, content: memoryview | bytes, headers: dict[str, str]) -> None:
        self._content = memoryview(content)
        headers = {"content-type": "application/json", "content-length": str(len(content)), **_CACHING, **headers}
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        for start in range(0, len(self._content), _CHUNK_BYTES):
            piece = bytes(self._content[start : start + _CHUNK_BYTES])
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _some(snapshot: Snapshot, patterns: Sequence[str], is_gzip: bool) -> Response:
    """Of several thousand objectives this takes a while: in a thread."""
    if len(patterns) > _MOST_PATTERNS:
        raise bad_request(f"slo: at most {_MOST_PATTERNS} in one request")
    documents = [
        snapshot.objective_json(slo)
        for slo in snapshot.objectives
        if any(id_matches(pattern, slo) for pattern in patterns)
    ]
    if not documents:
        raise not_found(f"there is no objective {' or '.join(patterns)[:300]!r}")
    body = _report(snapshot, [document for document in documents if document is not None])
    headers = dict(_CACHING)
    if is_gzip and len(body) > _WORTH_COMPRESSING_BYTES:
        body, headers = gzip.compress(body, 1, mtime=0), {**headers, "Content-Encoding": "gzip"}
    return Response(body, headers=headers, media_type="application/json")


def _report(snapshot: Snapshot, documents: Sequence[bytes]) -> bytes:
    return _head(snapshot)[:-1] + b',"objectives":[' + b",".join(documents) + b"]}\n"


def _head(snapshot: Snapshot) -> bytes:
    simulated = {"simulated": True} if snapshot.status.simulated else {}
    return orjson.dumps({"schema": SCHEMA, "at": format_time(snapshot.at), **simulated})


def _has(request: Request, etag: str) -> bool:
    """Whether the caller has this report already; compared weakly (RFC 9110, 13.1.2)."""
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or etag in [one.strip().removeprefix("W/") for one in given.split(",")]

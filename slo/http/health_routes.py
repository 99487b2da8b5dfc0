"""The service's own health: probes and metrics."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator, Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from slo.http.asking import flag, parameters, takes_gzip
from slo.http.counters import family, process_lines, sample
from slo.http.described import parameter, responses
from slo.http.roles import ROLES, Permission
from slo.http.service import Service
from slo.http.table import Operation
from slo.serving.series_text import CONTENT_TYPE


def operations(service: Service) -> Sequence[Operation]:
    async def alive(request: Request) -> ASGIApp:
        parameters(request, ())
        return _health("ok", 200, {})

    async def ready(request: Request) -> ASGIApp:
        """A service that can answer is ready, however much of it is amiss: taking it away helps nobody."""
        strict = flag(parameters(request, ("strict",)), "strict")
        problems = service.problems()
        if service.stopping:
            status = "stopping"
        elif not service.deciding.is_ready:
            status = "starting"
        else:
            status = "degraded" if any(problems.values()) else "ok"
        tells = Permission.READ in ROLES[request.scope["slo.caller"].role]
        checks = {name: _check(message, tells=tells) for name, message in problems.items()}
        is_ready = status == "ok" or (status == "degraded" and not strict)
        return _health(status, 200 if is_ready else 503, {"checks": checks})

    async def metrics(request: Request) -> ASGIApp:
        parameters(request, ())
        own = ("\n".join(await _lines(service)) + "\n").encode() + service.collector_metrics()
        headers = {"Content-Type": CONTENT_TYPE, "Vary": "Accept-Encoding"}
        content = own + (service.deciding.snapshot.metrics if service.deciding.is_ready else b"")
        if takes_gzip(request):
            # Anew for each scrape: two streams after each other (RFC 1952, 2.2) are more than some clients read.
            content = await asyncio.to_thread(gzip.compress, content, 1)
            headers["Content-Encoding"] = "gzip"
        return Response(content, headers=headers)

    return [
        Operation(
            method="GET",
            path="/healthz",
            needs=Permission.NOTHING,
            handler=alive,
            summary="Whether the process is alive",
            description=responses({200: ("It is.", "Health")}),
        ),
        Operation(
            method="GET",
            path="/readyz",
            needs=Permission.NOTHING,
            handler=ready,
            summary="Whether it can answer, and what is amiss",
            description={
                "parameters": [parameter("strict", "503 when anything is amiss", enum=["true", "false"])],
                "responses": responses({200: ("It can.", "Health")})["responses"]
                | {
                    "503": {
                        "description": "It cannot.",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}},
                    }
                },
            },
        ),
        Operation(
            method="GET",
            path="/metrics",
            needs=Permission.READ,
            handler=metrics,
            summary="Metrics for Prometheus",
            description=responses({200: ("Text exposition.", "")}, media_type="text/plain"),
        ),
    ]


def _check(message: str, *, tells: bool) -> dict[str, object]:
    """What exactly is amiss may name files and servers: that is for those who may read."""
    return {"ok": not message, **({"message": message} if message and tells else {})}


def _health(status: str, code: int, more: dict[str, object]) -> Response:
    return Response(orjson.dumps({"status": status, **more}), code, media_type="application/json")


async def _lines(service: Service) -> list[str]:
    lines = [*_gates(service)]
    if service.deciding.is_ready:
        lines += family("slo_gate_allowed", "gauge", "Whether the gate, asked as a whole, lets through: 1 or 0.")
        for given in await service.deciding.every():
            lines.append(sample("slo_gate_allowed", {"gate": given.decision.gate}, int(given.decision.allowed)))
        lines += service.chaos_runs.lines(service.deciding.snapshot)
    lines += family("slo_healthy", "gauge", "Whether a part of the service works: 1 or 0; see /readyz.")
    lines += [sample("slo_healthy", {"part": name}, int(not text)) for name, text in service.problems().items()]
    lines += service.requests.lines()
    lines += process_lines()
    return lines


def _gates(service: Service) -> Iterator[str]:
    yield from family("slo_decisions_total", "counter", "Decisions given, by gate.")
    for (gate, decision), count in sorted(service.deciding.counts.items()):
        yield sample("slo_decisions_total", {"gate": gate, "decision": decision}, count)

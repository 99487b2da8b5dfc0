"""Vetoes evaluated by the servers that they name. A server that fails makes its vetoes unknown, never quiet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from slo.errors import ServerFailedError, SLOError, SourceResponseError, SourceUnreachableError
from slo.redaction import without_password
from slo.source.prometheus_api import PrometheusApi
from slo.source.server import Server
from slo.veto import Veto, VetoFinding, failed, finding_of

_AT_ONCE = 8
_MOST_ANSWER_BYTES = 4 * 2**20


def evaluate_vetoes(
    vetoes: Sequence[Veto], servers: Mapping[str, Server], *, at: datetime, timeout_seconds: float
) -> tuple[VetoFinding, ...]:
    """What each veto says at an aware time, in their order; several are asked side by side."""
    if not vetoes:
        return ()
    with ThreadPoolExecutor(min(_AT_ONCE, len(vetoes))) as executor:
        return tuple(executor.map(lambda veto: _evaluated(veto, servers, at, timeout_seconds), vetoes))


def _evaluated(veto: Veto, servers: Mapping[str, Server], at: datetime, timeout_seconds: float) -> VetoFinding:
    server = servers.get(veto.prometheus)
    if server is None:
        missing = f"there is no server {veto.prometheus!r}" if veto.prometheus else "there is no server without a name"
        return failed(veto, f"{missing} in the settings", at=at)
    try:
        return finding_of(veto, _values(veto.query, server, at, timeout_seconds), at=at)
    except SLOError as error:
        return failed(veto, without_password(str(error)), at=at)


def _values(query: str, server: Server, at: datetime, timeout_seconds: float) -> list[float]:
    """From the first of its replicas that answers."""
    failures: list[SLOError] = []
    for url in server.urls:
        api = PrometheusApi(url, timeout_seconds=timeout_seconds, max_answer_bytes=_MOST_ANSWER_BYTES, server=server)
        try:
            data = api.post("/api/v1/query", {"query": query, "time": f"{at.timestamp():.3f}"}).get("data")
            return _numbers(data, api)
        except (SourceUnreachableError, ServerFailedError) as error:
            failures.append(error)
    raise failures[0]


def _numbers(data: Any, api: PrometheusApi) -> list[float]:
    try:
        kind, result = data["resultType"], data["result"]
        if kind == "scalar":
            return [float(result[1])]
        if kind == "vector":
            return [float(one["value"][1]) for one in result]
    except (TypeError, KeyError, IndexError, ValueError):
        pass
    raise SourceResponseError(f"{api} did not answer with numbers")

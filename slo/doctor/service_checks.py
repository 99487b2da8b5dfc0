"""What a running service says: that it works, its budgets, its gates, its page; and that dashboards can be reached."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from slo.doctor.finding import Finding, found, looked
from slo.errors import SourceResponseError
from slo.gate_server import GateServer

CHECKS = ("the service is whole", "every objective has a budget", "the page can be reached")
DASHBOARDS = ("Grafana works", "the dashboard of the error budget is there")
UID = "slo-error-budget"
"""Of the dashboard with the four panels."""
_MOST_BYTES = 64 * 2**20


def gate_check(gate: str) -> str:
    return f"the gate {gate} answers"


def service_findings(server: GateServer, gates: Sequence[str], timeout_seconds: float) -> list[Finding]:
    """Of a service that is asked with a token of the role read."""
    whole, budgets, page = CHECKS
    ask = "is it running there? SLO_TOKEN must be a token of the role read; docs/operating.md, Troubleshoot"
    return [
        looked(whole, lambda: _whole(server, whole, timeout_seconds), ask),
        looked(budgets, lambda: _budgets(server, budgets, timeout_seconds), ask),
        *(looked(gate_check(gate), partial(_gate, server, gate, timeout_seconds), ask) for gate in gates),
        looked(page, lambda: _reached(server, "/", page, timeout_seconds), ask),
    ]


def dashboard_findings(grafana: GateServer, timeout_seconds: float) -> list[Finding]:
    """Of a Grafana: what it says of its health, and what its search finds (both as its HTTP API documents them)."""
    works, there = DASHBOARDS
    cure = "deploy/grafana, or your own: docs/dashboards.md"

    def health() -> Finding:
        said = _document(grafana, "/api/health", timeout_seconds).get("database", "nothing")
        return found(works, said == "ok", f"the database of {grafana.url} is {said!s:.50}", cure)

    def search() -> Finding:
        body = grafana.get(f"/api/search?dashboardUIDs={UID}", timeout_seconds=timeout_seconds)
        rows = _parsed(body)
        if not isinstance(rows, list):
            raise SourceResponseError(f"{grafana.url} answers a search with something that is no list")
        is_there = any(isinstance(row, dict) and row.get("uid") == UID for row in rows)
        told = f"{grafana.url} has {'the' if is_there else 'no'} dashboard {UID}"
        return found(there, is_there, told, "slo dashboard FILE -o dashboards, and load them: docs/dashboards.md")

    viewer = "SLO_GRAFANA_TOKEN must be a token of a service account with the role Viewer"
    return [looked(works, health, cure), looked(there, search, viewer)]


def _whole(server: GateServer, check: str, timeout_seconds: float) -> Finding:
    health = _document(server, "/readyz", timeout_seconds)
    parts = health.get("checks")
    amiss = [
        f"{name}: {part.get('message', 'is amiss; its reason is for the role read')}"
        for name, part in sorted(parts.items() if isinstance(parts, dict) else ())
        if isinstance(part, dict) and part.get("ok") is not True
    ]
    is_whole = health.get("status") == "ok"
    told = "; ".join(amiss) or f"its status is {health.get('status')!s:.50}"
    return found(check, is_whole, told, "docs/operating.md, Troubleshoot")


def _budgets(server: GateServer, check: str, timeout_seconds: float) -> Finding:
    objectives = _document(server, "/budget", timeout_seconds).get("objectives")
    rows = [one for one in objectives if isinstance(one, dict)] if isinstance(objectives, list) else []
    without = [str(one.get("slo")) for one in rows if one.get("state") == "no_data"]
    told = f"{len(rows) - len(without)} of {len(rows)} have" + (
        f"; without: {', '.join(without[:10])}" if without else ""
    )
    cure = "slo report FILE --slo ID --prometheus URL says what its selectors find"
    return found(check, bool(rows) and not without, told, cure)


def _gate(server: GateServer, gate: str, timeout_seconds: float) -> Finding:
    decision = server.ask(gate, (), timeout_seconds=timeout_seconds)
    outcome = str(decision.get("decision"))
    reasons = decision.get("reasons")
    why = (
        reasons[0].get("message", "") if isinstance(reasons, list) and reasons and isinstance(reasons[0], dict) else ""
    )
    told = f"{outcome}{f': {why}' if why else ''}"
    cure = "it has no data to decide by: docs/operating.md, Troubleshoot"
    return found(gate_check(gate), outcome in ("allow", "warn", "deny"), told, cure)


def _reached(server: GateServer, path: str, check: str, timeout_seconds: float) -> Finding:
    body = server.get(path, timeout_seconds=timeout_seconds, most_bytes=_MOST_BYTES)
    return found(check, b"<html" in body, f"{server.url}{path}", "is a proxy in between that answers in its place?")


def _document(server: GateServer, path: str, timeout_seconds: float) -> dict[str, Any]:
    document = _parsed(server.get(path, timeout_seconds=timeout_seconds, most_bytes=_MOST_BYTES))
    if not isinstance(document, dict):
        raise SourceResponseError(f"{server.url}{path} answers something that is no JSON object")
    return document


def _parsed(body: bytes) -> Any:
    """The document of an answer, None where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None

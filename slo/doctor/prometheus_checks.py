"""What a Prometheus has of Falco, of the rules, and of the budgets."""

from __future__ import annotations

import math

from slo.doctor.finding import Finding, found, looked
from slo.errors import SourceResponseError
from slo.source.prometheus_api import PrometheusApi

CHECKS = ("Falco is heard", "the rules of the objectives are loaded", "the error budget is computed")
_FALCO = "falcosecurity_falco_version_info"
_RULES = "slo:burn_rate:1h"
_BUDGET = "slo_budget_remaining_ratio or slo:budget_remaining:ratio"


def prometheus_findings(api: PrometheusApi) -> list[Finding]:
    """By three queries."""
    falco, rules, budget = CHECKS
    reach = "give the address of the Prometheus that has the cluster's series"
    return [
        looked(
            falco, lambda: _there(api, falco, _FALCO, "deploy/falco/README.md: metrics.enabled, falcosidekick"), reach
        ),
        looked(
            rules, lambda: _there(api, rules, _RULES, "slo rules FILE -o rules, and load them: docs/rules.md"), reach
        ),
        looked(budget, lambda: _budget(api, budget), reach),
    ]


def _there(api: PrometheusApi, check: str, series: str, cure: str) -> Finding:
    values = _values(api, f"count({series})")
    return found(check, bool(values), f"{values[0]:g} series {series}" if values else f"there is no {series}", cure)


def _budget(api: PrometheusApi, check: str) -> Finding:
    values = [value for value in _values(api, _BUDGET) if not math.isnan(value)]
    what = f"{len(values)} budgets, of the lowest {min(values):.1%} is left" if values else f"there is no {_BUDGET}"
    return found(check, bool(values), what, "scrape the service's /metrics with honorLabels, or load the rules")


def _values(api: PrometheusApi, query: str) -> list[float]:
    data = api.post("/api/v1/query", {"query": query}).get("data")
    try:
        return [float(one["value"][1]) for one in data["result"]]  # type: ignore[index]
    except (TypeError, KeyError, IndexError, ValueError):
        raise SourceResponseError(f"{api} answered a query with something that is no vector") from None

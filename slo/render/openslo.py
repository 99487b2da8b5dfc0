"""Objectives as OpenSLO v1 documents; what OpenSLO cannot say stands in an annotation, as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml

from slo.objective import LatencySLI, Objective, ProbeSLI
from slo.promql.text import selector_text
from slo.selector import MatchOp, Selector
from slo.spec.dump import dump_objectives
from slo.spec.peers.openslo import EXTRA
from slo.units import format_duration
from slo.window import CalendarUnit, RollingWindow

_UNITS = {
    CalendarUnit.DAY: "1d",
    CalendarUnit.WEEK: "1w",
    CalendarUnit.MONTH: "1M",
    CalendarUnit.QUARTER: "1Q",
    CalendarUnit.YEAR: "1Y",
}
_OPS = {"<=": "lte", "<": "lt", ">=": "gte", ">": "gt"}


def render_openslo(objectives: Sequence[Objective]) -> str:
    """A document for each service and each objective."""
    services = dict.fromkeys(objective.service for objective in objectives)
    documents = [_document("Service", service, {}, {}) for service in services]
    documents += [_slo(objective) for objective in objectives]
    return yaml.dump_all(documents, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=1000)


def _slo(objective: Objective) -> dict[str, Any]:
    indicator, threshold, unsaid = _indicator(objective)
    entry: dict[str, Any] = {**threshold, "target": float(objective.target_ratio)}
    if objective.target_ratio == 1:
        entry = {**threshold, "targetPercent": 100}
    method = "Occurrences"
    if objective.time_slices:
        slices, method = objective.time_slices, "Timeslices"
        entry["timeSliceTarget"] = float(slices.target_ratio)
        entry["timeSliceWindow"] = format_duration(slices.minutes * 60)
        unsaid["empty"] = slices.empty.value
    spec = {
        "description": objective.description,
        "service": objective.service,
        "indicator": {"metadata": {"name": objective.name}, "spec": indicator},
        "timeWindow": [_window(objective)],
        "budgetingMethod": method,
        "objectives": [entry],
    }
    extra = {**_unsaid(objective), **unsaid}
    annotations = {EXTRA: json.dumps(extra, sort_keys=True)} if extra else {}
    return _document("SLO", objective.name, {"labels": dict(objective.labels), "annotations": annotations}, spec)


def _document(kind: str, name: str, metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in metadata.items() if value}
    return {"apiVersion": "openslo/v1", "kind": kind, "metadata": {"name": name, **kept}, "spec": spec}


def _indicator(objective: Objective) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The indicator, what of it OpenSLO puts beside the target, and what it cannot say."""
    sli = objective.sli
    if isinstance(sli, ProbeSLI):
        op, value = sli.comparison.value, sli.value
        said = {"op": _OPS.get(op, "gte"), "value": value}
        unsaid = {} if op in _OPS else {"good_when": f"{op} {value!r}"}
        return {"thresholdMetric": _source(selector_text(sli.series))}, said, unsaid
    if isinstance(sli, LatencySLI):
        metric, matchers = sli.histogram.metric, sli.histogram.matchers
        bucket = Selector(f"{metric}_bucket", matchers).where("le", MatchOp.EQUAL, f"{sli.threshold.normalize():f}")
        good, total = _count(bucket), _count(Selector(f"{metric}_count", matchers))
        return {"ratioMetric": {"counter": True, "good": good, "total": total}}, {}, {}
    part = {"bad": _count(sli.bad)} if sli.bad else {}
    if sli.good:
        part = {"good": _count(sli.good)}
    return {"ratioMetric": {"counter": True, **part, "total": _count(sli.total)}}, {}, {}


def _count(selector: Selector) -> dict[str, Any]:
    return _source(f"sum(rate({selector_text(selector)}[{{{{.window}}}}]))")


def _source(query: str) -> dict[str, Any]:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def _window(objective: Objective) -> dict[str, Any]:
    window = objective.window
    if not isinstance(window, RollingWindow):
        calendar = {"startTime": "2024-01-01 00:00:00", "timeZone": window.time_zone}
        return {"duration": _UNITS[window.unit], "isRolling": False, "calendar": calendar}
    minutes = window.minutes
    for unit, size in (("w", 10080), ("d", 1440), ("h", 60), ("m", 1)):
        if minutes % size == 0 and (unit != "w" or minutes // size < 4):
            return {"duration": f"{minutes // size}{unit}", "isRolling": True}
    raise AssertionError("a minute divides every window")


def _unsaid(objective: Objective) -> dict[str, Any]:
    """The keys of our own files that OpenSLO has no words for, as they are written there."""
    [document] = yaml.load_all(dump_objectives([objective]), Loader=yaml.CBaseLoader)
    [entry] = document["objectives"]
    defaults = {"min_coverage": "0.9", "min_observed": "0.1", "max_groups": "200"}
    keys = ("min_coverage", "min_observed", "max_groups", "prometheus", "group_by")
    found = {key: entry[key] for key in keys if key in entry and entry[key] != defaults.get(key)}
    alerting = {key: value for key, value in document["alerting"].items() if (key, value) != ("policy", "sre-workbook")}
    return {**found, **({"alerting": alerting} if alerting else {})}

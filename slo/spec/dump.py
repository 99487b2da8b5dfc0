"""Objectives as an objective file that reads back to equal values."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

import yaml

from slo.alert_policy import ABSENT, AlertPolicy, Notification
from slo.objective import SLI, LatencySLI, Objective, ProbeSLI
from slo.promql.text import selector_text
from slo.units import format_duration
from slo.window import RollingWindow, Window


def dump_objectives(objectives: Sequence[Objective]) -> str:
    """YAML text, one document for each run of objectives of one service and alert policy."""
    documents = [
        {"service": service, "objectives": [_entry(one) for one in run], "alerting": alerting}
        for (service, alerting), run in groupby(objectives, key=lambda one: (one.service, _alerting(one.alert_policy)))
    ]
    return yaml.dump_all(documents, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=1000)


def _alerting(policy: AlertPolicy) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "policy": policy.name,
        "runbook": policy.runbook,
        "dashboard": policy.dashboard,
        "labels": dict(policy.labels),
        "annotations": dict(policy.annotations),
        "page": _notification(policy.page, Notification()),
        "ticket": _notification(policy.ticket, Notification()),
        "absent": _notification(policy.absent, ABSENT),
        "low_traffic": "" if policy.needs_evidence else "off",
    }
    return {key: value for key, value in entry.items() if value not in ("", {})}


def _notification(one: Notification, default: Notification) -> dict[str, Any]:
    """What differs from the default."""
    entry = {
        "enabled": "true" if one.enabled else "false",
        "labels": dict(one.labels),
        "annotations": dict(one.annotations),
        "for": format_duration(one.for_minutes * 60),
        "keep_firing_for": format_duration(one.keep_firing_for_minutes * 60),
    }
    changed = {
        "enabled": one.enabled != default.enabled,
        "labels": bool(one.labels),
        "annotations": bool(one.annotations),
        "for": one.for_minutes != default.for_minutes,
        "keep_firing_for": one.keep_firing_for_minutes != default.keep_firing_for_minutes,
    }
    return {key: value for key, value in entry.items() if changed[key]}


def _entry(one: Objective) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": one.name,
        "description": one.description,
        "target": _decimal(one.target_ratio),
        "window": _window(one.window),
        "labels": dict(one.labels),
        "prometheus": one.prometheus,
        "min_coverage": _decimal(one.min_coverage_ratio),
        "min_observed": _decimal(one.min_observed_ratio),
        "max_groups": one.max_groups,
        "group_by": list(one.group_by),
        "sli": _sli(one.sli),
    }
    if one.time_slices:
        entry["time_slices"] = {
            "length": format_duration(one.time_slices.minutes * 60),
            "target": _decimal(one.time_slices.target_ratio),
            "empty": one.time_slices.empty.value,
        }
    return {key: value for key, value in entry.items() if value not in ("", {}, [])}


def _window(window: Window) -> Any:
    if isinstance(window, RollingWindow):
        return format_duration(window.minutes * 60)
    return {"calendar": window.unit.value, "time_zone": window.time_zone}


def _sli(sli: SLI) -> dict[str, Any]:
    if isinstance(sli, ProbeSLI):
        condition = f"{sli.comparison.value} {repr(sli.value).removesuffix('.0')}"
        return {"probe": {"series": selector_text(sli.series), "good_when": condition}}
    if isinstance(sli, LatencySLI):
        return {"latency": {"histogram": selector_text(sli.histogram), **_threshold(sli)}}
    numerator = {"bad": selector_text(sli.bad)} if sli.bad else {}
    if sli.good:
        numerator = {"good": selector_text(sli.good)}
    return {"ratio": {**numerator, "total": selector_text(sli.total)}}


def _threshold(sli: LatencySLI) -> dict[str, str]:
    """The bound and a unit that give the same number again; the metric's name tells which unit is meant."""
    if sli.histogram.metric.endswith(("_milliseconds", "_ms")):
        return {"threshold": f"{_decimal(sli.threshold)}ms", "unit": "milliseconds"}
    return {"threshold": f"{_decimal(sli.threshold * 1000)}ms", "unit": "seconds"}


def _decimal(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text

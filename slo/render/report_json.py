"""The report as JSON, schema `slo.report/v1`: what other programs read. Undefined values are null, never NaN."""

from __future__ import annotations

import json
from typing import Any

from slo.budget import Budget
from slo.clock import format_time
from slo.correction import AppliedCorrection
from slo.report import ObjectiveReport, Reason, Report
from slo.units import format_duration
from slo.window import datetime_of

SCHEMA = "slo.report/v1"


def render_json(report: Report) -> str:
    """The whole report, indented, with a final newline."""
    return json.dumps(report_document(report), allow_nan=False, indent=2) + "\n"


def report_document(report: Report) -> dict[str, Any]:
    """The report as plain values. `simulated` is there only for figures that describe no real service."""
    simulated = {"simulated": True} if report.simulated else {}
    return {
        "schema": SCHEMA,
        "at": format_time(report.at),
        **simulated,
        "objectives": [objective_document(entry) for entry in report.objectives],
    }


def objective_document(entry: ObjectiveReport) -> dict[str, Any]:
    """One objective, or one group of it, as plain values."""
    projected = entry.projected_budget
    return {
        "slo": entry.slo,
        "service": entry.service,
        "group": dict(entry.group),
        "target_ratio": float(entry.target_ratio),
        "window": _window(entry),
        "good_events": entry.counts.good,
        "bad_events": entry.counts.bad,
        "total_events": entry.counts.total,
        "availability_ratio": entry.availability_ratio,
        "error_ratio": entry.error_ratio,
        "budget": _budget(entry.budget),
        **({"projected_budget": _budget(projected)} if projected else {}),
        **_speeds(entry),
        "coverage_ratio": entry.coverage_ratio,
        "observed_ratio": entry.observed_ratio,
        "data_until": _time(entry.data_until) if entry.data_until is not None else None,
        "state": entry.state.value,
        "reasons": [_reason(reason) for reason in entry.reasons],
        **({"corrections": [_correction(one) for one in entry.corrections]} if entry.corrections else {}),
    }


def _window(entry: ObjectiveReport) -> dict[str, str]:
    window = {
        "kind": entry.window_kind,
        "start": _time(entry.window.start),
        "end": _time(entry.window.end),
    }
    return window | {"period_end": _time(entry.period_end)} if entry.window_kind == "calendar" else window


def _budget(budget: Budget) -> dict[str, float | None]:
    return {
        "total_events": budget.total_events,
        "consumed_ratio": budget.consumed_ratio,
        "remaining_ratio": budget.remaining_ratio,
        "total_minutes": budget.total_minutes,
        "remaining_minutes": budget.remaining_minutes,
    }


def _speeds(entry: ObjectiveReport) -> dict[str, list[dict[str, Any]]]:
    return {
        "burn_rates": [
            {
                "window": format_duration(burn.window_minutes * 60),
                "burn_rate": burn.burn_rate,
                "bad_events": burn.bad_events,
                "total_events": burn.total_events,
            }
            for burn in entry.burn_rates
        ],
        "alerts": [
            {
                "severity": alert.severity,
                "long_window": format_duration(alert.long_minutes * 60),
                "short_window": format_duration(alert.short_minutes * 60),
                "factor": alert.factor,
                "firing": alert.firing,
            }
            for alert in entry.alerts
        ],
    }


def _reason(reason: Reason) -> dict[str, str | float]:
    document: dict[str, str | float] = {
        "reason": reason.code,
        "message": reason.message,
    }
    if reason.observed is not None:
        document["observed"] = reason.observed
    if reason.threshold is not None:
        document["threshold"] = reason.threshold
    return document


def _correction(one: AppliedCorrection) -> dict[str, Any]:
    return {
        "id": one.correction.id,
        "category": one.correction.category.value,
        "reason": one.correction.reason,
        "author": one.correction.author,
        "minutes": one.minutes,
        "bad_events": one.bad_events,
        "total_events": one.total_events,
    }


def _time(minute: int) -> str:
    return format_time(datetime_of(minute))

"""The report as CSV for spreadsheets: one row for each objective or group, the same header every time."""

from __future__ import annotations

import csv
import io
import json

from slo.clock import format_time
from slo.render.text import printable
from slo.report import ObjectiveReport, Report
from slo.units import format_duration
from slo.window import datetime_of

_BURN_WINDOWS = (5, 30, 60, 120, 360, 1440, 4320)
_HEADER = (
    *(
        "slo",
        "service",
        "group",
        "target_ratio",
        "window_kind",
        "window_start",
        "window_end",
        "period_end",
    ),
    *("good_events", "bad_events", "total_events", "availability_ratio", "error_ratio"),
    *("budget_total_events", "budget_consumed_ratio", "budget_remaining_ratio"),
    *("budget_total_minutes", "budget_remaining_minutes"),
    *(f"burn_rate_{format_duration(minutes * 60)}" for minutes in _BURN_WINDOWS),
    *(
        "alerts_firing",
        "coverage_ratio",
        "observed_ratio",
        "data_until",
        "state",
        "reasons",
        "simulated",
    ),
)

Cell = str | float | None


def render_csv(report: Report) -> str:
    """A header and one row for each entry; an undefined value is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    simulated = "true" if report.simulated else "false"
    for entry in report.objectives:
        cells = (*_identity(entry), *_figures(entry), *_verdict(entry), simulated)
        writer.writerow([_safe(cell) for cell in cells])
    return text.getvalue()


def _identity(entry: ObjectiveReport) -> tuple[Cell, ...]:
    return (
        entry.slo,
        entry.service,
        json.dumps(dict(entry.group)) if entry.group else "",
        float(entry.target_ratio),
        entry.window_kind,
        _time(entry.window.start),
        _time(entry.window.end),
        _time(entry.period_end) if entry.window_kind == "calendar" else None,
    )


def _figures(entry: ObjectiveReport) -> tuple[Cell, ...]:
    counts, budget = entry.counts, entry.budget
    burn_rates = {burn.window_minutes: burn.burn_rate for burn in entry.burn_rates}
    return (
        counts.good,
        counts.bad,
        counts.total,
        entry.availability_ratio,
        entry.error_ratio,
        budget.total_events,
        budget.consumed_ratio,
        budget.remaining_ratio,
        budget.total_minutes,
        budget.remaining_minutes,
        *(burn_rates.get(minutes) for minutes in _BURN_WINDOWS),
    )


def _verdict(entry: ObjectiveReport) -> tuple[Cell, ...]:
    firing = (
        f"{alert.severity} {format_duration(alert.long_minutes * 60)}/{format_duration(alert.short_minutes * 60)}"
        for alert in entry.alerts
        if alert.firing
    )
    return (
        "; ".join(firing),
        entry.coverage_ratio,
        entry.observed_ratio,
        None if entry.data_until is None else _time(entry.data_until),
        entry.state.value,
        "; ".join(f"{reason.code}: {reason.message}" for reason in entry.reasons),
    )


def _safe(cell: Cell) -> Cell:
    """One line of text, an apostrophe before what a spreadsheet would run as a formula; numbers stay numbers."""
    if not isinstance(cell, str):
        return cell
    text = printable(cell)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _time(minute: int) -> str:
    return format_time(datetime_of(minute))

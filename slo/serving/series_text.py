"""The objectives' series for /metrics, in Prometheus' text format: exact gauges, and counters that never fall."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from slo.objective import Group, Objective
from slo.report import ObjectiveReport
from slo.serving.rows import window_text
from slo.serving.views import CollectorStatus
from slo.units import format_duration

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Totals(NamedTuple):
    """Events since the beginning of counting."""

    bad: int
    total: int


class Measurement(NamedTuple):
    """What is told of one objective, or of one group of it. totals: None where nothing was ever counted."""

    objective: Objective
    report: ObjectiveReport
    totals: Totals | None


Value = Callable[[Measurement], float | None]

_SERIES: Sequence[tuple[str, str, str, Value]] = (
    (
        "slo_availability_ratio",
        "gauge",
        "Good events by all events of the period.",
        lambda m: m.report.availability_ratio,
    ),
    (
        "slo_budget_remaining_ratio",
        "gauge",
        "Share of the budget that is left; negative once overspent.",
        lambda m: m.report.budget.remaining_ratio,
    ),
    (
        "slo_budget_remaining_minutes",
        "gauge",
        "Minutes of total outage at average traffic that are left.",
        lambda m: m.report.budget.remaining_minutes,
    ),
    (
        "slo_coverage_ratio",
        "gauge",
        "Counted share of the time since the first observation.",
        lambda m: m.report.coverage_ratio,
    ),
    ("slo_data_timestamp_seconds", "gauge", "Until when events were counted.", lambda m: _seconds(m.report.data_until)),
    (
        "slo_bad_events_total",
        "counter",
        "Bad events since the beginning of counting.",
        lambda m: m.totals and m.totals.bad,
    ),
    (
        "slo_total_events_total",
        "counter",
        "Events since the beginning of counting.",
        lambda m: m.totals and m.totals.total,
    ),
)


def series_text(measurements: Sequence[Measurement]) -> bytes:
    """Every series of every objective and group. A value that is not defined is not there."""
    labels = [_labels(one.objective, one.report.group) for one in measurements]
    labelled = list(zip(labels, measurements, strict=True))
    lines: list[str] = []
    for name, kind, text, value in _SERIES:
        lines += _head(name, kind, text)
        lines += (
            f"{name}{{{inside}}} {_number(found)}" for inside, one in labelled if (found := value(one)) is not None
        )
    lines += _head(
        "slo_burn_rate", "gauge", "Speed of budget spend over a window; 1 spends it exactly over the period."
    )
    lines += _burn_rates(labelled)
    # The target is there for objectives as a whole alone: dashboards tell them from their groups by it.
    whole = [(inside, one) for inside, one in labelled if not one.report.group]
    lines += _head("slo_target_ratio", "gauge", "The share of events that is to be good.")
    lines += (f"slo_target_ratio{{{inside}}} {_number(float(one.report.target_ratio))}" for inside, one in whole)
    lines += _head("slo_info", "gauge", "The objective in words.")
    lines += (f"slo_info{{{_labels(one.objective, (), _info(one.objective))}}} 1" for _, one in whole)
    return ("\n".join(lines) + "\n").encode()


def collector_text(status: CollectorStatus | None, made_at: datetime | None, *, is_alive: bool, restarts: int) -> bytes:
    """The collector's own series; made_at: of the snapshot that answers are given from."""
    lines = [
        *_single("slo_collector_up", "gauge", "Whether the collector's process runs.", float(is_alive)),
        *_single("slo_collector_restarts_total", "counter", "How often it had to be started anew.", restarts),
    ]
    if made_at is not None:
        text = "When what the service answers was made."
        lines += _single("slo_snapshot_timestamp_seconds", "gauge", text, made_at.timestamp())
    if status is not None:
        if status.lag_seconds is not None:
            lines += _single("slo_collector_lag_seconds", "gauge", "Age of the newest count.", status.lag_seconds)
        failures = len(status.failures)
        lines += [
            *_single("slo_collector_cycle_seconds", "gauge", "How long the last cycle took.", status.cycle_seconds),
            *_single("slo_collector_failures", "gauge", "Objectives that could not be read in it.", failures),
            *_single("slo_ledger_ok", "gauge", "Whether the ledger can be read and written.", float(status.ledger_ok)),
            *_single(
                "slo_objective_files_ok", "gauge", "Whether the objective files are in force.", float(status.files.ok)
            ),
        ]
    return ("\n".join(lines) + "\n").encode()


def _single(name: str, kind: str, text: str, value: float) -> tuple[str, str, str]:
    return *_head(name, kind, text), f"{name} {_number(value)}"


def _burn_rates(labelled: Iterable[tuple[str, Measurement]]) -> Iterator[str]:
    for inside, one in labelled:
        for burn in one.report.burn_rates:
            if burn.burn_rate is not None:
                window = format_duration(burn.window_minutes * 60)
                yield f'slo_burn_rate{{{inside},window="{window}"}} {_number(burn.burn_rate)}'


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _labels(objective: Objective, group: Group, more: dict[str, str] | None = None) -> str:
    """Inside of the braces; no name twice, whatever the objective's labels are called."""
    own = {"slo": objective.id, "slo_service": objective.service}
    labels = {**objective.labels, **dict(group), **own, **(more or {})}
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _info(objective: Objective) -> dict[str, str]:
    return {"target": f"{(objective.target_ratio * 100).normalize():f}%", "period": window_text(objective)}


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return repr(value)


def _seconds(minute: int | None) -> float | None:
    return None if minute is None else minute * 60.0

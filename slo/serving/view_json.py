"""What the page shows, as compact JSON between two processes: lists in the order of the fields."""

from __future__ import annotations

from typing import Any

import orjson

from slo.report import State
from slo.serving.views import Alert, Burn, CorrectionView, IncidentView, Note, ObjectiveView, Point, Row


def row_to_json(row: Row) -> bytes:
    return orjson.dumps(
        (
            row.slo,
            row.service,
            row.group,
            dict(row.labels),
            row.state.value,
            row.target_percent,
            row.availability_percent,
            row.window_text,
            row.remaining_ratio,
            row.remaining_minutes,
            row.total_minutes,
            row.burn_1h,
            row.burn_6h,
            row.sparkline,
            row.severity,
            row.reason,
            row.data_until,
        )
    )


def row_from_json(data: memoryview | bytes) -> Row:
    slo, service, group, labels, state, *rest = orjson.loads(data)
    target, availability, window, ratio, minutes, total, burn_1h, burn_6h, sparkline, severity, reason, until = rest
    return Row(
        slo=slo,
        service=service,
        group=tuple((name, value) for name, value in group),
        labels=labels,
        state=State(state),
        target_percent=target,
        availability_percent=availability,
        window_text=window,
        remaining_ratio=ratio,
        remaining_minutes=minutes,
        total_minutes=total,
        burn_1h=burn_1h,
        burn_6h=burn_6h,
        sparkline=tuple(sparkline),
        severity=severity,
        reason=reason,
        data_until=until,
    )


def view_to_json(view: ObjectiveView) -> bytes:
    """All but the rows, which are kept once for both."""
    return orjson.dumps(
        {
            "description": view.description,
            "runbook": view.runbook,
            "period": view.period,
            "events": (view.good_events, view.bad_events, view.total_events),
            "seen": (view.coverage_ratio, view.observed_ratio),
            "reasons": _lists(view.reasons),
            "burn_rates": _lists(view.burn_rates),
            "alerts": _lists(view.alerts),
            "burn_down": _lists(view.burn_down),
            "incidents": _lists(view.incidents),
            "more_groups": view.more_groups,
            "corrections": _lists(view.corrections),
        }
    )


def view_from_json(
    data: memoryview | bytes, row: Row, *, groups: tuple[Row, ...], gates: tuple[str, ...]
) -> ObjectiveView:
    fields: dict[str, Any] = orjson.loads(data)
    good, bad, total = fields["events"]
    coverage, observed = fields["seen"]
    start, end = fields["period"]
    return ObjectiveView(
        row=row,
        description=fields["description"],
        runbook=fields["runbook"],
        period=(start, end),
        good_events=good,
        bad_events=bad,
        total_events=total,
        coverage_ratio=coverage,
        observed_ratio=observed,
        reasons=tuple(Note(*one) for one in fields["reasons"]),
        burn_rates=tuple(Burn(*one) for one in fields["burn_rates"]),
        alerts=tuple(Alert(*one) for one in fields["alerts"]),
        burn_down=tuple(Point(*one) for one in fields["burn_down"]),
        incidents=tuple(IncidentView(*one) for one in fields["incidents"]),
        groups=groups,
        more_groups=fields["more_groups"],
        gates=gates,
        corrections=tuple(CorrectionView(*one) for one in fields["corrections"]),
    )


def _lists(values: tuple[tuple[Any, ...], ...]) -> list[list[Any]]:
    """Named tuples are no JSON to orjson."""
    return [list(one) for one in values]

"""What the page shows of one objective, from its report and its events."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nlargest
from operator import itemgetter

from slo.objective import Objective
from slo.render.figures import alert_sentence, availability_percent, target_percent
from slo.report import ObjectiveReport
from slo.reporting import Evaluation
from slo.serving.curves import burn_down, sparkline
from slo.serving.views import Alert, Burn, CorrectionView, IncidentView, Note, ObjectiveView, Point, Row
from slo.units import format_duration
from slo.window import Interval, RollingWindow

_HOUR, _SIX_HOURS = 60, 360
_MOST_CORRECTIONS = 50


def view_of(evaluation: Evaluation, incidents: tuple[IncidentView, ...] = ()) -> ObjectiveView:
    """Everything but what other objectives, gates and records say of it."""
    objective, report = evaluation.objective, evaluation.report
    points = burn_down(evaluation)
    return ObjectiveView(
        row=_row(objective, report, points),
        description=objective.description,
        runbook=objective.alert_policy.runbook,
        period=(report.window.start, report.period_end),
        good_events=report.counts.good,
        bad_events=report.counts.bad,
        total_events=report.counts.total,
        coverage_ratio=report.coverage_ratio,
        observed_ratio=report.observed_ratio,
        reasons=tuple(Note(reason.code, reason.message) for reason in report.reasons),
        burn_rates=tuple(
            Burn(one.window_minutes, one.burn_rate, one.bad_events, one.total_events) for one in report.burn_rates
        ),
        alerts=tuple(
            Alert(one.severity, one.long_minutes, one.short_minutes, one.factor, one.firing) for one in report.alerts
        ),
        burn_down=points,
        incidents=incidents,
        corrections=tuple(_corrections(report)),
    )


def window_text(objective: Objective) -> str:
    """30d, or: calendar month, Europe/Paris."""
    window = objective.window
    if isinstance(window, RollingWindow):
        return format_duration(window.minutes * 60)
    return f"calendar {window.unit.value}, {window.time_zone}"


def _corrections(report: ObjectiveReport) -> Iterator[CorrectionView]:
    """The times that do not count within the period, the last first."""
    times = [
        (inside, applied.correction)
        for applied in report.corrections
        for inside in applied.correction.within(report.window)
    ]
    for inside, one in nlargest(_MOST_CORRECTIONS, times, key=itemgetter(0)):
        yield CorrectionView(inside.start, inside.end, one.category.value, one.author, one.reason)


def _row(objective: Objective, report: ObjectiveReport, points: tuple[Point, ...]) -> Row:
    burn_rates = {one.window_minutes: one.burn_rate for one in report.burn_rates}
    return Row(
        slo=report.slo,
        service=report.service,
        group=report.group,
        labels=objective.labels,
        state=report.state,
        target_percent=target_percent(report),
        availability_percent=availability_percent(report),
        window_text=window_text(objective),
        remaining_ratio=report.budget.remaining_ratio,
        remaining_minutes=report.budget.remaining_minutes,
        total_minutes=report.budget.total_minutes,
        burn_1h=burn_rates.get(_HOUR),
        burn_6h=burn_rates.get(_SIX_HOURS),
        sparkline=sparkline(points, Interval(report.window.start, report.window.end)),
        severity=next((one.severity for one in report.alerts if one.firing), ""),
        reason=_first_to_know(report),
        data_until=report.data_until,
    )


def _first_to_know(report: ObjectiveReport) -> str:
    return alert_sentence(report) or next((reason.message for reason in report.reasons), "")

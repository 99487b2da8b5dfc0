"""From objectives and a source to the report: what to ask for, and what to do where an answer is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from slo.errors import SourceError
from slo.objective import Objective
from slo.redaction import without_password
from slo.report import ObjectiveReport, Report, evaluate, unavailable
from slo.source.protocol import Measured, Progress, Source
from slo.window import Interval, datetime_of, minute_of


def make_report(
    objectives: Sequence[Objective], source: Source, *, at: datetime, progress: Progress, simulated: bool = False
) -> Report:
    """The report on all objectives at one aware time, floored to the minute: each as a whole, then its groups.

    What the source cannot give is reported as `no_data` with the reason `source_error`, and hides nothing else.
    Raises SpecError where the data show that an objective file cannot be right, UsageError for a time without a zone.
    """
    at_minute = minute_of(at)
    evaluated_at = datetime_of(at_minute)
    measured = _measure(objectives, source, at_minute, progress) if objectives else {}
    reports = [
        report
        for objective in objectives
        for report in _reports_on(objective, measured.get(objective.id), evaluated_at)
    ]
    return Report(at=evaluated_at, objectives=tuple(reports), simulated=simulated)


def needed_interval(objective: Objective, at_minute: int) -> Interval:
    """What an evaluation looks at: the period and the longest alert window, from the beginning of a time slice."""
    longest = max(objective.alert_policy.window_minutes, default=0)
    start = min(objective.window.period(at_minute).start, at_minute - longest)
    if objective.time_slices:
        start -= start % objective.time_slices.minutes
    return Interval(start, at_minute)


def failures(report: Report) -> list[tuple[str, str]]:
    """The id and the failure of each objective whose data could not be had."""
    return [
        (entry.slo, reason.message)
        for entry in report.objectives
        for reason in entry.reasons
        if reason.code == "source_error"
    ]


def _measure(
    objectives: Sequence[Objective], source: Source, at_minute: int, progress: Progress
) -> dict[str, Measured | SourceError]:
    intervals = [needed_interval(objective, at_minute) for objective in objectives]
    try:
        return source.events(objectives, intervals, progress)
    except SourceError as error:
        return {objective.id: error for objective in objectives}


def _reports_on(
    objective: Objective, measured: Measured | SourceError | None, at: datetime
) -> Iterator[ObjectiveReport]:
    if measured is None:
        measured = SourceError("the source gave no answer for this objective")
    if isinstance(measured, SourceError):
        yield unavailable(objective, SourceError(without_password(str(measured))), at=at)
        return
    for group, events in measured.groups.items():
        yield evaluate(objective, events, at=at, group=group, reasons=measured.reasons)

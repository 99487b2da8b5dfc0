"""From objectives and a source to the report: what to ask for, and what to do where an answer is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from slo.errors import SourceError
from slo.objective import Objective
from slo.redaction import without_password
from slo.report import ObjectiveReport, Report, evaluate, needed_interval, unavailable
from slo.source.protocol import Findings, Progress, ReportSource
from slo.window import datetime_of, minute_of


def make_report(
    objectives: Sequence[Objective], source: ReportSource, *, at: datetime, progress: Progress, simulated: bool = False
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


def failures(report: Report) -> list[tuple[str, str]]:
    """The id and the failure of each objective whose data could not be had."""
    return [
        (entry.slo, reason.message)
        for entry in report.objectives
        for reason in entry.reasons
        if reason.code == "source_error"
    ]


def _measure(
    objectives: Sequence[Objective], source: ReportSource, at_minute: int, progress: Progress
) -> Mapping[str, Findings | SourceError]:
    intervals = [needed_interval(objective, at_minute) for objective in objectives]
    try:
        return source.events(objectives, intervals, progress)
    except SourceError as error:
        return {objective.id: error for objective in objectives}


def _reports_on(
    objective: Objective, measured: Findings | SourceError | None, at: datetime
) -> Iterator[ObjectiveReport]:
    if measured is None:
        measured = SourceError("the source gave no answer for this objective")
    if isinstance(measured, SourceError):
        yield unavailable(objective, SourceError(without_password(str(measured))), at=at)
        return
    for group, events in measured.groups.items():
        yield evaluate(
            objective, events, at=at, group=group, reasons=measured.reasons, corrections=measured.corrections
        )

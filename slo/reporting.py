"""From objectives and a source to the report: what to ask for, and what to do where an answer is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from slo.errors import SourceError
from slo.events import Events, EventSeries
from slo.objective import Objective
from slo.redaction import without_password
from slo.report import ObjectiveReport, Report, counted, evaluate, failure, needed_interval, unavailable
from slo.source.protocol import Findings, Progress, ReportSource
from slo.window import Interval, datetime_of, minute_of


def make_report(
    objectives: Sequence[Objective], source: ReportSource, *, at: datetime, progress: Progress, simulated: bool = False
) -> Report:
    """The report on all objectives at one aware time, floored to the minute: each as a whole, then its groups.

    What the source cannot give is reported as `no_data` with the reason `source_error`, and hides nothing else.
    Raises SpecError where the data show that an objective file cannot be right, UsageError for a time without a zone.
    """
    evaluated = evaluations(objectives, source, at=at, progress=progress)
    reports = tuple(one.report for one in evaluated)
    return Report(at=datetime_of(minute_of(at)), objectives=reports, simulated=simulated)


class Evaluation(NamedTuple):
    """The report on an objective or a group of it, the events that it is on, and those before any correction."""

    objective: Objective
    report: ObjectiveReport
    events: Events
    everything: Events


def evaluations(
    objectives: Sequence[Objective],
    source: ReportSource,
    *,
    at: datetime,
    progress: Progress,
    longest_window_minutes: int = 0,
) -> Iterator[Evaluation]:
    """As make_report, one after the other, with the events; of so many minutes, where the report needs fewer."""
    at_minute = minute_of(at)
    measured = _measure(objectives, source, at_minute, progress, longest_window_minutes) if objectives else {}
    for objective in objectives:
        yield from _evaluated(objective, measured.get(objective.id), datetime_of(at_minute))


def failures(report: Report) -> list[tuple[str, str]]:
    """The id and the failure of each objective whose data could not be had."""
    return [(entry.slo, message) for entry in report.objectives if (message := failure(entry)) is not None]


def _measure(
    objectives: Sequence[Objective], source: ReportSource, at_minute: int, progress: Progress, longest_minutes: int
) -> Mapping[str, Findings | SourceError]:
    needed = [needed_interval(objective, at_minute) for objective in objectives]
    intervals = [Interval(min(one.start, at_minute - longest_minutes), one.end) for one in needed]
    try:
        return source.events(objectives, intervals, progress)
    except SourceError as error:
        return {objective.id: error for objective in objectives}


def _evaluated(objective: Objective, measured: Findings | SourceError | None, at: datetime) -> Iterator[Evaluation]:
    if measured is None:
        measured = SourceError("the source gave no answer for this objective")
    if isinstance(measured, SourceError):
        report = unavailable(objective, SourceError(without_password(str(measured))), at=at)
        yield Evaluation(objective, report, EventSeries.empty(), EventSeries.empty())
        return
    for group, found in measured.groups.items():
        at_minute = minute_of(at)
        everything, _ = counted(objective, found, (), at_minute)
        events, _ = counted(objective, everything, measured.corrections, at_minute)
        report = evaluate(
            objective, everything, at=at, group=group, reasons=measured.reasons, corrections=measured.corrections
        )
        yield Evaluation(objective, report, events, everything)

"""The incidents that the page shows: found minute by minute, which for all objectives in each cycle would be too much.

So they are looked for where the budget has been spent at all, some objectives a cycle, those first that were looked at
longest ago.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from slo.correction import without
from slo.errors import SourceError
from slo.events import EventSeries
from slo.incident import IncidentRule, find_incidents
from slo.report import needed_interval
from slo.reporting import Evaluation
from slo.serving.views import IncidentView
from slo.source.protocol import ReportSource
from slo.time_slices import to_slices

_RULE = IncidentRule()
_MOST_SHOWN = 20
_SECONDS_A_CYCLE = 1.0
_TOGETHER = 20
"""To answer for one, a ledger reads what it knows of all objectives; the minutes of 20 months take 20 MB."""

Found = Mapping[str, tuple[IncidentView, ...]]


def incidents_of(evaluation: Evaluation, events: EventSeries) -> tuple[IncidentView, ...]:
    """The dearest incidents of the period, paid by its budget, the dearest first. events: its minutes."""
    objective, report = evaluation.objective, evaluation.report
    found = find_incidents(
        _counted(evaluation, events),
        objective.budget_ratio,
        objective.window,
        report.window,
        rule=_RULE,
        paid_by=report.window,
    )
    return tuple(
        IncidentView(one.interval.start, one.interval.end, one.bad_events, one.consumed_ratio)
        for one in found[:_MOST_SHOWN]
    )


def _counted(evaluation: Evaluation, events: EventSeries) -> EventSeries:
    """The minutes that count: in slices where the objective has them, without what its corrections leave out."""
    slices = evaluation.objective.time_slices
    if slices and not events.slice_minutes:
        events = to_slices(events, slices)
    return without(events, [one.correction for one in evaluation.report.corrections])


def may_have_any(evaluation: Evaluation) -> bool:
    """Whether enough of the budget is gone for an incident; groups have none of their own."""
    consumed = evaluation.report.budget.consumed_ratio
    return not evaluation.report.group and consumed is not None and consumed >= _RULE.least_share


class Incidents:
    """Those that were found so far. seconds: how long a cycle may look for them; some are always done."""

    def __init__(self, *, seconds: float = _SECONDS_A_CYCLE) -> None:
        self._seconds = seconds
        self._looked_at: dict[str, int] = {}
        self.found: dict[str, tuple[IncidentView, ...]] = {}

    def look(self, evaluated: Iterable[Evaluation], source: ReportSource, at_minute: int) -> None:
        """source: with the minutes of what was evaluated. Raises LedgerError."""
        begun = time.monotonic()
        asked = {one.report.slo: one for one in evaluated if may_have_any(one)}
        self._looked_at = {slo: minute for slo, minute in self._looked_at.items() if slo in asked}
        self.found = {slo: incidents for slo, incidents in self.found.items() if slo in asked}
        due = sorted(asked, key=lambda slo: self._looked_at.get(slo, -1))
        due = [slo for slo in due if self._looked_at.get(slo) != at_minute]
        for low in range(0, len(due), _TOGETHER):
            together = due[low : low + _TOGETHER]
            self._looked_at |= dict.fromkeys(together, at_minute)
            self.found |= _found([asked[slo] for slo in together], source, at_minute)
            if time.monotonic() - begun > self._seconds:
                return


def _found(evaluated: Sequence[Evaluation], source: ReportSource, at_minute: int) -> Found:
    objectives = [one.objective for one in evaluated]
    intervals = [needed_interval(one, at_minute) for one in objectives]
    measured = source.events(objectives, intervals, lambda share: None)
    found = {}
    for one in evaluated:
        answer = measured[one.objective.id]
        events = None if isinstance(answer, SourceError) else answer.groups.get(())
        found[one.report.slo] = incidents_of(one, events) if isinstance(events, EventSeries) else ()
    return found

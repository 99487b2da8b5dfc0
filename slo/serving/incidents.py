"""The incidents that the page shows: found minute by minute, which for all objectives in each cycle would be too much.

So they are looked for where the budget has been spent at all, some objectives a cycle, those first that were looked at
longest ago.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from slo.errors import SourceError
from slo.events import EventSeries
from slo.incident import IncidentRule, find_incidents
from slo.report import needed_interval
from slo.reporting import Evaluation
from slo.serving.views import IncidentView
from slo.source.protocol import ReportSource

_RULE = IncidentRule()
_MOST_SHOWN = 20
_SECONDS_A_CYCLE = 1.0

Found = Mapping[str, tuple[IncidentView, ...]]


def incidents_of(evaluation: Evaluation, events: EventSeries) -> tuple[IncidentView, ...]:
    """The dearest incidents of the period, paid by its budget, the dearest first. events: its minutes."""
    objective, report = evaluation.objective, evaluation.report
    found = find_incidents(
        events, objective.budget_ratio, objective.window, report.window, rule=_RULE, paid_by=report.window
    )
    return tuple(
        IncidentView(one.interval.start, one.interval.end, one.bad_events, one.consumed_ratio)
        for one in found[:_MOST_SHOWN]
    )


def may_have_any(evaluation: Evaluation) -> bool:
    """Whether enough of the budget is gone for an incident; groups have none of their own."""
    consumed = evaluation.report.budget.consumed_ratio
    return not evaluation.report.group and consumed is not None and consumed >= _RULE.least_share


class Incidents:
    """Those that were found so far. seconds: how long a cycle may look for them; one objective is always done."""

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
        for slo in sorted(asked, key=lambda slo: self._looked_at.get(slo, -1)):
            if self._looked_at.get(slo) == at_minute:
                continue
            self._looked_at[slo] = at_minute
            self.found[slo] = self._in(source, asked[slo], at_minute)
            if time.monotonic() - begun > self._seconds:
                return

    def _in(self, source: ReportSource, evaluation: Evaluation, at_minute: int) -> tuple[IncidentView, ...]:
        objective = evaluation.objective
        interval = needed_interval(objective, at_minute)
        measured = source.events([objective], [interval], lambda share: None)[objective.id]
        events = None if isinstance(measured, SourceError) else measured.groups.get(())
        return incidents_of(evaluation, events) if isinstance(events, EventSeries) else ()

"""A calendar month of an objective: what was promised, spent and on what, and the months before it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from slo.correction import Correction, without
from slo.errors import UsageError
from slo.events import EventSeries
from slo.incident import GroupBill, Incident, IncidentRule, bill_by_group, find_incidents
from slo.objective import Group, Objective
from slo.report import ObjectiveReport, evaluate
from slo.window import CalendarUnit, CalendarWindow, Interval, datetime_of, minute_of


class Month(NamedTuple):
    """A month of the calendar, wherever."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """From 2026-10. Raises UsageError."""
        found = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", text)
        if found is None or not 1970 < int(found[1]) < 9999:
            raise UsageError(f"{text[:60]!r} is not a month; write one such as 2026-10")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.year}-{self.number:02d}"

    def before(self, months: int = 1) -> Month:
        """So many months earlier."""
        year, number = divmod(self.year * 12 + self.number - 1 - months, 12)
        return Month(year, number + 1)

    def interval(self, time_zone: str) -> Interval:
        """From midnight to midnight in an IANA zone, a change of clocks included."""
        begin, end = (datetime(one.year, one.number, 1, tzinfo=ZoneInfo(time_zone)) for one in (self, self.before(-1)))
        return Interval(minute_of(begin), minute_of(end))


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledIncident:
    """An incident as far as it lies in the month, and the part of each group in it."""

    incident: Incident
    groups: tuple[GroupBill, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthOfObjective:
    """One objective's month. report: at the month's end, or at the end of the data where it goes on.

    objective: with the month as its window; earlier: the reports on the months before it of which anything is known,
    oldest first; incidents: dearest first, measured by the month's budget, without what corrections exclude;
    other_ratio: what was spent outside of incidents, as a share of the budget; None where there is no budget.
    """

    objective: Objective
    month: Month
    time_zone: str
    report: ObjectiveReport
    earlier: tuple[tuple[Month, ObjectiveReport], ...]
    incidents: tuple[BilledIncident, ...]
    other_ratio: float | None
    groups: Mapping[Group, EventSeries]

    @property
    def is_over(self) -> bool:
        return self.report.window.end == self.report.period_end


def month_of(
    objective: Objective,
    groups: Mapping[Group, EventSeries],
    corrections: Sequence[Correction],
    month: Month,
    *,
    time_zone: str,
    end_minute: int,
    months_before: int = 0,
    rule: IncidentRule,
) -> MonthOfObjective | None:
    """The month of an objective, whatever its own window is; None where the month begins after end_minute.

    groups: the whole under `()`, time slices where the objective has them; end_minute: until when anything is known.
    """
    within = month.interval(time_zone)
    if within.start >= end_minute:
        return None
    by_month = replace(objective, window=CalendarWindow(CalendarUnit.MONTH, time_zone))
    until = Interval(within.start, min(within.end, end_minute))
    report = evaluate(by_month, groups[()], at=datetime_of(until.end), corrections=corrections)
    concerned = [one for one in corrections if one.concerns(objective)]
    counted = {group: without(events, concerned) for group, events in groups.items()}
    incidents = find_incidents(counted[()], objective.budget_ratio, by_month.window, until, rule=rule, paid_by=until)
    spent = report.budget.consumed_ratio
    return MonthOfObjective(
        objective=by_month,
        month=month,
        time_zone=time_zone,
        report=report,
        earlier=tuple(_earlier(by_month, groups[()], corrections, month, months_before)),
        incidents=tuple(BilledIncident(incident=one, groups=bill_by_group(one, counted)) for one in incidents),
        other_ratio=None if spent is None else max(0.0, spent - sum(one.consumed_ratio for one in incidents)),
        groups=counted,
    )


def _earlier(
    by_month: Objective, events: EventSeries, corrections: Sequence[Correction], month: Month, count: int
) -> list[tuple[Month, ObjectiveReport]]:
    """Months without a single minute that was seen are left out."""
    assert isinstance(by_month.window, CalendarWindow)
    found = []
    for number in range(count, 0, -1):
        one = month.before(number)
        within = one.interval(by_month.window.time_zone)
        if events.observed is not None and events.observed.start < within.end <= events.end:
            report = evaluate(by_month, events, at=datetime_of(within.end), corrections=corrections)
            found.append((one, report))
    return found

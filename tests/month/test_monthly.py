"""Months by the calendar of a zone, and the month of an objective against the known truth."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from slo.correction import Category, Correction
from slo.errors import UsageError
from slo.events import EventSeries
from slo.incident import IncidentRule
from slo.monthly import Month, MonthOfObjective, month_of
from slo.window import Interval, minute_of
from tests.analysis.histories import history
from tests.arithmetic.objectives import objective

PARIS = "Europe/Paris"
OCTOBER = Month(2026, 10)
START = minute_of(datetime(2026, 9, 1, tzinfo=ZoneInfo(PARIS)))
"""Of a history of September and October in Paris, by the minute of its own."""
SEPTEMBER_MINUTES, OCTOBER_MINUTES = 30 * 1440, 31 * 1440 + 60


def events(*failing: tuple[int, int, float], minutes: int = SEPTEMBER_MINUTES + OCTOBER_MINUTES) -> EventSeries:
    made = history(minutes, *failing)
    return EventSeries(START, made.good, made.bad, made.covered)


def october(series: EventSeries, *corrections: Correction) -> MonthOfObjective:
    found = month_of(
        objective(),
        {(): series},
        corrections,
        OCTOBER,
        time_zone=PARIS,
        end_minute=series.end,
        months_before=3,
        rule=IncidentRule(),
    )
    assert found is not None
    return found


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "October", "", "2026-10-01", "0000-01", "\uff12026-10"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a month; write one such as 2026-10"):
        Month.parse(text)


def test_a_month_is_as_long_as_it_is_where_it_is_lived() -> None:
    assert Month.parse("2026-10") == OCTOBER
    assert OCTOBER.interval(PARIS).minutes == OCTOBER_MINUTES
    assert OCTOBER.interval("UTC").minutes == 31 * 1440
    assert Month(2026, 1).before() == (2025, 12)
    assert Month(2025, 12).before(-1) == (2026, 1)
    assert OCTOBER.before().interval(PARIS).end == OCTOBER.interval(PARIS).start
    assert str(Month(2026, 3)) == "2026-03"


def test_the_month_its_incidents_and_those_before_are_the_truth() -> None:
    first, second = SEPTEMBER_MINUTES + 1000, SEPTEMBER_MINUTES + 20_000
    found = october(events((500, 10, 1.0), (first, 10, 0.5), (second, 20, 1.0)))
    budget = 0.001 * 1000 * OCTOBER_MINUTES
    assert found.is_over
    assert (found.report.counts.bad, found.report.counts.total) == (25_000, 1000 * OCTOBER_MINUTES)
    assert found.report.budget.consumed_ratio == pytest.approx(25_000 / budget)
    assert [one.incident.interval for one in found.incidents] == [
        (START + second, START + second + 20),
        (START + first, START + first + 10),
    ]
    assert [one.incident.consumed_ratio for one in found.incidents] == pytest.approx([20_000 / budget, 5_000 / budget])
    assert [one.incident.outage_minutes for one in found.incidents] == pytest.approx([20, 5])
    assert found.other_ratio == pytest.approx(0, abs=1e-12)
    ((month, september),) = found.earlier
    assert (month, september.counts.bad) == (Month(2026, 9), 10_000)


def test_an_incident_over_the_edge_of_the_month_is_billed_for_its_part() -> None:
    found = october(events((SEPTEMBER_MINUTES - 10, 30, 1.0)))
    (only,) = found.incidents
    assert only.incident.interval == (START + SEPTEMBER_MINUTES, START + SEPTEMBER_MINUTES + 20)
    assert only.incident.bad_events == found.report.counts.bad == 20_000


def test_what_a_correction_excludes_is_neither_spent_nor_billed() -> None:
    begin = SEPTEMBER_MINUTES + 1000
    maintenance = Correction(
        id=1,
        slos=("cloudshop/*",),
        when=Interval(START + begin, START + begin + 10),
        category=Category.MAINTENANCE,
        reason="new database",
        author="ada",
        made_at=datetime(2026, 10, 1, tzinfo=ZoneInfo(PARIS)),
    )
    found = october(events((begin, 10, 1.0)), maintenance)
    assert (found.report.counts.bad, found.incidents) == (0, ())
    assert [one.bad_events for one in found.report.corrections] == [10_000]


def test_a_month_that_goes_on_is_told_until_the_data_end() -> None:
    found = october(events(minutes=SEPTEMBER_MINUTES + 1440))
    assert not found.is_over
    assert found.report.window.minutes == 1440
    series = events(minutes=SEPTEMBER_MINUTES)
    nothing = month_of(
        objective(), {(): series}, (), OCTOBER, time_zone=PARIS, end_minute=series.end, rule=IncidentRule()
    )
    assert nothing is None


def test_a_target_of_everything_has_nothing_to_spend() -> None:
    series = events((SEPTEMBER_MINUTES + 5, 5, 1.0))
    found = month_of(
        objective("1"), {(): series}, (), OCTOBER, time_zone=PARIS, end_minute=series.end, rule=IncidentRule()
    )
    assert found is not None
    assert (found.incidents, found.other_ratio, found.report.budget.consumed_ratio) == ((), None, None)

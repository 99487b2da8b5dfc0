"""Incidents found in a history, and what each cost."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.events import EventSeries
from slo.incident import Incident, IncidentRule, bill_by_group, budget_events, find_incidents
from slo.objective import EmptySlice, TimeSlices
from slo.source.fleet import Episode
from slo.time_slices import to_slices
from slo.window import CalendarUnit, CalendarWindow, Interval, RollingWindow
from tests.analysis.histories import DAY, MONTH, START, fleet, history, interval_of

RATIO_95 = Decimal("0.95")
B = Fraction(1, 1000)
WINDOW = RollingWindow(MONTH)
ALL = Interval(START, START + MONTH)


def found(events: EventSeries, budget_ratio: Fraction = B, **more: object) -> tuple[Incident, ...]:
    return find_incidents(events, budget_ratio, WINDOW, ALL, paid_by=ALL, **more)  # type: ignore[arg-type]


def places(incidents: tuple[Incident, ...]) -> list[tuple[int, int]]:
    return [(one.interval.start - START, one.interval.end - START) for one in incidents]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("base_error_ratio", [0.0, 0.0002, 0.0005])
@pytest.mark.parametrize("peak_to_trough", [1.0, 20.0])
def test_the_bills_of_a_fleet_are_those_of_what_happened(
    seed: int, base_error_ratio: float, peak_to_trough: float
) -> None:
    """Within 0.1 % or the one or two chance errors that happen to adjoin an incident, which nobody could tell apart."""
    episodes = [Episode(4620, 40, 0.3), Episode(14_500, 30, 1.0), Episode(28_800, 120, 0.05)]
    events = fleet(
        *episodes,
        seed=seed,
        base_error_ratio=base_error_ratio,
        peak_to_trough=peak_to_trough,
        requests_per_second=100.0,
    ).happened
    expected = {interval_of(one): events.within(interval_of(one)).bad for one in episodes}
    incidents = found(events, rule=IncidentRule(least_share=Fraction(1, 1000)))
    assert len(incidents) == len(episodes)
    for incident in incidents:
        truth = next(
            one for one in expected if one.start <= incident.interval.end and incident.interval.start < one.end
        )
        assert incident.bad_events == pytest.approx(expected[truth], rel=0.001, abs=2)
        assert abs(incident.interval.start - truth.start) <= 5
        assert abs(incident.interval.end - truth.end) <= 5
        assert incident.consumed_ratio == 1000 * incident.bad_events / events.within(ALL).total


def test_a_total_outage_costs_its_own_minutes() -> None:
    incident = found(history(MONTH, (5000, 10, 1.0)))[0]
    assert incident.interval == Interval(START + 5000, START + 5010)
    assert (incident.bad_events, incident.total_events) == (10_000, 10_000)
    assert incident.outage_minutes == pytest.approx(10)
    assert incident.consumed_ratio == pytest.approx(10 / 43.2)


def test_incidents_come_dearest_first() -> None:
    assert places(found(history(MONTH, (1000, 10, 0.5), (9000, 10, 1.0), (20_000, 10, 0.7)))) == [
        (9000, 9010),
        (20_000, 20_010),
        (1000, 1010),
    ]


@pytest.mark.parametrize(("pause", "merged"), [(5, True), (30, True), (31, False), (300, False)])
def test_a_short_pause_belongs_to_the_incident_and_a_long_one_ends_it(pause: int, merged: bool) -> None:
    incidents = found(history(MONTH, (1000, 10, 1.0), (1010 + pause, 8, 1.0)))
    assert places(incidents) == ([(1000, 1018 + pause)] if merged else [(1000, 1010), (1010 + pause, 1018 + pause)])


def test_an_aftermath_that_is_still_too_fast_belongs_to_the_incident() -> None:
    assert places(found(history(MONTH, (1000, 10, 1.0), (1010, 500, 0.003), base=0.0005))) == [(1000, 1510)]


def test_a_slow_burn_is_an_incident_though_no_minute_stands_out() -> None:
    incident = found(history(MONTH, (10_000, 2 * DAY, 0.003), base=0.0002))[0]
    assert places((incident,)) == [(10_000, 10_000 + 2 * DAY)]
    assert incident.consumed_ratio == pytest.approx(3 * 2 / 30)


def test_without_traffic_a_pause_tells_nothing() -> None:
    total = np.full(MONTH, 1000.0)
    total[1010:1500] = 0
    bad = np.zeros(MONTH)
    bad[1000:1010] = bad[1500:1510] = 1000
    assert places(found(EventSeries.from_minutes(START, bad, total, np.ones(MONTH)))) == [(1000, 1510)]


def test_little_traffic_does_not_break_a_slow_burn_into_single_errors() -> None:
    """One bad in 300 events, one every 100 minutes: each pause is silent, and none tells that the burn is over."""
    bad = np.zeros(MONTH)
    bad[5000:15_000:100] = 1
    incidents = found(EventSeries.from_minutes(START, bad, np.full(MONTH, 3.0), np.ones(MONTH)))
    assert places(incidents) == [(5000, 14_901)]
    assert incidents[0].bad_events == 100


def test_errors_within_the_budget_are_no_incident() -> None:
    assert found(history(MONTH, base=0.0009)) == ()
    assert found(history(MONTH)) == ()


def test_less_than_the_least_share_is_no_incident() -> None:
    events = history(MONTH, (1000, 1, 0.8), (9000, 1, 0.9))
    share = Fraction(900, MONTH)
    assert places(found(events, rule=IncidentRule(least_share=share))) == [(9000, 9001)]
    assert found(events, rule=IncidentRule(least_share=share + Fraction(1, 10**6))) == ()


def test_without_a_budget_or_without_events_there_is_none() -> None:
    assert found(history(MONTH, (1000, 10, 1.0)), Fraction(0)) == ()
    assert found(history(MONTH, total=0.0)) == ()
    assert found(EventSeries.empty()) == ()
    assert find_incidents(EventSeries.empty(), B, WINDOW, ALL) == ()


def test_only_what_lies_within_the_interval_is_looked_at() -> None:
    events = history(MONTH, (1000, 100, 1.0))
    half = Interval(START + 1050, START + MONTH)
    assert find_incidents(events, B, WINDOW, half, paid_by=half)[0].interval == Interval(START + 1050, START + 1100)
    assert find_incidents(events, B, WINDOW, Interval(START - 500, START + 900), paid_by=ALL) == ()


def test_each_incident_of_a_long_history_is_paid_by_its_own_period() -> None:
    """Traffic doubles: the same outage at twice the traffic costs the same share of its own month."""
    total = np.repeat([500.0, 1000.0, 1000.0], MONTH)
    bad = np.zeros(3 * MONTH)
    for first in (MONTH - 100, 3 * MONTH - 100):
        bad[first : first + 10] = total[first]
    events = EventSeries.from_minutes(START, bad, total, np.ones(3 * MONTH))
    incidents = find_incidents(events, B, WINDOW, Interval(START, START + 3 * MONTH))
    assert [one.outage_minutes for one in incidents] == [pytest.approx(10)] * 2
    assert [one.bad_events for one in incidents] == [5000, 10_000]


def test_the_first_period_stands_for_one_that_begins_before_the_history() -> None:
    events = history(2 * MONTH, total=10.0)
    assert budget_events(events, B, WINDOW, START + 60) == pytest.approx(0.01 * MONTH)
    young = history(DAY, total=10.0)
    assert budget_events(young, B, WINDOW, START + 60) == pytest.approx(0.01 * MONTH)
    assert budget_events(EventSeries.empty(), B, WINDOW, START) == 0.0


def test_a_calendar_month_pays_with_all_its_days() -> None:
    window = CalendarWindow(CalendarUnit.MONTH, "UTC")
    month = window.period(START + 1)
    events = history(4 * MONTH, total=10.0)
    later = window.period(month.end + 10)
    assert budget_events(events, B, window, later.start + 5) == pytest.approx(0.01 * later.minutes)


def test_an_incident_of_time_slices_begins_where_its_first_slice_begins() -> None:
    slices = TimeSlices(minutes=5, target_ratio=RATIO_95, empty=EmptySlice.GOOD)
    events = to_slices(history(MONTH, (1000, 60, 1.0)), slices)
    incident = find_incidents(events, Fraction(1, 100), WINDOW, ALL, paid_by=ALL)[0]
    assert places((incident,)) == [(1000, 1060)]
    assert (incident.bad_events, incident.total_events) == (12, 12)
    assert incident.outage_minutes == pytest.approx(60)


def test_the_bill_is_split_by_group() -> None:
    groups = {
        (): history(MONTH, (1000, 10, 0.5), total=300.0),
        (("service", "cart"),): history(MONTH, (1000, 10, 0.4), total=100.0),
        (("service", "frontend"),): history(MONTH, (1000, 10, 0.55), total=200.0),
        (("service", "idle"),): history(MONTH, total=0.0),
    }
    bills = bill_by_group(found(groups[()])[0], groups)
    assert [(bill.group, bill.bad_events, bill.total_events) for bill in bills] == [
        ((("service", "frontend"),), 1100, 2000),
        ((("service", "cart"),), 400, 1000),
    ]
    assert [bill.share_ratio for bill in bills] == [pytest.approx(1100 / 1500), pytest.approx(400 / 1500)]


def test_minutes_that_burn_exactly_as_fast_as_they_may_are_no_incident() -> None:
    bad = np.random.default_rng(7).integers(1, 5, 3 * DAY).astype(np.float64)
    total = bad * 1000
    total[0], bad[0] = 1234, 0
    events = EventSeries.from_minutes(START, bad, total, np.ones(total.size))
    whole = Interval(START, START + total.size)
    assert not find_incidents(
        events, B, RollingWindow(total.size), whole, rule=IncidentRule(least_share=Fraction(1, 10**4))
    )


@pytest.mark.parametrize("wrong", [{"least_share": Fraction(0)}, {"least_share": Fraction(2)}, {"gap_minutes": 0}])
def test_a_rule_without_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="an incident takes over 0"):
        IncidentRule(**wrong)  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0003, 0.0009, 0.003]), st.sampled_from([2.0, 50.0, 3000.0]))
def test_incidents_share_no_minute_and_each_burns_too_fast(seed: int, ratio: float, per_minute: float) -> None:
    """Whatever the noise: intervals are apart, every bill is its own count, and none burns within the budget."""
    rng = np.random.default_rng(seed)
    total = rng.poisson(per_minute, 3 * DAY).astype(np.float64)
    bad = rng.binomial(total.astype(np.int64), ratio * rng.choice([0.0, 1.0, 20.0], 3).repeat(DAY)).astype(np.float64)
    events = EventSeries.from_minutes(START, bad, total, np.ones(total.size))
    whole = Interval(START, START + total.size)
    rule = IncidentRule(least_share=Fraction(1, 10**4))
    incidents = find_incidents(events, B, RollingWindow(total.size), whole, rule=rule)
    intervals = sorted(one.interval for one in incidents)
    assert all(before.end <= after.start for before, after in pairwise(intervals))
    for incident in incidents:
        counts = events.within(incident.interval)
        assert (incident.bad_events, incident.total_events) == (counts.bad, counts.total)
        assert counts.bad > B * counts.total

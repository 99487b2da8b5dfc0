"""Corrections: what they leave out, that nothing else changes, and that every report tells of them."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slo.correction import AppliedCorrection, Category, CorrectedEvents, Correction, corrected, merged, without
from slo.events import EventSeries, WindowCounts
from slo.objective import EmptySlice, TimeSlices
from slo.recurrence import Recurrence
from slo.report import State, evaluate
from slo.time_slices import to_slices
from slo.window import Interval, datetime_of, minute_of
from tests.arithmetic.objectives import DAY, objective, steady

NOW = datetime(2026, 11, 1, tzinfo=UTC)
END = minute_of(NOW)
START = END - 30 * DAY


def correction(when: Interval | Recurrence, *slos: str, number: int = 1) -> Correction:
    return Correction(
        id=number,
        slos=slos or ("cloudshop/*",),
        when=when,
        category=Category.MAINTENANCE,
        reason="new database",
        author="ada",
        made_at=NOW,
    )


def month(*bad: tuple[slice, float]) -> EventSeries:
    """Thirty days of 100 events a minute, with these bad ones among them."""
    per_minute = np.zeros(30 * DAY)
    for minutes, each in bad:
        per_minute[minutes] = each
    return EventSeries.from_minutes(START, per_minute, np.full(30 * DAY, 100.0), np.ones(30 * DAY))


@st.composite
def histories(draw: st.DrawFn) -> EventSeries:
    size = draw(st.integers(1, 80))
    events = [draw(hnp.arrays(np.int64, size, elements=st.integers(0, 50))).astype(float) for _ in range(2)]
    coverage = draw(hnp.arrays(np.float64, size, elements=st.sampled_from([0.0, 0.5, 1.0])))
    return EventSeries.from_minutes(draw(st.integers(0, 20)), events[0], events[0] + events[1], coverage)


INTERVALS = st.tuples(st.integers(-10, 110), st.integers(0, 60)).map(lambda pair: Interval(pair[0], sum(pair)))
SLICES = st.sampled_from([0, 1, 5, 12])


def sliced(events: EventSeries, minutes: int) -> EventSeries:
    slices = TimeSlices(minutes=minutes or 1, target_ratio=objective().target_ratio, empty=EmptySlice.BAD)
    return to_slices(events, slices) if minutes else events


@given(events=histories(), excluded=st.lists(INTERVALS, max_size=4), minutes=SLICES, cuts=st.lists(INTERVALS))
def test_splitting_a_window_splits_what_a_correction_leaves_out(
    events: EventSeries, excluded: list[Interval], minutes: int, cuts: list[Interval]
) -> None:
    found = CorrectedEvents(sliced(events, minutes), excluded)
    for cut in cuts:
        middle = (cut.start + cut.end) // 2
        first, second = found.within(Interval(cut.start, middle)), found.within(Interval(middle, cut.end))
        whole = found.within(cut)
        assert (first.good + second.good, first.bad + second.bad) == (whole.good, whole.bad)
        assert first.covered_minutes + second.covered_minutes == pytest.approx(whole.covered_minutes)


@given(events=histories(), excluded=st.lists(INTERVALS, max_size=4), asked=INTERVALS)
def test_what_is_left_is_what_a_walk_over_the_minutes_leaves(
    events: EventSeries, excluded: list[Interval], asked: Interval
) -> None:
    left = [
        events.within(Interval(minute, minute + 1))
        for minute in range(asked.start, asked.end)
        if not any(one.start <= minute < one.end for one in excluded)
    ]
    found = CorrectedEvents(events, excluded).within(asked)
    assert (found.good, found.bad) == (sum(one.good for one in left), sum(one.bad for one in left))


@given(events=histories(), excluded=st.lists(INTERVALS, max_size=4), asked=INTERVALS, minutes=SLICES)
def test_correcting_twice_is_correcting_once_and_nothing_becomes_worse(
    events: EventSeries, excluded: list[Interval], asked: Interval, minutes: int
) -> None:
    counted = sliced(events, minutes)
    once = CorrectedEvents(counted, excluded)
    assert CorrectedEvents(once, excluded).within(asked) == pytest.approx(once.within(asked))
    before, after = counted.within(asked), once.within(asked)
    assert 0 <= after.bad <= before.bad
    assert after.good >= (before.good if minutes else 0)
    assert after.covered_minutes >= before.covered_minutes - 1e-9


@given(events=histories(), excluded=st.lists(INTERVALS, max_size=4), asked=INTERVALS, minutes=SLICES)
def test_a_history_without_the_excluded_minutes_says_the_same_of_every_window(
    events: EventSeries, excluded: list[Interval], asked: Interval, minutes: int
) -> None:
    counted = sliced(events, minutes)
    assert without(counted, [correction(when=each) for each in excluded]).within(asked) == pytest.approx(
        CorrectedEvents(counted, excluded).within(asked)
    )


@given(events=histories(), asked=INTERVALS)
def test_an_empty_correction_changes_nothing(events: EventSeries, asked: Interval) -> None:
    nowhere = correction(Interval(1000, 2000))
    assert corrected(events, [nowhere], asked) == (events, ())
    assert corrected(events, [], asked) == (events, ())
    assert CorrectedEvents(events, []).within(asked) == events.within(asked)


@given(st.lists(INTERVALS, max_size=8))
def test_merged_intervals_hold_the_same_minutes_once(intervals: list[Interval]) -> None:
    found = merged(intervals)
    held = [minute for one in found for minute in range(one.start, one.end)]
    assert held == sorted({minute for one in intervals for minute in range(one.start, one.end)})
    assert all(earlier.end < later.start for earlier, later in pairwise(found))


def test_good_and_bad_events_of_a_maintenance_do_not_count() -> None:
    """Ten minutes of total outage in a maintenance, and ten bad events elsewhere: the bill is ten events."""
    events = month((slice(1000, 1010), 100.0), (slice(5000, 5010), 1.0))
    planned = correction(Interval(START + 990, START + 1020))
    report = evaluate(objective(), events, at=NOW, corrections=[planned])
    assert report.counts == WindowCounts(4_320_000 - 3000 - 10, 10, 43_200.0)
    assert report.corrections == (
        AppliedCorrection(correction=planned, minutes=30, bad_events=1000, total_events=3000),
    )
    assert [(reason.code, reason.message) for reason in report.reasons] == [
        (
            "corrected",
            "30m do not count, with 1000 bad of 3000 events: new database (maintenance, ada, correction 1)",
        )
    ]


def test_burn_rates_and_alerts_are_corrected_too() -> None:
    events = month((slice(-60, None), 50.0))
    assert evaluate(objective(), events, at=NOW).state is State.BURNING
    report = evaluate(objective(), events, at=NOW, corrections=[correction(Interval(END - 60, END))])
    assert report.state is State.OK
    assert not any(alert.firing for alert in report.alerts)
    assert {rate.window_minutes: rate.burn_rate for rate in report.burn_rates}[60] is None


def test_a_correction_of_the_whole_window_is_a_state_and_no_division() -> None:
    report = evaluate(objective(), month(), at=NOW, corrections=[correction(Interval(START - 10, END + 10))])
    assert (report.state, report.availability_ratio, report.budget.remaining_ratio) == (State.NO_TRAFFIC, None, None)
    assert report.coverage_ratio == 1.0
    assert report.corrections[0].total_events == 4_320_000


def test_a_time_slice_that_an_exclusion_touches_counts_as_up() -> None:
    """Slices of five minutes, all bad; 7 minutes that touch three of them."""
    slices = TimeSlices(minutes=5, target_ratio=objective().target_ratio, empty=EmptySlice.BAD)
    one = objective(time_slices=slices)
    events = steady(30 * DAY, bad=100, start=START)
    report = evaluate(one, events, at=NOW, corrections=[correction(Interval(START + 104, START + 111))])
    assert report.counts[:2] == (3, 8640 - 3)
    assert (report.corrections[0].bad_events, report.corrections[0].total_events) == (3, 3)


def test_two_exclusions_in_one_time_slice_mend_it_once() -> None:
    counted = sliced(steady(60, bad=100), 5)
    found = CorrectedEvents(counted, [Interval(10, 11), Interval(13, 14)])
    assert found.within(Interval(0, 60))[:2] == (1, 11)


def test_minutes_that_were_not_seen_in_a_maintenance_do_not_lessen_coverage() -> None:
    coverage = np.ones(30 * DAY)
    coverage[10_000:20_000] = 0
    events = EventSeries.from_minutes(START, np.zeros(30 * DAY), 100 * coverage, coverage)
    assert evaluate(objective(), events, at=NOW).state is State.INSUFFICIENT_DATA
    outage = correction(Interval(START + 10_000, START + 20_000))
    report = evaluate(objective(), events, at=NOW, corrections=[outage])
    assert (report.coverage_ratio, report.state) == (1.0, State.OK)


def test_a_recurring_correction_drops_each_occurrence() -> None:
    nightly = Recurrence(rule="FREQ=DAILY", start=datetime_of(START) + timedelta(hours=2), duration_minutes=60)
    report = evaluate(objective(), month(), at=NOW, corrections=[correction(nightly)])
    assert report.counts.total == 4_320_000 - 30 * 60 * 100
    assert report.corrections[0].minutes == 1800


def test_overlapping_corrections_drop_an_event_once_and_each_tells_what_it_covers() -> None:
    both = [correction(Interval(START, START + 20)), correction(Interval(START + 10, START + 30), number=2)]
    report = evaluate(objective(), month((slice(0, 30), 1.0)), at=NOW, corrections=both)
    assert report.counts == WindowCounts(4_320_000 - 3000, 0, 43_200.0)
    assert [(one.correction.id, one.minutes, one.bad_events) for one in report.corrections] == [
        (1, 20, 20),
        (2, 20, 20),
    ]


@pytest.mark.parametrize(
    ("glob", "concerned"),
    [("cloudshop/availability", True), ("*", True), ("cloudshop/avail", False), ("other/*", False)],
)
def test_a_correction_concerns_the_objectives_that_it_names(glob: str, concerned: bool) -> None:
    report = evaluate(objective(), month(), at=NOW, corrections=[correction(Interval(START, END), glob)])
    assert bool(report.corrections) is concerned

"""Counted events on the minute grid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slo.events import EventSeries, WindowCounts, pool
from slo.window import Interval
from tests.arithmetic.objectives import steady

MINUTES = st.integers(1, 60)
EVENTS = st.floats(0, 1e6, allow_nan=False)


@st.composite
def series(draw: st.DrawFn) -> EventSeries:
    size = draw(MINUTES)
    bad = draw(hnp.arrays(np.float64, size, elements=EVENTS))
    good = draw(hnp.arrays(np.float64, size, elements=EVENTS))
    coverage = draw(hnp.arrays(np.float64, size, elements=st.floats(0, 1)))
    return EventSeries.from_minutes(draw(st.integers(-50, 50)), bad, bad + good, coverage)


def test_a_window_is_the_difference_of_two_look_ups() -> None:
    events = EventSeries.from_minutes(10, np.array([1.0, 0, 2]), np.array([10.0, 10, 10]), np.array([1.0, 0.5, 0]))
    assert events.end == 13
    assert events.within(Interval(10, 13)) == WindowCounts(good=27, bad=3, covered_minutes=1.5)
    assert events.within(Interval(11, 12)) == WindowCounts(good=10, bad=0, covered_minutes=0.5)
    assert events.within(Interval(12, 13)).total == 10


def test_minutes_outside_of_the_series_hold_nothing() -> None:
    events = steady(10, bad=1, total=2, start=100)
    everything = WindowCounts(good=10, bad=10, covered_minutes=10.0)
    assert events.within(Interval(0, 1000)) == everything
    assert events.within(Interval(0, 105)) == WindowCounts(5, 5, 5.0)
    for nowhere in (Interval(0, 100), Interval(110, 120), Interval(500, 600), Interval(105, 105)):
        assert events.within(nowhere) == WindowCounts(0, 0, 0.0)


def test_events_are_rounded_at_the_edges_so_that_none_is_lost() -> None:
    third = np.full(3000, 1 / 3)
    events = EventSeries.from_minutes(0, third, 2 * third, np.ones(3000))
    assert events.within(Interval(0, 3000)) == WindowCounts(1000, 1000, 3000.0)
    assert max(np.diff(events.bad)) == 1


def test_total_follows_where_bad_runs_ahead_of_it() -> None:
    events = EventSeries.from_minutes(0, np.array([5.0, 0]), np.array([3.0, 4]), np.ones(2))
    assert events.within(Interval(0, 1)) == WindowCounts(0, 5, 1.0)
    assert events.within(Interval(0, 2)) == WindowCounts(2, 5, 2.0)


def test_good_events_make_the_rest_bad() -> None:
    events = EventSeries.from_good_minutes(0, np.array([8.0, 10]), np.array([10.0, 10]), np.ones(2))
    assert events.within(Interval(0, 2)) == WindowCounts(18, 2, 2.0)
    ahead = EventSeries.from_good_minutes(0, np.array([12.0, 8]), np.array([10.0, 10]), np.ones(2))
    assert ahead.within(Interval(0, 2)) == WindowCounts(20, 0, 2.0)


def test_coverage_is_kept_between_nothing_and_everything() -> None:
    events = EventSeries.from_minutes(0, np.zeros(2), np.zeros(2), np.array([-0.5, 1.5]))
    assert events.within(Interval(0, 2)).covered_minutes == 1.0


def test_observed_runs_from_the_first_to_the_last_minute_of_which_anything_was_seen() -> None:
    events = EventSeries.from_minutes(100, np.zeros(5), np.zeros(5), np.array([0, 0.1, 0, 1.0, 0]))
    assert events.observed == Interval(101, 104)
    assert steady(3, coverage=0).observed is None
    assert EventSeries.empty().observed is None


@pytest.mark.parametrize(
    ("good", "bad", "covered", "complaint"),
    [
        ([0, 2, 1], [0, 0, 0], [0, 1, 2], "never fall"),
        ([0, 1, 2], [0, 1, 0], [0, 1, 2], "never fall"),
        ([0, 1, 2], [0, 0, 0], [0, 1, 0.5], "never fall"),
        ([0, 1, 2], [0, 0, 0], [0, np.nan, 2], "never fall"),
        ([1, 1, 2], [0, 0, 0], [0, 1, 2], "begin with 0"),
        ([0, 1], [0, 0, 0], [0, 1, 2], "one length"),
        ([[0, 1]], [[0, 0]], [[0, 1]], "one-dimensional"),
        ([], [], [], "at least one edge"),
    ],
)
def test_what_is_no_cumulative_is_refused(
    good: list[int], bad: list[int], covered: list[float], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        EventSeries(0, np.array(good, np.int64), np.array(bad, np.int64), np.array(covered, np.float64))


def test_a_series_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        steady(3).bad[1] = 7


@given(series(), st.integers(-60, 120), st.integers(0, 60), st.integers(0, 60))
def test_adjacent_windows_add_up(events: EventSeries, start: int, first: int, second: int) -> None:
    left = events.within(Interval(start, start + first))
    right = events.within(Interval(start + first, start + first + second))
    whole = events.within(Interval(start, start + first + second))
    assert (left.good + right.good, left.bad + right.bad) == (whole.good, whole.bad)
    assert left.covered_minutes + right.covered_minutes == pytest.approx(whole.covered_minutes)


@given(series(), series(), series(), st.integers(-60, 60), st.integers(0, 120))
def test_pooling_adds_counts_in_any_order(
    a: EventSeries, b: EventSeries, c: EventSeries, start: int, minutes: int
) -> None:
    window = Interval(start, start + minutes)
    whole = pool([a, b, c]).within(window)
    assert whole.bad == sum(one.within(window).bad for one in (a, b, c))
    assert whole.good == sum(one.within(window).good for one in (a, b, c))
    nested = pool([c, pool([b, a])]).within(window)
    assert nested[:2] == whole[:2]
    assert nested.covered_minutes == pytest.approx(whole.covered_minutes)


def test_a_pooled_minute_is_covered_as_well_as_its_best_part() -> None:
    pooled = pool([steady(2, coverage=0.25, start=5), steady(2, coverage=0.75, start=6)])
    assert (pooled.start, pooled.end) == (5, 8)
    assert np.diff(pooled.covered).tolist() == [0.25, 0.75, 0.75]


def test_pooling_nothing_gives_a_series_of_no_minutes() -> None:
    assert pool([]).within(Interval(-5, 5)) == WindowCounts(0, 0, 0.0)
    assert EventSeries.empty(7).start == EventSeries.empty(7).end == 7

"""Time slices: each is good or bad as a whole."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.events import EventSeries, WindowCounts
from slo.objective import EmptySlice, TimeSlices
from slo.time_slices import to_slices
from slo.window import Interval
from tests.arithmetic.objectives import steady


def slices(minutes: int = 5, target: str = "0.95", empty: str = "exclude") -> TimeSlices:
    return TimeSlices(minutes=minutes, target_ratio=Decimal(target), empty=EmptySlice(empty))


def five_minutes(*bad_of_hundred: float | None) -> EventSeries:
    """One slice of five minutes each; None has no events."""
    bad = np.repeat([0.0 if one is None else one / 5 for one in bad_of_hundred], 5)
    total = np.repeat([0.0 if one is None else 20.0 for one in bad_of_hundred], 5)
    return EventSeries.from_minutes(0, bad, total, np.ones(bad.size))


def test_a_slice_is_good_when_its_own_target_is_met_exactly() -> None:
    found = to_slices(five_minutes(0, 5, 6, 100), slices())
    assert found.within(Interval(0, 20)) == WindowCounts(good=2, bad=2, covered_minutes=20.0)
    assert found.slice_minutes == 5


def test_a_slice_counts_at_its_end() -> None:
    found = to_slices(five_minutes(100, 0), slices())
    assert found.within(Interval(0, 4))[:2] == (0, 0)
    assert found.within(Interval(0, 5))[:2] == (0, 1)
    assert found.within(Interval(5, 9))[:2] == (0, 0)
    assert found.within(Interval(5, 10))[:2] == (1, 0)


@pytest.mark.parametrize(("empty", "expected"), [("good", (2, 0)), ("bad", (1, 1)), ("exclude", (1, 0))])
def test_a_slice_without_traffic_counts_as_declared(empty: str, expected: tuple[int, int]) -> None:
    assert to_slices(five_minutes(0, None), slices(empty=empty)).within(Interval(0, 10))[:2] == expected


@pytest.mark.parametrize(("empty", "expected"), [("good", (0, 0)), ("bad", (0, 2)), ("exclude", (0, 0))])
def test_a_slice_that_nobody_saw_is_never_good(empty: str, expected: tuple[int, int]) -> None:
    assert to_slices(steady(10, total=0, coverage=0), slices(empty=empty)).within(Interval(0, 10))[:2] == expected


def test_slices_are_aligned_to_utc_and_cut_ones_left_out() -> None:
    found = to_slices(steady(14, bad=100, start=3), slices())
    assert [found.within(Interval(end - 1, end)).bad for end in range(4, 18)] == [
        0,
        0,
        0,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        1,
        0,
        0,
    ]


@pytest.mark.parametrize("minutes", [0, 3, 4])
def test_a_series_shorter_than_a_slice_has_none(minutes: int) -> None:
    found = to_slices(steady(minutes, start=1), slices())
    assert found.within(Interval(-10, 20)) == WindowCounts(0, 0, float(minutes))
    assert (found.start, found.end, found.slice_minutes) == (1, 1 + minutes, 5)


def test_a_slice_as_long_as_the_series_is_one_slice() -> None:
    assert to_slices(steady(5), slices()).within(Interval(0, 5))[:2] == (1, 0)


def test_large_counts_are_compared_exactly() -> None:
    # A billion requests against a target of many digits leaves 64 bits; one bad event too many decides.
    target = "0.9999999990"
    just_good = EventSeries.from_minutes(0, np.array([1.0]), np.array([1e9]), np.ones(1))
    just_bad = EventSeries.from_minutes(0, np.array([2.0]), np.array([1e9]), np.ones(1))
    assert to_slices(just_good, slices(1, target)).within(Interval(0, 1))[:2] == (1, 0)
    assert to_slices(just_bad, slices(1, target)).within(Interval(0, 1))[:2] == (0, 1)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=40), st.integers(1, 7))
def test_every_whole_slice_with_traffic_counts_once(bad: list[int], length: int) -> None:
    events = EventSeries.from_minutes(0, np.array(bad, float), np.full(len(bad), 100.0), np.ones(len(bad)))
    found = to_slices(events, slices(length))
    expected_bad = sum(sum(bad[i : i + length]) * 20 > length * 100 for i in range(0, len(bad) - length + 1, length))
    assert found.within(Interval(0, len(bad))).total == len(bad) // length
    assert found.within(Interval(0, len(bad))).bad == expected_bad

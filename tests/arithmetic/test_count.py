"""From raw samples to events: cursors, resets, births, gaps, coverage, minutes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.births import Births, Origins
from slo.count import Increases, count_increases, count_observations
from slo.coverage import Coverage, count_coverage, coverage_ratio
from slo.minutes import spread
from slo.samples import Cursors, SeriesSamples, Target, TargetCursor, scrape_interval, target_scrapes
from slo.window import Interval

POD = {"job": "shop", "instance": "10.0.0.1:80"}
TARGET = Target("shop", "10.0.0.1:80")
MINUTE = 60_000


def series(points: dict[float, float], **labels: str) -> SeriesSamples:
    """Samples at seconds since the epoch."""
    return SeriesSamples(
        POD | labels,
        np.array([round(at * 1000) for at in points], np.int64),
        np.array(list(points.values()), np.float64),
    )


def amounts(increases: Increases) -> list[tuple[int, float, float, float]]:
    return [
        (int(index), begin / 1000, end / 1000, amount)
        for index, begin, end, amount in zip(
            increases.series, increases.begin.tolist(), increases.end.tolist(), increases.amount.tolist(), strict=True
        )
    ]


def count(*samples: SeriesSamples, cursors: Cursors | None = None, origins: Origins | None = None) -> Increases:
    return count_increases(samples, cursors or Cursors(), origins or Origins())[0]


def test_neighbouring_samples_yield_their_difference() -> None:
    assert amounts(count(series({15: 10, 30: 12, 45: 12, 60: 17}))) == [(0, 15.0, 30.0, 2.0), (0, 45.0, 60.0, 5.0)]


def test_a_reset_counts_from_zero() -> None:
    assert amounts(count(series({15: 10, 30: 3, 45: 4}))) == [(0, 15.0, 30.0, 3.0), (0, 30.0, 45.0, 1.0)]


def test_a_cursor_goes_on_where_the_last_read_ended() -> None:
    _, cursors = count_increases([series({15: 10, 30: 12})], Cursors(), Origins())
    again = count(series({15: 10, 30: 12, 45: 20}), cursors=cursors)
    assert amounts(again) == [(0, 30.0, 45.0, 8.0)]
    assert amounts(count(series({45: 1}), cursors=cursors)) == [(0, 30.0, 45.0, 1.0)]


def test_a_read_without_anything_new_changes_nothing() -> None:
    _, cursors = count_increases([series({15: 10, 30: 12})], Cursors(), Origins())
    nothing, after = count_increases([series({15: 10, 30: 12})], cursors, Origins())
    assert amounts(nothing) == []
    assert after == cursors
    assert amounts(count()) == []


def test_a_series_that_is_there_from_the_start_begins_with_a_baseline() -> None:
    increases = count(series({15: 1000, 30: 1001}), series({15: 7, 30: 7}, status="500"))
    assert amounts(increases) == [(0, 15.0, 30.0, 1.0)]
    assert not increases.uncertain.any()


def test_an_error_series_born_on_a_watched_target_counts_from_zero() -> None:
    increases = count(series({15: 10, 30: 11, 45: 12}), series({45: 3}, status="500"))
    assert (1, 30.0, 45.0, 3.0) in amounts(increases)
    assert not increases.uncertain.any()


def test_a_target_watched_in_an_earlier_read_is_known_by_its_cursor() -> None:
    _, cursors = count_increases([series({15: 10, 30: 11})], Cursors(), Origins())
    assert amounts(count(series({45: 3}, status="500"), cursors=cursors)) == [(0, 30.0, 45.0, 3.0)]


def test_a_new_pod_counts_from_the_start_of_its_process() -> None:
    first = series({15: 10, 30: 11, 120: 20})
    pod = SeriesSamples({"job": "shop", "instance": "new"}, np.array([100_000]), np.array([4.0]))
    origins = Origins(started={Target("shop", "new"): 88_500})
    assert amounts(count(first, pod, origins=origins))[-1] == (1, 88.5, 100.0, 4.0)


@pytest.mark.parametrize("started", [{}, {Target("shop", "new"): 9_000}, {Target("shop", "new"): 100_001}])
def test_a_new_pod_of_unknown_past_is_a_baseline_and_uncertain(started: dict[Target, int]) -> None:
    first = series({-30: 10, 120: 20})
    pod = SeriesSamples({"job": "shop", "instance": "new"}, np.array([100_000, 115_000]), np.array([4.0, 6.0]))
    increases = count(first, pod, cursors=Cursors(since=10_000), origins=Origins(started=started))
    assert amounts(increases)[1:] == [(1, 100.0, 115.0, 2.0)]
    assert increases.uncertain.tolist() == [False, True]


def test_a_process_seen_soon_after_its_start_counts_in_full_even_if_nothing_was_seen_before() -> None:
    assert amounts(count(series({15: 10}), origins=Origins(started={TARGET: 3_000}))) == [(0, 3.0, 15.0, 10.0)]
    soon = Origins(started={TARGET: 100_000})
    assert amounts(count(series({700: 10}), origins=soon)) == [(0, 100.0, 700.0, 10.0)]
    assert amounts(count(series({700.001: 10}), origins=soon)) == []


def test_a_process_that_started_before_the_time_that_is_counted_is_a_baseline() -> None:
    at_the_start = Origins(started={TARGET: 10_000})
    assert amounts(count(series({15: 9}), cursors=Cursors(since=10_000), origins=at_the_start)) == [
        (0, 10.0, 15.0, 9.0)
    ]
    assert amounts(count(series({15: 9}), cursors=Cursors(since=10_001), origins=at_the_start)) == []


def test_a_process_that_started_while_nobody_looked_counts_in_full() -> None:
    _, cursors = count_increases([series({0: 1, 15: 1})], Cursors(), Origins())
    pod = SeriesSamples({"job": "shop", "instance": "new"}, np.array([9_000_000]), np.array([4.0]))
    origins = Origins(started={Target("shop", "new"): 5_000_000})
    assert amounts(count(pod, cursors=cursors, origins=origins)) == [(0, 5000.0, 9000.0, 4.0)]


def test_a_counter_counts_from_its_creation_where_clients_tell_it() -> None:
    bucket = series({15: 10}, __name__="latency_bucket", le="0.3")
    created = Origins(created={tuple(sorted(POD.items())): 12_000})
    assert amounts(count(bucket, origins=created)) == [(0, 12.0, 15.0, 10.0)]


def test_a_relabelled_series_goes_on_instead_of_being_born() -> None:
    old = series({0: 1000, 15: 1010, 30: 1020}, env="prod")
    new = series({45: 1031, 60: 1040}, env="production")
    assert amounts(count(old, new))[2:] == [(1, 30.0, 45.0, 11.0), (1, 45.0, 60.0, 9.0)]
    _, cursors = count_increases([old], Cursors(), Origins())
    assert amounts(count(new, cursors=cursors)) == [(0, 30.0, 45.0, 11.0), (0, 45.0, 60.0, 9.0)]


def test_a_process_that_started_since_the_last_scrape_continues_nothing() -> None:
    old = series({0: 1000, 15: 1010, 30: 1020}, env="prod")
    new = series({45: 1031}, env="production")
    assert (1, 31.0, 45.0, 1031.0) in amounts(count(old, new, origins=Origins(started={TARGET: 31_000})))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({0.0: 1000.0, 30.0: 1020.0}, 1019.0),  # smaller: not its continuation
        ({0.0: 1000.0, 30.0: 1020.0}, 2040.0),  # far larger: something else
        ({0.0: 1000.0, 15.0: 1020.0}, 1031.0),  # ended a scrape earlier
        ({0.0: 1000.0, 30.0: 1020.0, 45.0: 1025.0}, 1031.0),  # still there
        ({0.0: 90.0, 30.0: 99.0}, 99.0),  # too small to tell from a restart
    ],
)
def test_a_series_is_born_where_none_ended_that_it_could_continue(old: dict[float, float], new: float) -> None:
    watched = series({0: 5, 15: 5, 30: 5, 45: 5}, status="404")
    born = series({45: new}, status="500")
    assert (2, 30.0, 45.0, new) in amounts(count(watched, series(old), born))


def test_the_first_request_of_an_idle_target_counts_since_its_last_scrape() -> None:
    other = SeriesSamples({"job": "shop", "instance": "old"}, np.array([1000]), np.array([1.0]))
    idle = Origins(started={TARGET: 2_000}, scraped={TARGET: np.array([30_000, 45_000, 60_000, 75_000])})
    assert amounts(count(other, series({60: 1}), origins=idle)) == [(1, 45.0, 60.0, 1.0)]


def test_a_series_without_a_target_is_never_taken_to_be_born() -> None:
    bare = [
        SeriesSamples({"status": s}, np.array([t]), np.array([5.0]))
        for s, t in (("200", 1000), ("404", 121_000), ("500", 121_001))
    ]
    increases = count(*bare)
    assert amounts(increases) == []
    assert increases.uncertain.tolist() == [False, False, True]
    assert not count(*bare, cursors=Cursors(since=121_001)).uncertain.any()


def test_a_part_of_the_increases_is_indexed_into_its_own_series() -> None:
    increases = count(series({15: 1, 30: 2}), series({15: 1, 30: 4}, status="500"), series({30: 9}, status="503"))
    errors = increases.of(np.array([False, True, True]))
    assert amounts(errors) == [(0, 15.0, 30.0, 3.0), (1, 15.0, 30.0, 9.0)]
    assert errors.uncertain.shape == (2,)
    assert amounts(errors.where(errors.amount > 5)) == [(1, 15.0, 30.0, 9.0)]


def unexplained(*samples: SeriesSamples, cursors: Cursors | None = None) -> dict[Target, int]:
    return Births(samples, cursors or Cursors(), Origins()).unexplained()


def test_targets_that_need_a_closer_look_are_those_that_appear_unexplained() -> None:
    watched = series({15: 1, 30: 2, 45: 3})
    lazy = series({45: 1}, status="500")
    pod = SeriesSamples({"job": "shop", "instance": "new"}, np.array([40_000]), np.array([1.0]))
    later = SeriesSamples({"job": "shop", "instance": "new", "status": "500"}, np.array([39_000]), np.array([1.0]))
    bare = SeriesSamples({"status": "200"}, np.array([40_000]), np.array([1.0]))
    since = Cursors(since=15_000)
    assert unexplained(watched, lazy, pod, later, bare, cursors=since) == {Target("shop", "new"): 39_000}
    assert unexplained(watched, cursors=Cursors(since=14_999)) == {TARGET: 15_000}


def test_a_series_born_long_after_its_targets_last_scrape_deserves_a_closer_look() -> None:
    _, cursors = count_increases([series({0: 1, 15: 1})], Cursors(), Origins())
    assert unexplained(series({135: 1}, status="500"), cursors=cursors) == {}
    assert unexplained(series({136: 1}, status="500"), cursors=cursors) == {TARGET: 136_000}
    assert unexplained(series({500: 1}), cursors=cursors) == {}


def test_observations_are_samples_and_each_is_counted_once() -> None:
    probe = series({15: 1, 75: 0})
    every, values, cursors = count_observations([probe, series({20: 1}, instance="b")], Cursors())
    assert amounts(every) == [(0, 15.0, 15.0, 1.0), (0, 75.0, 75.0, 1.0), (1, 20.0, 20.0, 1.0)]
    assert values.tolist() == [1.0, 0.0, 1.0]
    again, values, after = count_observations([series({75: 0, 90: 1})], cursors)
    assert (amounts(again), values.tolist()) == ([(0, 90.0, 90.0, 1.0)], [1.0])
    assert after.series[probe.key].time == 90_000
    nothing, values, _ = count_observations([], after)
    assert (amounts(nothing), values.tolist()) == ([], [])


def test_the_scrape_interval_is_the_median_distance() -> None:
    assert scrape_interval(np.array([0, 15_001, 29_999, 45_000, 600_000])) == 15_001
    assert scrape_interval(np.array([0, 15_000, 45_000])) == 22_500
    assert scrape_interval(np.array([0, 15_000])) == 0


def test_a_targets_scrapes_are_those_of_all_its_series() -> None:
    bare = SeriesSamples({"status": "200"}, np.array([5000]), np.array([1.0]))
    found = target_scrapes([series({15: 1, 30: 1}), series({30: 1, 45: 1}, status="500"), bare, series({}, x="y")])
    assert {key: times.tolist() for key, times in found.items()} == {
        TARGET: [15_000, 30_000, 45_000],
        (("status", "200"),): [5000],
    }


def minutes_covered(*samples: SeriesSamples, minutes: int = 10) -> list[float]:
    coverage, _ = count_coverage(samples, {}, Interval(0, minutes))
    return [float(share) for share in coverage_ratio(coverage).round(6)]


def every(seconds: int, begin: int, end: int) -> dict[float, float]:
    return {float(at): 1.0 for at in range(begin, end + 1, seconds)}


def test_regular_scrapes_cover_every_minute() -> None:
    assert minutes_covered(series(every(15, 0, 600))) == [1.0] * 10


def test_a_scrape_covers_the_interval_before_it() -> None:
    assert minutes_covered(series(every(15, 90, 150))) == [0, 0.75, 0.5, 0, 0, 0, 0, 0, 0, 0]


def test_jitter_is_no_gap_but_a_missed_scrape_is() -> None:
    jitter = {0.0: 1.0, 15.0: 1.0, 37.4: 1.0, 45.0: 1.0, 60.0: 1.0}
    assert minutes_covered(series(jitter), minutes=1) == [1.0]
    assert minutes_covered(series({0: 1, 15: 1, 30: 1, 60: 1}), minutes=1) == [0.75]


def test_a_gap_is_uncovered_up_to_the_scrape_interval_before_its_end() -> None:
    assert minutes_covered(series(every(15, 0, 120) | every(15, 315, 600))) == [1, 1, 0, 0, 0, 1, 1, 1, 1, 1]


def test_one_silent_target_of_two_halves_the_coverage_of_its_gap() -> None:
    silent = series(every(15, 0, 120) | every(15, 315, 600), instance="b")
    assert minutes_covered(series(every(15, 0, 600)), silent) == [1, 1, 0.5, 0.5, 0.5, 1, 1, 1, 1, 1]


def test_a_target_that_never_returns_is_no_gap() -> None:
    assert minutes_covered(series(every(15, 0, 600)), series(every(15, 0, 120), instance="b")) == [1.0] * 10


def test_coverage_goes_on_from_the_cursors_of_the_read_before() -> None:
    grid = Interval(0, 4)
    first, targets = count_coverage([series(every(15, 0, 60))], {}, grid)
    assert targets[TARGET] == TargetCursor(0, 60_000, 15_000)
    second, after = count_coverage([series(every(15, 45, 60) | every(15, 180, 240))], targets, grid)
    both = Coverage(first.seen + second.seen, first.expected + second.expected)
    assert coverage_ratio(both).tolist() == [1.0, 0.0, 0.25, 1.0]
    assert after[TARGET] == TargetCursor(0, 240_000, 15_000)
    nothing, unchanged = count_coverage([series({60: 1})], targets, grid)
    assert nothing.seen.sum() == 0
    assert unchanged == targets


def test_the_interval_of_a_single_scrape_is_that_of_the_read_before_or_a_minute() -> None:
    known, _ = count_coverage([series({75: 1})], {TARGET: TargetCursor(0, 60_000, 15_000)}, Interval(0, 2))
    assert known.seen.tolist() == [0.0, 15_000.0]
    unknown, _ = count_coverage([series({75: 1})], {}, Interval(0, 2))
    assert unknown.seen.tolist() == [45_000.0, 15_000.0]


def laid(begin: float, end: float, amount: float, minutes: int = 5) -> list[float]:
    times = np.array([round(begin * MINUTE)]), np.array([round(end * MINUTE)])
    return [float(part) for part in spread(*times, np.array([amount]), Interval(0, minutes)).round(9)]


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (0.25, 0.75, [12, 0, 0, 0, 0]),
        (0, 1, [12, 0, 0, 0, 0]),
        (1, 2, [0, 12, 0, 0, 0]),
        (0.5, 1.5, [6, 6, 0, 0, 0]),
        (0.75, 1.5, [4, 8, 0, 0, 0]),
        (0.5, 4.5, [1.5, 3, 3, 3, 1.5]),
        (0.5, 2.5, [3, 6, 3, 0, 0]),
        (-2, 2, [3, 3, 0, 0, 0]),
        (3, 7, [0, 0, 0, 3, 3]),
        (-10, 10, [0.6, 0.6, 0.6, 0.6, 0.6]),
        (-2, -1, [0, 0, 0, 0, 0]),
        (-1, 0, [0, 0, 0, 0, 0]),
        (5, 6, [0, 0, 0, 0, 0]),
        (6, 9, [0, 0, 0, 0, 0]),
        (1, 1, [12, 0, 0, 0, 0]),
        (1.5, 1.5, [0, 12, 0, 0, 0]),
        (5, 5, [0, 0, 0, 0, 12]),
        (0, 0, [0, 0, 0, 0, 0]),
    ],
)
def test_amounts_are_laid_evenly_over_their_minutes(begin: float, end: float, expected: list[float]) -> None:
    assert laid(begin, end, 12) == expected


@given(
    st.lists(st.tuples(st.integers(-500_000, 500_000), st.integers(0, 400_000), st.floats(0, 1e6)), max_size=30),
    st.integers(-10, 10),
)
def test_spreading_over_adjacent_grids_loses_and_repeats_nothing(
    pieces: list[tuple[int, int, float]], border: int
) -> None:
    begin = np.array([piece[0] for piece in pieces], np.int64)
    end = begin + np.array([piece[1] for piece in pieces], np.int64)
    amount = np.array([piece[2] for piece in pieces])
    halves = [spread(begin, end, amount, grid) for grid in (Interval(-20, border), Interval(border, 20))]
    whole = spread(begin, end, amount, Interval(-20, 20))
    assert np.concatenate(halves) == pytest.approx(whole, abs=1e-3)
    assert whole.sum() == pytest.approx(amount.sum(), abs=1e-3)
    assert (whole >= -1e-6).all()


@given(
    st.lists(st.integers(0, 50), min_size=2, max_size=60), st.lists(st.integers(0, 59), max_size=5), st.integers(1, 59)
)
def test_reading_in_two_parts_counts_the_same_as_reading_at_once(steps: list[int], resets: list[int], cut: int) -> None:
    values = np.zeros(len(steps))
    running = 0.0
    for index, step in enumerate(steps):
        running = step if index in resets else running + step
        values[index] = running
    times = np.arange(len(steps)) * 15_000
    whole = count(SeriesSamples(POD, times, values))
    at = min(cut, len(steps) - 1)
    first, cursors = count_increases([SeriesSamples(POD, times[:at], values[:at])], Cursors(), Origins())
    overlap = max(0, at - 3)
    second, _ = count_increases([SeriesSamples(POD, times[overlap:], values[overlap:])], cursors, Origins())
    assert amounts(first) + amounts(second) == amounts(whole)

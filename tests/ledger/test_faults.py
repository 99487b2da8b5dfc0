"""Whatever befalls a source, its clock or its samples: every event is counted once, and what is missing is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.ledger.store import Ledger
from slo.objective import RatioSLI
from slo.samples import SeriesSamples, Times
from slo.selector import MatchOp
from slo.source.fleet import Fleet, FleetSpec, Gap, simulate
from slo.units import MINUTE_MS
from slo.window import Interval
from tests.arithmetic.objectives import TOTAL, objective
from tests.ledger.stretches import blocks_of
from tests.ledger.worlds import (
    Collected,
    Series,
    Server,
    assert_same_events,
    codes,
    counted_at_once,
    coverage,
    cumulatives,
    shifted,
)

START = 29_800_800
HOUR = 60
AVAILABILITY = objective()
FLEET = FleetSpec(
    start=START,
    days=1,
    scrape_interval_seconds=30,
    requests_per_second=5.0,
    base_error_ratio=0.02,
    pod_lifetime_hours=5.0,
    lazy_series=True,
    resets_per_pod=4,
)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return simulate(FLEET)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(str(tmp_path / "slo.db"), create=True) as opened:
        yield opened


def counted(collected: Collected) -> Interval:
    return Interval(START, collected.edge)


def assert_nothing_lost(collected: Collected, series: Series, *, least_minutes: int) -> None:
    """The ledger holds what there is to count in the samples when all have come."""
    interval = counted(collected)
    assert interval.minutes >= least_minutes
    expected = counted_at_once(series, collected.objectives[0], interval)
    assert_same_events(collected.measured(interval), expected, interval)
    for epoch in collected.ledger.epochs():
        blocks_of(collected.ledger, epoch, Interval(START - HOUR, START + 10_000))


class Delay:
    """Samples of the minutes `(begin, end]` come so much later; of one instance only, if it is named."""

    def __init__(self, begin: int, end: int, minutes: int, instance: str | None = None) -> None:
        self._from, self._until = (START + begin) * MINUTE_MS, (START + end) * MINUTE_MS
        self._delay = minutes * MINUTE_MS
        self._instance = instance

    def __call__(self, one: SeriesSamples) -> Times:
        if self._instance not in (None, one.labels["instance"]):
            return one.times
        late = (one.times > self._from) & (one.times <= self._until)
        return one.times + np.where(late, self._delay, 0)


def test_minute_by_minute_it_is_counted_as_at_once(ledger: Ledger, fleet: Fleet) -> None:
    collected = Collected(ledger, Server(fleet.series), AVAILABILITY, since=START)
    results = collected.run(START, START + 5 * HOUR)
    assert not any(one.failures or one.notes for one in results)
    assert_nothing_lost(collected, fleet.series, least_minutes=5 * HOUR - 31)
    inside = counted(collected)
    found, truth = collected.measured(inside).groups[()].within(inside), fleet.reached.within(inside)
    assert found.bad == pytest.approx(truth.bad, abs=3)
    assert found.total == pytest.approx(truth.total, abs=5 * 30 * 2)
    assert min(coverage(collected.measured(inside), inside)) == 1.0


def test_each_sample_is_read_twice_however_many_pods_come_and_go(ledger: Ledger) -> None:
    churned = simulate(replace(FLEET, days=2, scrape_interval_seconds=60, resets_per_pod=0))
    server = Server(churned.series)
    collected = Collected(ledger, server, AVAILABILITY, since=START)
    collected.run(START, START + 2 * 24 * HOUR)
    existing = sum(one.times.size for one in churned.series[TOTAL.metric])
    read = dict(server.samples_read)
    assert read.pop(TOTAL.metric) <= 2 * existing
    assert sum(read.values()) < 0.2 * existing  # to tell deaths and births apart; pods have two series here
    assert not any(gap.is_hole for gap in ledger.gaps())


def test_live_minutes_are_told_before_they_are_read_again(ledger: Ledger, fleet: Fleet) -> None:
    collected = Collected(ledger, Server(fleet.series), AVAILABILITY, since=START)
    collected.run(START, START + 100)
    newest = ledger.newest_minute()
    assert newest == START + 99  # the last minute is complete with the first scrape after it
    interval = Interval(START, newest)
    expected = counted_at_once(fleet.series, AVAILABILITY, interval)
    assert_same_events(collected.measured(interval), expected, interval)


def test_an_hour_without_answers_is_caught_up(ledger: Ledger, fleet: Fleet) -> None:
    server = Server(fleet.series)
    collected = Collected(ledger, server, AVAILABILITY, since=START)
    collected.run(START, START + 100)
    server.is_down = True
    failed = collected.run(START + 100, START + 160)
    assert all(set(one.failures) == {AVAILABILITY.id} for one in failed)
    unseen = Interval(START + 100, START + 160)
    assert set(coverage(collected.measured(unseen), unseen)) == {0.0}
    server.is_down = False
    collected.run(START + 160, START + 200)
    assert_nothing_lost(collected, fleet.series, least_minutes=150)
    assert set(coverage(collected.measured(unseen), unseen)) == {1.0}


@pytest.mark.parametrize("silent", [True, False], ids=["prometheus was down", "scrapes failed"])
def test_what_was_never_scraped_is_a_gap_in_the_coverage(silent: bool, ledger: Ledger) -> None:
    missing = simulate(replace(FLEET, gaps=(Gap(100, 60, silent=silent),)))
    collected = Collected(ledger, Server(missing.series), AVAILABILITY, since=START)
    collected.run(START, START + 5 * HOUR)
    assert_nothing_lost(collected, missing.series, least_minutes=4 * HOUR)
    inside = counted(collected)
    expected = counted_at_once(missing.series, AVAILABILITY, inside)
    shares = coverage(collected.measured(inside), inside)
    assert shares == pytest.approx(coverage(expected, inside), abs=0.05)
    assert set(shares[102:158]) == {0.0}
    assert set(shares[:98]) == {1.0}


@pytest.mark.parametrize("delay", [1, 5, 12])
def test_samples_that_always_come_late_are_counted(delay: int, ledger: Ledger, fleet: Fleet) -> None:
    server = Server(fleet.series, arrival=Delay(-HOUR, 10 * HOUR, delay))
    collected = Collected(ledger, server, AVAILABILITY, since=START)
    collected.run(START, START + 3 * HOUR)
    assert_nothing_lost(collected, fleet.series, least_minutes=2 * HOUR)


@pytest.mark.parametrize("delay", [5, 40])
def test_an_hour_of_samples_that_come_late_is_counted_again_when_they_are_there(
    delay: int, ledger: Ledger, fleet: Fleet
) -> None:
    server = Server(fleet.series, arrival=Delay(100, 160, delay))
    collected = Collected(ledger, server, AVAILABILITY, since=START)
    collected.run(START, START + 5 * HOUR)
    assert_nothing_lost(collected, fleet.series, least_minutes=4 * HOUR)
    inside = counted(collected)
    assert min(coverage(collected.measured(inside), inside)) == 1.0


def test_samples_that_came_late_survive_a_restart_in_between(ledger: Ledger, fleet: Fleet) -> None:
    server = Server(fleet.series, arrival=Delay(100, 160, 40))
    collected = Collected(ledger, server, AVAILABILITY, since=START)
    for begin in range(START, START + 5 * HOUR, 17):
        collected.run(begin, begin + 17)
        collected.restart()
    assert_nothing_lost(collected, fleet.series, least_minutes=4 * HOUR)


def one_late_pod(ledger: Ledger, fleet: Fleet, slot: int, delay: int) -> Collected:
    """Half an hour of its samples come so many minutes late, those of the others in time."""
    server = Server(fleet.series, arrival=Delay(100, 130, delay, f"10.{slot}.0.0:8080"))
    collected = Collected(ledger, server, AVAILABILITY, since=START)
    collected.run(START, START + 4 * HOUR)
    return collected


@pytest.mark.parametrize(
    ("slot", "delay"),
    [(0, 4), (1, 4), (2, 4), (0, 40), (1, 40)],
    ids=["in time for the second reading"] * 3 + ["it ends meanwhile", "it ended before"],
)
def test_a_part_of_the_series_may_come_late(slot: int, delay: int, ledger: Ledger, fleet: Fleet) -> None:
    collected = one_late_pod(ledger, fleet, slot, delay)
    assert_nothing_lost(collected, fleet.series, least_minutes=3 * HOUR)
    interval = counted(collected)
    assert min(coverage(collected.measured(interval), interval)) == 1.0


def test_what_has_not_come_when_a_late_pod_is_read_again_is_spread_and_told(ledger: Ledger, fleet: Fleet) -> None:
    """The pod goes on. When it is first seen again, the last of its late samples are still on their way."""
    collected = one_late_pod(ledger, fleet, 2, 40)
    interval = counted(collected)
    found, expected = collected.measured(interval), counted_at_once(fleet.series, AVAILABILITY, interval)
    ours, theirs = (cumulatives(one.groups[()], interval) for one in (found, expected))
    assert ours[-1].tolist() == theirs[-1].tolist()
    is_off = np.abs(np.diff(ours, axis=0) - np.diff(theirs, axis=0)).max(axis=1) > 2
    is_told = np.array(coverage(found, interval)) < 1.0
    is_told[1:] |= is_told[:-1].copy()  # the spread ends with the first sample after what is missing
    assert is_off.any()
    assert not (is_off & ~is_told).any()


def test_samples_that_were_changed_are_counted_as_the_second_reading_found_them(ledger: Ledger, fleet: Fleet) -> None:
    collected = Collected(ledger, Server(_doubled(fleet.series)), AVAILABILITY, since=START)
    collected.run(START, START + 14)
    told = collected.measured(Interval(START, START + 13)).groups[()].within(Interval(START, START + 13))
    collected.server = Server(fleet.series)
    collected.server.now_ms = (START + 14) * MINUTE_MS
    collected.restart()
    collected.run(START + 14, START + 120)
    assert_nothing_lost(collected, fleet.series, least_minutes=90)
    now = collected.measured(Interval(START, START + 13)).groups[()].within(Interval(START, START + 13))
    assert told.total == pytest.approx(2 * now.total, abs=2)


def test_what_was_read_twice_stays_as_it_was_counted(ledger: Ledger, fleet: Fleet) -> None:
    collected = Collected(ledger, Server(fleet.series), AVAILABILITY, since=START)
    collected.run(START, START + 90)
    settled = counted(collected)
    before = cumulatives(collected.measured(settled).groups[()], settled)
    collected.server = Server(_doubled(fleet.series))
    collected.server.now_ms = (START + 90) * MINUTE_MS
    collected.restart()
    collected.run(START + 90, START + 100)
    assert np.array_equal(cumulatives(collected.measured(settled).groups[()], settled), before)


def _doubled(series: Series) -> Series:
    return {
        metric: [SeriesSamples(one.labels, one.times, one.values * 2) for one in group] if "total" in metric else group
        for metric, group in series.items()
    }


def test_a_clock_that_jumps_an_hour_ahead_and_back_costs_no_event(ledger: Ledger, fleet: Fleet) -> None:
    """Samples carry the time at which they were taken: of the hour ahead there are none yet."""
    server = Server(fleet.series)
    collected = Collected(ledger, server, AVAILABILITY, since=START)
    collected.run(START, START + 100)
    server.ahead_ms = HOUR * MINUTE_MS
    collected.run(START + 100, START + 103)
    server.ahead_ms = 0
    collected.run(START + 103, START + 6 * HOUR)
    assert_nothing_lost(collected, fleet.series, least_minutes=5 * HOUR)
    inside = counted(collected)
    assert min(coverage(collected.measured(inside), inside)) == 1.0


def test_a_changed_indicator_keeps_the_old_counts_and_tells_of_them(ledger: Ledger, fleet: Fleet) -> None:
    server = Server(fleet.series)
    collected = Collected(ledger, server, AVAILABILITY, since=START)
    collected.run(START, START + 100)
    settled = counted(collected)
    before = cumulatives(collected.measured(settled).groups[()], settled)
    stricter = replace(AVAILABILITY, sli=RatioSLI(total=TOTAL, bad=TOTAL.where("status", MatchOp.REGEX, "5..|2..")))
    collected.objectives = (stricter,)
    collected.restart()
    collected.run(START + 100, START + 200)
    whole = counted(collected)
    found = collected.measured(whole)
    assert codes(found.reasons) == {"indicator_changed"}
    assert np.array_equal(cumulatives(found.groups[()], whole)[: settled.minutes + 1], before)
    fresh = Interval(settled.end, whole.end)
    assert found.groups[()].within(fresh).good == 0
    expected = counted_at_once(fleet.series, stricter, fresh).groups[()].within(fresh)
    assert found.groups[()].within(fresh).bad == pytest.approx(expected.bad, abs=1)
    assert codes(collected.measured(fresh).reasons) == set()
    assert [epoch.number for epoch in ledger.epochs()] == [1, 2]


def test_groups_over_the_limit_are_told_and_count_for_the_whole(ledger: Ledger) -> None:
    churning = simulate(replace(FLEET, pod_lifetime_hours=0.5, resets_per_pod=0))
    by_pod = objective(group_by=("pod",), max_groups=5)
    collected = Collected(ledger, Server(churning.series), by_pod, since=START)
    for begin in range(START, START + 4 * HOUR, HOUR):
        collected.run(begin, begin + HOUR)
        collected.restart()
    assert_nothing_lost(collected, churning.series, least_minutes=3 * HOUR)
    found = collected.measured(counted(collected))
    assert len(found.groups.keys() - {()}) == 5
    assert "max_groups" in codes(found.reasons)


def test_every_group_is_counted_as_at_once(ledger: Ledger, fleet: Fleet) -> None:
    by_pod = objective(group_by=("pod",))
    server = Server(fleet.series, arrival=Delay(100, 160, 40))
    collected = Collected(ledger, server, by_pod, since=START)
    collected.run(START, START + 5 * HOUR)
    inside = counted(collected)
    found, expected = collected.measured(inside), counted_at_once(fleet.series, by_pod, inside)
    assert found.groups.keys() == expected.groups.keys()
    for group in found.groups:
        assert_same_events(found, expected, inside, group)


@pytest.mark.parametrize("shift", [0, 7_000])
def test_a_hole_in_one_replica_is_filled_from_the_other(shift: int, ledger: Ledger, fleet: Fleet) -> None:
    holed = simulate(replace(FLEET, gaps=(Gap(100, 60),)))
    server, other = Server(holed.series), Server(shifted(fleet.series, shift))
    server.replicas = [other]
    collected = Collected(ledger, server, AVAILABILITY, since=START)
    for minute in range(START + 1, START + 4 * HOUR):
        other.now_ms = minute * MINUTE_MS + 2000
        collected.cycle(minute)
    inside = counted(collected)
    found, expected = collected.measured(inside), counted_at_once(fleet.series, AVAILABILITY, inside)
    ours, theirs = (cumulatives(one.groups[()], inside)[-1] for one in (found, expected))
    assert np.abs(ours - theirs).max() <= (0 if shift == 0 else 1)
    shares = coverage(found, inside)
    assert min(shares) >= (1.0 if shift == 0 else 0.4)
    assert np.mean(shares) > 0.99


SCHEDULES = st.lists(st.tuples(st.one_of(st.integers(1, 3), st.integers(1, 90)), st.booleans()), max_size=20)
END = START + 6 * HOUR


@settings(max_examples=15, deadline=None)
@given(schedule=SCHEDULES)
def test_whenever_it_runs_the_counts_are_those_of_one_backfill(
    schedule: list[tuple[int, bool]], fleet: Fleet, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """schedule: minutes until the next cycle, and whether the collector is a new one then."""
    folder = tmp_path_factory.mktemp("schedule")
    with Ledger(str(folder / "now.db"), create=True) as now, Ledger(str(folder / "then.db"), create=True) as then:
        collected = Collected(now, Server(fleet.series), AVAILABILITY, since=START)
        minute = START
        for pause, is_restarted in schedule:
            minute = min(minute + pause, END)
            if is_restarted:
                collected.restart()
            collected.cycle(minute)
        collected.cycle(END)
        backfilled = Collected(then, Server(fleet.series), AVAILABILITY, since=START)
        backfilled.cycle(END)
        assert collected.edge == backfilled.edge
        inside = counted(collected)
        found, expected = collected.measured(inside), backfilled.measured(inside)
        assert_same_events(found, expected, inside)
        assert coverage(found, inside) == pytest.approx(coverage(expected, inside), abs=0.002)
        blocks_of(now, now.epochs()[0], Interval(START, END))


def test_a_target_that_changed_within_the_window_is_told(ledger: Ledger, fleet: Fleet) -> None:
    collected = Collected(ledger, Server(fleet.series), AVAILABILITY, since=START)
    collected.run(START, START + 60)
    collected.objectives = (replace(AVAILABILITY, target_ratio=Decimal("0.995")),)
    collected.restart()
    collected.run(START + 60, START + 120)
    [told] = [one for one in collected.measured(counted(collected)).reasons if one.code == "target_changed"]
    assert "the target was 99.9 %" in told.message
    later = Interval(START + 61, START + 90)
    assert "target_changed" not in codes(collected.measured(later).reasons)

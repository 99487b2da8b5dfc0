"""The simulation tells the truth about itself: everything else is judged by it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from slo.alert_policy import AlertPolicy, WindowPair
from slo.objective import SLI, LatencySLI, Objective, RatioSLI
from slo.report import State, evaluate
from slo.selector import MatchOp, Selector
from slo.source.fleet import DURATION, PROCESS_START, REQUESTS, UP, Episode, Fleet, FleetSpec, Gap, simulate
from slo.source.protocol import Measured
from slo.source.simulated import PROBE, SimulatedReader, cloudshop_series, cloudshop_specs, simulated_cloudshop
from slo.window import Interval, RollingWindow, minute_of

AT = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
START = 29_800_800
DAY = Interval(START, START + 1440)


def fleet(**changes: object) -> Fleet:
    given: dict[str, object] = {"start": START, "days": 1, "requests_per_second": 6.0, "base_error_ratio": 0.01}
    return simulate(FleetSpec(**(given | changes)))  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_samples_and_another_seed_others() -> None:
    first, second, other = fleet(seed=3), fleet(seed=3), fleet(seed=4)
    for one, same in zip(first.series[REQUESTS], second.series[REQUESTS], strict=True):
        assert one.labels == same.labels
        assert np.array_equal(one.times, same.times)
        assert np.array_equal(one.values, same.values)
    assert not np.array_equal(first.happened.good, other.happened.good)


def test_counters_without_restarts_rise_by_exactly_what_happened_between_their_scrapes() -> None:
    simulated = fleet(pods=1, jitter_ms=0)
    series = simulated.series[REQUESTS]
    truths = ((simulated.happened.good, 50_000), (simulated.happened.bad, 20))
    for one, (edges, base) in zip(series, truths, strict=True):
        minute = one.times // 60_000 - simulated.happened.start
        assert (np.diff(one.values) >= 0).all()
        assert (one.values - base >= edges[minute]).all()
        assert (one.values - base <= edges[minute + 1]).all()


def test_every_event_of_an_undisturbed_fleet_reaches_a_scrape() -> None:
    simulated = fleet()
    assert simulated.reached.within(DAY) == simulated.happened.within(DAY)
    assert simulated.happened.within(DAY).total == pytest.approx(6 * 86_400, rel=0.01)
    assert simulated.happened.within(DAY).bad == pytest.approx(6 * 864, rel=0.06)


def test_what_a_restart_swallows_happened_but_did_not_reach_a_scrape() -> None:
    simulated = fleet(resets_per_pod=20)
    happened, reached = simulated.happened.within(DAY), simulated.reached.within(DAY)
    assert 0 < happened.total - reached.total < 60 * 15 * 2 * 3
    assert len(np.unique(np.concatenate([one.values for one in simulated.series[PROCESS_START]]))) > 55


def test_reached_events_are_the_counters_steps_and_their_values_after_each_birth() -> None:
    simulated = fleet(pods=1, pod_lifetime_hours=3.0, lazy_series=True, lead_minutes=0, tail_minutes=0)
    first, *born = [one for one in simulated.series[REQUESTS] if one.labels["status"] == "500"]
    counted = float(np.diff(first.values).sum() + sum(one.values[-1] for one in born))
    reached = simulated.reached.within(DAY).bad
    # The first series counted before the simulation began: its first value is a baseline, not a count.
    assert counted <= reached <= counted + 30


def test_lazy_series_appear_with_their_first_event_and_gaps_leave_nothing_or_a_zero() -> None:
    gaps = (Gap(60, 10), Gap(120, 10, silent=False))
    simulated = fleet(lazy_series=True, pod_lifetime_hours=4.0, gaps=gaps)
    assert all(one.values.min() > 0 for one in simulated.series[REQUESTS])
    for up in simulated.series[UP]:
        minutes = up.times / 60_000 - START
        assert not ((minutes > 60) & (minutes <= 70)).any()
        assert (up.values[(minutes > 120) & (minutes <= 130)] == 0).all()


def test_cron_errors_fall_into_the_first_second_after_the_edge() -> None:
    simulated = fleet(base_error_ratio=0.0, cron_every_minutes=5, cron_errors=7)
    bad = np.diff(simulated.happened.bad)
    minutes = np.arange(simulated.happened.start, simulated.happened.end)
    assert (bad[minutes % 5 == 0] == 21).all()
    assert not bad[minutes % 5 != 0].any()


def test_quiet_hours_have_no_traffic_at_all() -> None:
    simulated = fleet(quiet_hours=frozenset({2, 3}))
    assert simulated.happened.within(Interval(START + 120, START + 240)).total == 0


def test_truth_needs_bins_that_divide_the_minute() -> None:
    with pytest.raises(ValueError, match=re.escape("bins divide a minute")):
        FleetSpec(start=START, days=1, bin_seconds=7)


def test_the_incident_is_where_the_specification_says() -> None:
    simulated = fleet(incidents=(Episode(180, 30, 1.0),), base_error_ratio=0.0)
    bad = np.flatnonzero(np.diff(simulated.happened.bad)) + simulated.happened.start - START
    assert (bad.min(), bad.max()) == (180, 209)


def test_the_reader_gives_the_samples_of_the_interval_and_of_the_matching_series_only() -> None:
    simulated = fleet()
    reader = SimulatedReader(simulated.series)
    interval = Interval(START + 10, START + 20)
    found = reader.read(Selector(REQUESTS).where("status", MatchOp.REGEX, "5.."), interval)
    assert len(found) == 3
    for one in found:
        assert one.labels["status"] == "500"
        assert one.times.min() > interval.start * 60_000
        assert one.times.max() <= interval.end * 60_000
        assert one.times.size == 40
    least = reader.read_minimum(Selector(PROCESS_START), interval)
    assert {value for _, value in least} == {(START - 60) * 60.0 - 86_400}


def test_the_shop_has_its_night_incident_in_the_dark_and_little_traffic_there() -> None:
    frontend = simulate(cloudshop_specs(seed=1, days=30, at=AT)[0])
    bad, total = np.diff(frontend.happened.bad), np.diff(frontend.happened.bad + frontend.happened.good)
    hit = np.flatnonzero(bad == total)
    minutes = hit[total[hit] > 0] + frontend.happened.start
    assert len(minutes) == 30
    assert set(minutes % 1440 // 60) == {3}
    assert total[hit].mean() < total.mean() / 4


def test_the_shop_serves_every_series_of_its_objectives() -> None:
    series = cloudshop_series(seed=1, days=1, at=AT)
    assert {REQUESTS, UP, PROCESS_START, PROBE, "http_request_duration_seconds_bucket"} <= series.keys()
    bounds = {one.labels["le"] for one in series["http_request_duration_seconds_bucket"]}
    assert {"0.3", "+Inf"} <= bounds
    assert hasattr(simulated_cloudshop(days=1, at=AT), "events")


def test_the_demo_shows_a_budget_about_to_recover_and_an_objective_that_burns() -> None:
    total = Selector(REQUESTS).where("namespace", MatchOp.EQUAL, "cloudshop-prod")
    ratio = RatioSLI(total=total, bad=total.where("status", MatchOp.REGEX, "5.."))
    latency = LatencySLI(histogram=Selector(DURATION), threshold=Decimal("0.3"))
    objectives = [objective("availability", "0.999", ratio), objective("latency", "0.95", latency)]
    minute = minute_of(AT)
    window = Interval(minute - 30 * 1440, minute)
    measured = simulated_cloudshop(at=AT).events(objectives, [window] * 2, lambda share: None)
    reports = {}
    for one in objectives:
        found = measured[one.id]
        assert isinstance(found, Measured)
        reports[one.name] = evaluate(one, found.groups[()], at=AT, reasons=found.reasons)
        if one is objectives[0]:
            two_days_on = found.groups[()].within(Interval(window.start + 2 * 1440, minute))
    assert reports["availability"].state is State.OK
    assert reports["availability"].counts.bad > 1.5 * two_days_on.bad
    assert reports["latency"].state is State.BURNING
    assert not any(report.reasons for report in reports.values())


def objective(name: str, target: str, sli: SLI) -> Objective:
    pair = WindowPair(severity="page", long_minutes=60, short_minutes=5, budget_share=Fraction(2, 100))
    return Objective(
        service="cloudshop",
        name=name,
        target_ratio=Decimal(target),
        window=RollingWindow(30 * 1440),
        sli=sli,
        alert_policy=AlertPolicy(name="one pair", pairs=(pair,)),
    )

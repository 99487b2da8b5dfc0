"""What is counted from a fleet's scrapes is what happened, as far as any scrape could tell."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from slo.alert_policy import AlertPolicy
from slo.objective import SLI, LatencySLI, Objective, RatioSLI
from slo.selector import MatchOp, Selector
from slo.source.fleet import DURATION, REQUESTS, Episode, Fleet, FleetSpec, Gap, simulate
from slo.source.prometheus import PrometheusSource
from slo.source.protocol import Measured, Source
from slo.source.sampled import SampledSource
from slo.source.simulated import SimulatedReader
from slo.window import Interval, RollingWindow

TOTAL = Selector(REQUESTS).where("namespace", MatchOp.EQUAL, "cloudshop-prod")
AVAILABILITY = RatioSLI(total=TOTAL, bad=TOTAL.where("status", MatchOp.REGEX, "5.."))
LATENCY = LatencySLI(histogram=Selector(DURATION), threshold=Decimal("0.3"))
START = 29_800_800
DAYS = 3


def measured(source: Source, sli: SLI, window: Interval) -> Measured:
    objective = Objective(
        service="cloudshop",
        name="any",
        target_ratio=Decimal("0.999"),
        window=RollingWindow(window.minutes),
        sli=sli,
        alert_policy=AlertPolicy(name="none", pairs=()),
    )
    found = source.events([objective], [window], lambda share: None)[objective.id]
    assert isinstance(found, Measured), found
    return found


def window_of(fleet: Fleet) -> Interval:
    return Interval(fleet.spec.start, fleet.spec.start + fleet.spec.days * 1440)


def in_memory(fleet: Fleet) -> Source:
    return SampledSource(SimulatedReader(fleet.series))


def assert_counts_what_was_reached(fleet: Fleet) -> None:
    window = window_of(fleet)
    expected = fleet.reached.within(window)
    got = measured(in_memory(fleet), AVAILABILITY, window).groups[()].within(window)
    # At either end of the window, the interval between two scrapes is split by time, not by event.
    rate = expected.total / window.minutes / 60
    assert abs(got.bad - expected.bad) <= 1 + 0.0005 * expected.bad
    assert abs(got.total - expected.total) <= 5 + 4 * fleet.spec.scrape_interval_seconds * rate


LITTLE_ERRORS = {"requests_per_second": 1.0, "base_error_ratio": 0.0005, "lazy_series": True}
FLEETS: dict[str, dict[str, object]] = {
    "a steady fleet": {},
    "a night incident under diurnal traffic": {"peak_to_trough": 20.0, "incidents": (Episode(1620, 50, 1.0),)},
    "pods that live for an hour": {"pod_lifetime_hours": 1.0, **LITTLE_ERRORS},
    "gaps in the scrapes": {"gaps": (Gap(100, 1), Gap(700, 12), Gap(2000, 180, silent=False))},
    "little traffic, quiet at night": {
        **LITTLE_ERRORS,
        "requests_per_second": 0.05,
        "quiet_hours": frozenset({1, 2, 3}),
    },
    "errors in step with the clock": {"base_error_ratio": 0.0, "cron_every_minutes": 5, "cron_errors": 2},
    "restarts after which errors come back one by one": {"resets_per_pod": 12, **LITTLE_ERRORS},
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("changes", FLEETS.values(), ids=FLEETS.keys())
def test_every_event_that_reached_a_scrape_is_counted_once(changes: dict[str, object], seed: int) -> None:
    assert_counts_what_was_reached(simulate(FleetSpec(start=START, days=DAYS, seed=seed, tail_minutes=15, **changes)))  # type: ignore[arg-type]


def test_errors_after_a_restart_are_placed_where_they_happened_not_where_the_last_ones_were() -> None:
    fleet = simulate(
        FleetSpec(
            start=START,
            days=DAYS,
            base_error_ratio=0.0,
            incidents=(Episode(100, 10, 0.5), Episode(3000, 10, 0.5)),
            resets_per_pod=6,
            lazy_series=True,
            tail_minutes=15,
        )
    )
    events = measured(in_memory(fleet), AVAILABILITY, window_of(fleet)).groups[()]
    before = Interval(START + 200, START + 2999)
    assert events.within(before).bad == fleet.reached.within(before).bad == 0


def test_the_size_of_the_reads_does_not_matter() -> None:
    fleet = simulate(
        FleetSpec(start=START, days=1, pod_lifetime_hours=5.0, resets_per_pod=4, gaps=(Gap(600, 12),), **LITTLE_ERRORS)  # type: ignore[arg-type]
    )
    window = window_of(fleet)
    reader = SimulatedReader(fleet.series)
    small = measured(SampledSource(reader, chunk_minutes=11), AVAILABILITY, window).groups[()]
    large = measured(SampledSource(reader), AVAILABILITY, window).groups[()]
    assert np.array_equal(small.bad, large.bad)
    assert np.array_equal(small.good, large.good)
    assert np.allclose(small.covered, large.covered)


def test_a_real_prometheus_gives_the_same_events_as_the_samples_it_was_loaded_with(
    known_fleet: Fleet, fleet_url: str
) -> None:
    window = window_of(known_fleet)
    for sli in (AVAILABILITY, LATENCY):
        direct = measured(in_memory(known_fleet), sli, window).groups[()]
        served = measured(PrometheusSource(fleet_url), sli, window).groups[()]
        assert np.array_equal(served.bad, direct.bad)
        assert np.array_equal(served.good, direct.good)
        assert np.allclose(served.covered, direct.covered)


def test_the_fleet_in_the_real_prometheus_is_counted_as_it_was(known_fleet: Fleet, fleet_url: str) -> None:
    window = window_of(known_fleet)
    got = measured(PrometheusSource(fleet_url), AVAILABILITY, window).groups[()].within(window)
    expected = known_fleet.reached.within(window)
    assert abs(got.bad - expected.bad) <= 1 + 0.0005 * expected.bad
    assert got.total == pytest.approx(expected.total, rel=0.0005)
    assert got.covered_minutes == pytest.approx(window.minutes - 12, abs=2)

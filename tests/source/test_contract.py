"""Every source gives the same events for the same history: of real servers, of files, of raw samples at hand."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slo.errors import SourceError
from slo.events import EventSeries
from slo.objective import LatencySLI, Objective
from slo.selector import Selector
from slo.source.fleet import Fleet
from slo.source.frame import FrameSource
from slo.source.prometheus import PrometheusSource
from slo.source.protocol import Measured, Source
from slo.source.sampled import SampledSource
from slo.source.simulated import SimulatedReader
from slo.window import Interval, RollingWindow, datetime_of
from tests.arithmetic.objectives import objective
from tests.conftest import SERVERS, STARTERS

SourceOf = Callable[[], Source]


def _frame(fleet: Fleet) -> pd.DataFrame:
    """The events that reached a scrape, a row a minute; minutes that no scrape covers have none."""
    interval = _interval(fleet)
    edges = np.arange(interval.start, interval.end + 1)
    position = edges - fleet.reached.start
    gap = fleet.spec.gaps[0]
    first_missed = interval.start + gap.start_minute
    frame = pd.DataFrame(
        {
            "time": [datetime_of(int(edge)).isoformat() for edge in edges[1:]],
            "slo": "cloudshop/availability",
            "service": fleet.spec.service,
            "bad": np.diff(fleet.reached.bad[position]),
            "good": np.diff(fleet.reached.good[position]),
            "coverage": 1.0,
        }
    )
    missed = (edges[1:] > first_missed) & (edges[1:] <= first_missed + gap.minutes)
    frame.loc[missed, "coverage"] = 0.0
    return frame


def _interval(fleet: Fleet) -> Interval:
    return Interval(fleet.spec.start, fleet.spec.start + fleet.spec.days * 1440)


@pytest.fixture(params=[*SERVERS, "samples", "csv", "parquet"])
def source(request: pytest.FixtureRequest, known_fleet: Fleet, tmp_path: Path) -> Source:
    if request.param in STARTERS:
        return PrometheusSource(request.getfixturevalue("fleet_url_of")(request.param))
    if request.param == "samples":
        return SampledSource(SimulatedReader(known_fleet.series))
    path = tmp_path / f"events.{request.param}"
    frame = _frame(known_fleet)
    if request.param == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.assign(time=pd.to_datetime(frame["time"])).to_parquet(path)
    return FrameSource.from_file(path)


def measured(source: Source, wanted: Objective, interval: Interval) -> Measured:
    found = source.events([wanted], [interval], lambda _: None)[wanted.id]
    assert isinstance(found, Measured), found
    return found


def grouped() -> Objective:
    return objective(group_by=("service",), window=RollingWindow(2 * 1440))


def test_every_event_is_counted_once(source: Source, known_fleet: Fleet) -> None:
    interval = _interval(known_fleet)
    counts = measured(source, grouped(), interval).groups[()].within(interval)
    truth = known_fleet.reached.within(interval)
    # What happened between the last scrape before the window and its start is shared out evenly, not exactly.
    assert counts.bad == pytest.approx(truth.bad, abs=5)
    assert counts.total == pytest.approx(truth.total, rel=5e-5)


def test_the_error_ratio_is_within_five_hundredths_of_a_percent_or_one_event(
    source: Source, known_fleet: Fleet
) -> None:
    interval = _interval(known_fleet)
    counts = measured(source, grouped(), interval).groups[()].within(interval)
    truth = known_fleet.reached.within(interval)
    ratio, true_ratio = counts.bad / counts.total, truth.bad / truth.total
    assert abs(ratio - true_ratio) <= max(5e-4 * true_ratio, 1 / truth.total)


def test_every_part_of_the_window_is_right_and_the_parts_add_up(source: Source, known_fleet: Fleet) -> None:
    interval = _interval(known_fleet)
    events = measured(source, grouped(), interval).groups[()]
    parts = [Interval(start, start + 360) for start in range(interval.start, interval.end, 360)]
    for part in parts:
        assert events.within(part).total == pytest.approx(known_fleet.reached.within(part).total, rel=2e-3)
    assert sum(events.within(part).bad for part in parts) == events.within(interval).bad


def test_a_gap_shows_in_the_coverage_and_nowhere_else(source: Source, known_fleet: Fleet) -> None:
    interval = _interval(known_fleet)
    gap = known_fleet.spec.gaps[0]
    events = measured(source, grouped(), interval).groups[()]
    begin = interval.start + gap.start_minute
    assert events.within(Interval(begin + 1, begin + gap.minutes - 1)).covered_minutes == pytest.approx(0, abs=0.2)
    assert events.within(Interval(interval.start, begin - 1)).covered_minutes / (gap.start_minute - 1) > 0.99
    assert events.observed is not None
    assert events.observed.start <= interval.start
    assert events.observed.end >= interval.end


def test_groups_are_parts_of_the_whole_and_share_its_coverage(source: Source, known_fleet: Fleet) -> None:
    groups = measured(source, grouped(), _interval(known_fleet)).groups
    assert set(groups) == {(), (("service", known_fleet.spec.service),)}
    whole, part = groups.values()
    assert np.array_equal(whole.bad, part.bad)
    assert np.array_equal(whole.covered, part.covered)


def test_events_have_the_grid_of_the_interval(source: Source, known_fleet: Fleet) -> None:
    interval = Interval(known_fleet.spec.start + 60, known_fleet.spec.start + 120)
    events: EventSeries = measured(source, grouped(), interval).groups[()]
    assert events.start <= interval.start
    assert events.end >= interval.end


def test_progress_rises_to_one(source: Source, known_fleet: Fleet) -> None:
    told: list[float] = []
    source.events([grouped()], [_interval(known_fleet)], told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_an_objective_without_data_has_no_events_and_hides_nothing(source: Source, known_fleet: Fleet) -> None:
    other = objective(name="other", sli=LatencySLI(histogram=Selector("nowhere_seconds"), threshold=Decimal(1)))
    interval = _interval(known_fleet)
    found = source.events([other, grouped()], [interval, interval], lambda _: None)
    assert set(found) == {"cloudshop/other", "cloudshop/availability"}
    nothing = found["cloudshop/other"]
    assert isinstance(nothing, SourceError) or nothing.groups[()].within(interval).total == 0
    whole = found["cloudshop/availability"]
    assert isinstance(whole, Measured)
    assert whole.groups[()].within(interval).total > 0

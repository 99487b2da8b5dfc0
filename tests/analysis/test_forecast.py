"""Forecasts: the roll-off against what really happens, scenarios in closed form, and the coverage of the band."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.budget import budget_of
from slo.events import EventSeries
from slo.forecast import Forecast, Scenario, forecast
from slo.forecast_band import band_coverage
from slo.objective import Objective
from slo.source.fleet import Episode
from slo.window import CalendarUnit, CalendarWindow, Interval, RollingWindow, minute_of
from tests.analysis.histories import DAY, MONTH, START, fleet, history
from tests.arithmetic.objectives import objective

NOW = START + 2 * MONTH
HOUR = 60
Floats = npt.NDArray[np.float64]


def foreseen(events: EventSeries, one: Objective | None = None, at: int = NOW) -> Forecast:
    found = forecast(one or objective(), events, at)
    assert found is not None
    return found


def scenario(found: Forecast, name: str) -> Scenario:
    return next(one for one in found.scenarios if one.name == name)


def remaining(events: EventSeries, at: int, one: Objective) -> float:
    period = one.window.period(at)
    ratio = budget_of(events.within(period), one.budget_ratio, period.minutes).remaining_ratio
    assert ratio is not None
    return ratio


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 2 * MONTH - 200), st.integers(1, 200)), max_size=5), st.integers(1, 720))
def test_if_nothing_more_fails_the_roll_off_is_exactly_what_comes(failing: list[tuple[int, int]], hour: int) -> None:
    """Steady traffic that goes on: at every hour the forecast is what the budget then is, incidents leaving on time."""
    events = history(3 * MONTH, *[(first, length, 0.3) for first, length in failing])
    known = EventSeries.from_minutes(
        START, np.diff(events.bad[: 2 * MONTH + 1]).astype(float), np.full(2 * MONTH, 1000.0), np.ones(2 * MONTH)
    )
    quiet = scenario(foreseen(known), "quiet").remaining
    assert len(quiet) == 720
    assert quiet[hour - 1] == pytest.approx(remaining(events, NOW + hour * HOUR, objective()), abs=1e-12)


def test_an_exhausted_budget_recovers_in_the_hour_in_which_its_incident_leaves_the_window() -> None:
    events = history(2 * MONTH, (MONTH + 5 * DAY, 50, 1.0))
    quiet = scenario(foreseen(events), "quiet")
    assert quiet.exhausted_at == NOW
    assert quiet.recovered_at == NOW + 5 * DAY + HOUR


def test_a_rolling_window_at_a_burn_rate_of_just_below_one_is_never_exhausted() -> None:
    """The naive formula, R * P / BR, predicts its end."""
    found = foreseen(history(2 * MONTH, base=0.00099))
    for name in ("now", "lately", "usual"):
        one = scenario(found, name)
        assert (one.exhausted_at, one.recovered_at) == (None, None)
        assert one.error_ratio == pytest.approx(0.00099, rel=2e-3)
    assert found.projected_ratio == pytest.approx(0.01, abs=1e-3)


def test_a_burn_that_began_lately_is_dated_by_each_scenario() -> None:
    """Nothing failed until 12 hours ago, since then 1 % of the events: 0.5 days of burn 10 in the window of 30.

    If that goes on, k / (b n) = 10 (0.5 + d) / 30 reaches 1 after 2.5 days.
    """
    found = foreseen(history(2 * MONTH, (2 * MONTH - DAY // 2, DAY // 2, 0.01)))
    assert found.remaining_ratio == pytest.approx(1 - 5 / 30)
    now, lately, usual = (scenario(found, name) for name in ("now", "lately", "usual"))
    assert now.exhausted_at is not None
    assert abs(now.exhausted_at - (NOW + 2.5 * DAY)) <= HOUR
    assert lately.error_ratio == pytest.approx(0.01 / 6, rel=0.01)
    assert lately.exhausted_at is not None
    assert lately.exhausted_at > now.exhausted_at
    assert usual.exhausted_at is None


def test_few_events_hardly_move_the_ratio() -> None:
    """One bad of two in 6 hours: shrunken by kappa = 1000 events at the period's ratio, not 50 %."""
    total = np.zeros(2 * MONTH)
    total[::50] = 1.0
    total[-300:] = 0.0
    total[-200] = total[-100] = 1.0
    bad = np.zeros(2 * MONTH)
    bad[-100] = 1.0
    found = foreseen(EventSeries.from_minutes(START, bad, total, np.ones(2 * MONTH)))
    assert scenario(found, "now").error_ratio < 0.003


def test_traffic_is_that_of_the_same_hour_of_the_week() -> None:
    """Twice the events on one day of each week: at a constant ratio the budget follows, as it really does."""
    day = np.arange(3 * MONTH) // DAY
    total = np.where(day % 7 == 2, 2000.0, 1000.0)
    bad = np.where(day < 45, 0.0, total * 0.0005)
    events = EventSeries.from_minutes(START, bad, total, np.ones(total.size))
    known = EventSeries.from_minutes(START, bad[: 2 * MONTH], total[: 2 * MONTH], np.ones(2 * MONTH))
    lately = scenario(foreseen(known), "lately").remaining
    for hour in (24, 72, 200, 500):
        assert lately[hour - 1] == pytest.approx(remaining(events, NOW + hour * HOUR, objective()), abs=2e-3)


def test_a_calendar_month_is_projected_to_its_end() -> None:
    one = objective(window=CalendarWindow(CalendarUnit.MONTH, "UTC"))
    start, at = (minute_of(datetime(2026, month, day, tzinfo=UTC)) for month, day in ((9, 1), (11, 11)))
    size = at - start
    bad = np.zeros(size)
    bad[-5 * DAY : -5 * DAY + 20] = 1000.0
    events = EventSeries.from_minutes(start, bad, np.full(size, 1000.0), np.ones(size))
    found = foreseen(events, one, at)
    assert found.until == minute_of(datetime(2026, 12, 1, tzinfo=UTC))
    assert found.remaining_ratio == pytest.approx(1 - 20 / 14.4)
    quiet = scenario(found, "quiet")
    assert len(quiet.remaining) == 20 * 24
    assert quiet.remaining[-1] == pytest.approx(1 - 20 / 43.2)
    assert quiet.exhausted_at == at
    assert quiet.recovered_at is not None


def test_without_a_budget_or_events_there_is_no_forecast() -> None:
    assert forecast(objective("1"), history(MONTH), START + MONTH) is None
    assert forecast(objective(), history(MONTH, total=0.0), START + MONTH) is None
    assert forecast(objective(), EventSeries.empty(), NOW) is None


def test_a_short_history_gives_scenarios_but_no_band() -> None:
    found = foreseen(history(5 * DAY, base=0.0002), at=START + 5 * DAY)
    assert (found.band, found.coverage) == (None, ())
    assert scenario(found, "usual").error_ratio == pytest.approx(0.0002, rel=1e-3)


def test_the_band_reaches_as_far_as_half_of_the_history_and_holds_the_usual_scenario() -> None:
    events = fleet(*[Episode(day * DAY * 7 + 600, 20, 0.2) for day in range(8)], days=60, lead_minutes=0).happened
    found = foreseen(events)
    assert found.band is not None
    assert (found.band.step_minutes, len(found.band.low)) == (DAY, 30)
    usual = scenario(found, "usual").remaining
    inside = [
        low <= usual[(step + 1) * 24 - 1] <= high
        for step, (low, high) in enumerate(zip(found.band.low, found.band.high, strict=True))
    ]
    assert sum(inside) >= 27
    half = foreseen(events, at=START + 20 * DAY)
    assert half.band is not None
    assert len(half.band.low) == 10


@pytest.mark.parametrize("every_days", [3, 10, 30])
def test_the_band_covers_85_to_95_percent_of_what_came(every_days: int) -> None:
    """Eight histories of a year with incidents at random, from minutes to hours and from 2 % to total; as forecasts of
    one history overlap, only their pool tells."""
    made: dict[int, list[int]] = {}
    for seed in range(8):
        bad, total = hourly_year(every_days, seed)
        for one in band_coverage(bad, total, 720, 0.001):
            pooled = made.setdefault(one.horizon_minutes // DAY, [0, 0])
            pooled[0] += one.covered
            pooled[1] += one.made
    assert sorted(made) == [1, 7, 30]
    for horizon, (covered, count) in made.items():
        assert count > 2000
        assert 0.85 <= covered / count <= 0.95, (horizon, covered / count)


def hourly_year(every_days: int, seed: int) -> tuple[Floats, Floats]:
    """Bad and all events of each hour; traffic swings by the day."""
    rng = np.random.default_rng(seed)
    ratio, minute = np.full(365 * DAY, 0.0003), 0
    while minute < ratio.size:
        minute += int(rng.exponential(every_days * DAY))
        length = int(rng.lognormal(3.3, 0.8)) + 1
        ratio[minute : minute + length] = rng.uniform(0.02, 1)
        minute += length
    hour = np.arange(365 * 24)
    total = rng.poisson(72_000 * np.exp(0.8 * np.cos((hour % 24 - 15) * np.pi / 12)))
    bad = rng.binomial(total, ratio.reshape(-1, HOUR).mean(axis=1))
    return bad.astype(np.float64), total.astype(np.float64)


def test_coverage_is_told_only_where_enough_forecasts_could_be_checked() -> None:
    quiet = np.zeros(24 * 40)
    horizons = [one.horizon_minutes // DAY for one in band_coverage(quiet, np.full(24 * 40, 1e5), 720, 0.001)]
    assert horizons == [1, 7]
    assert band_coverage(quiet[:24], np.full(24, 1e5), 720, 0.001) == ()


def test_a_short_period_is_drawn_in_blocks_of_a_seventh() -> None:
    one = objective(window=RollingWindow(DAY))
    found = foreseen(history(5 * DAY, base=0.0002), one, START + 5 * DAY)
    assert found.band is not None
    assert (found.band.step_minutes, found.until) == (3 * HOUR, START + 6 * DAY)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 10))
def test_the_shorter_the_past_the_same_the_present(seed: int, cut_days: int) -> None:
    """What lies before the period changes no scenario but the usual one, and none of the roll-off."""
    rng = np.random.default_rng(seed)
    total = rng.poisson(300.0, 2 * MONTH).astype(float)
    bad = rng.binomial(total.astype(int), 0.0008).astype(float)
    cut = cut_days * DAY
    whole = EventSeries.from_minutes(START, bad, total, np.ones(total.size))
    part = EventSeries.from_minutes(START + cut, bad[cut:], total[cut:], np.ones(total.size - cut))
    first, second = foreseen(whole), foreseen(part)
    assert first.remaining_ratio == second.remaining_ratio
    for name in ("now", "lately", "quiet"):
        assert scenario(first, name) == scenario(second, name)
    assert Interval(first.at, first.until) == Interval(second.at, second.until)

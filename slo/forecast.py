"""What becomes of a budget: the exact roll-off of its window, expected traffic, and how bad events may go on.

At T + h a rolling window of length P holds what happened since T + h - P, which is known, and what will happen until
T + h. Remaining is 1 - k / (b n) of both together: an old incident leaves the window at a known minute.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slo.events import Events, WindowCounts
from slo.forecast_band import (
    EDGES,
    LEAST_BLOCKS,
    Coverage,
    band_coverage,
    block_hours,
    block_ratios,
    drawn_ratios,
    expected_traffic,
)
from slo.objective import Objective
from slo.window import CalendarWindow, Interval

Floats = npt.NDArray[np.float64]

_HOUR = 60
_MOST_HISTORY_HOURS = 400 * 24
_DRAWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How it goes on if bad events go on at one ratio. Times are minutes, None for "not within the period".

    remaining: at each hour from now on; exhausted_at: the first at which nothing is left, now if nothing is;
    recovered_at: the first at which something is left again, where nothing is now.
    """

    name: str
    error_ratio: float
    remaining: tuple[float, ...]
    exhausted_at: int | None
    recovered_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Where the remaining share will be with 90 %, at each step from now on, as far ahead as half of the history.

    exhausted_from: the first minute at which its lower edge is at nothing; exhausted_by: its upper edge.
    """

    step_minutes: int
    low: tuple[float, ...]
    high: tuple[float, ...]
    exhausted_from: int | None
    exhausted_by: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The future of one budget from a minute on, until `until`: one period, or the end of a calendar period.

    remaining_ratio: now; projected_ratio: at `until` in the usual scenario; band: None where the history is too
    short.
    """

    at: int
    until: int
    remaining_ratio: float
    projected_ratio: float
    scenarios: tuple[Scenario, ...]
    band: Band | None
    coverage: tuple[Coverage, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Past:
    """Counts of whole hours until now, oldest first."""

    bad: Floats
    total: Floats


def forecast(objective: Objective, events: Events, at_minute: int, *, is_backtested: bool = False) -> Forecast | None:
    """The forecast at a minute; None without a budget or without events in the period.

    Scenarios: `now` and `lately` go on as in the last 6 hours and 3 days, (k + kappa e) / (n + kappa) with the error
    ratio e of the period and kappa = 1 / b, so that few events hardly move it; `usual` as in all of the history;
    `quiet` without a single bad event, which is the roll-off alone. is_backtested: tell the coverage of the band.
    """
    b = float(objective.budget_ratio)
    period = objective.window.period(at_minute)
    counts = events.within(Interval(period.start, at_minute))
    if not b or not counts.total:
        return None
    horizon = _Horizon.of(objective, events, at_minute)
    past = _hourly(events, at_minute)
    usual = float(past.bad.sum() / past.total.sum()) if past.total.sum() else counts.bad / counts.total
    traffic = expected_traffic(past.total, horizon.hours)
    ratios = {
        "now": _shrunken(events, at_minute, 6 * _HOUR, counts, b),
        "lately": _shrunken(events, at_minute, 72 * _HOUR, counts, b),
        "usual": usual,
        "quiet": 0.0,
    }
    scenarios = tuple(_scenario(name, ratio, horizon, traffic, b) for name, ratio in ratios.items())
    block = block_hours(horizon.period_hours)
    return Forecast(
        at=at_minute,
        until=horizon.until,
        remaining_ratio=1 - counts.bad / (b * counts.total),
        projected_ratio=scenarios[2].remaining[-1],
        scenarios=scenarios,
        band=_band(past, horizon, traffic, b, block),
        coverage=band_coverage(past.bad, past.total, horizon.period_hours, b) if is_backtested else (),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Horizon:
    """The hours ahead, and what of their windows is known already: bad and total at each hour from 1 on."""

    at: int
    until: int
    hours: int
    period_hours: int
    known_bad: Floats
    known_total: Floats

    @classmethod
    def of(cls, objective: Objective, events: Events, at_minute: int) -> _Horizon:
        period = objective.window.period(at_minute)
        is_calendar = isinstance(objective.window, CalendarWindow)
        until = period.end if is_calendar else at_minute + period.minutes
        hours = max(1, -(-(until - at_minute) // _HOUR))
        starts = [
            period.start if is_calendar else min(period.start + hour * _HOUR, at_minute) for hour in range(1, hours + 1)
        ]
        known = [events.within(Interval(start, at_minute)) for start in starts]
        return cls(
            at_minute,
            until,
            hours,
            max(1, period.minutes // _HOUR),
            np.array([one.bad for one in known], np.float64),
            np.array([one.total for one in known], np.float64),
        )

    def remaining(self, bad: Floats, total: Floats, b: float, hours: npt.NDArray[np.int64]) -> Floats:
        """1 - k / (b n) after so many hours, from what happens until then; shape as bad. 1 without any event."""
        all_bad = bad + self.known_bad[hours - 1]
        allowed = b * (total + self.known_total[hours - 1])
        return 1 - np.divide(all_bad, allowed, out=np.zeros_like(all_bad), where=allowed > 0)

    def minute(self, hour: int) -> int:
        return min(self.at + hour * _HOUR, self.until)


def _hourly(events: Events, at_minute: int) -> _Past:
    seen = events.observed
    hours = 0 if seen is None else min(max(0, at_minute - seen.start) // _HOUR, _MOST_HISTORY_HOURS)
    counts = [
        events.within(Interval(at_minute - (hour + 1) * _HOUR, at_minute - hour * _HOUR))
        for hour in range(hours - 1, -1, -1)
    ]
    return _Past(np.array([one.bad for one in counts], np.float64), np.array([one.total for one in counts], np.float64))


def _shrunken(events: Events, at_minute: int, minutes: int, period: WindowCounts, b: float) -> float:
    recent = events.within(Interval(at_minute - minutes, at_minute))
    return (recent.bad + period.bad / period.total / b) / (recent.total + 1 / b)


def _scenario(name: str, error_ratio: float, horizon: _Horizon, traffic: Floats, b: float) -> Scenario:
    total = np.cumsum(traffic)
    hours = np.arange(1, horizon.hours + 1)
    left = horizon.remaining(error_ratio * total, total, b, hours)
    now = horizon.remaining(np.zeros(1), np.zeros(1), b, np.ones(1, np.int64))
    is_gone = bool(now[0] <= 0)
    gone, there = np.flatnonzero(left <= 0), np.flatnonzero(left > 0)
    return Scenario(
        name=name,
        error_ratio=error_ratio,
        remaining=tuple(left.tolist()),
        exhausted_at=horizon.at if is_gone else horizon.minute(int(gone[0]) + 1) if gone.size else None,
        recovered_at=horizon.minute(int(there[0]) + 1) if is_gone and there.size else None,
    )


def _band(past: _Past, horizon: _Horizon, traffic: Floats, b: float, block: int) -> Band | None:
    """Whole blocks of the history, drawn anew in any order, are what may happen next.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, section 8.5 (blocks of dependent data).
    """
    ratios = block_ratios(past.bad, past.total, block)
    steps = min(horizon.hours // block, ratios.size // 2)
    if ratios.size < LEAST_BLOCKS or not steps:
        return None
    totals = traffic[: steps * block].reshape(steps, block).sum(axis=1)
    rng = np.random.default_rng(0)
    drawn = np.cumsum(drawn_ratios(ratios, _DRAWS, steps, rng) * totals, axis=1)
    hours = np.arange(1, steps + 1) * block
    left = horizon.remaining(drawn, np.broadcast_to(np.cumsum(totals), drawn.shape), b, hours)
    low, high = np.quantile(left, EDGES, axis=0)
    return Band(
        step_minutes=block * _HOUR,
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        exhausted_from=_first(low <= 0, horizon, block),
        exhausted_by=_first(high <= 0, horizon, block),
    )


def _first(gone: npt.NDArray[np.bool_], horizon: _Horizon, block: int) -> int | None:
    places = np.flatnonzero(gone)
    return horizon.minute((int(places[0]) + 1) * block) if places.size else None

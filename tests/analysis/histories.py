"""Histories of known truth for the tests of the analysis."""

from __future__ import annotations

from typing import Any

import numpy as np

from slo.events import EventSeries
from slo.source.fleet import Episode, Fleet, FleetSpec, simulate
from slo.window import Interval

START = 29_800_800
DAY = 1440
MONTH = 30 * DAY


def fleet(*incidents: Episode, days: int = 30, **changes: Any) -> Fleet:
    """A fleet that failed in these episodes, which count from START; drawn by the minute, scraped hardly ever."""
    values: dict[str, Any] = {"pods": 1, "bin_seconds": 60, "scrape_interval_seconds": 3600, "tail_minutes": 0}
    return simulate(FleetSpec(start=START, days=days, incidents=incidents, **(values | changes)))


def interval_of(episode: Episode) -> Interval:
    begin = START + episode.start_minute
    return Interval(begin, begin + episode.minutes)


def history(minutes: int, *failing: tuple[int, int, float], total: float = 1000.0, base: float = 0.0) -> EventSeries:
    """Steady traffic from START on, with a share of bad events in each (first minute, minutes, ratio), else `base`."""
    ratio = np.full(minutes, base)
    for first, length, share in failing:
        ratio[first : first + length] = share
    every = np.full(minutes, total)
    return EventSeries.from_minutes(START, ratio * every, every, np.ones(minutes))

"""What one series holds in memory does not become more while minutes come."""

from __future__ import annotations

import numpy as np

from slo.ledger.remembered import DAY, HOUR, RECENT_MINUTES, RememberedSeries
from slo.ledger.stretch import FULL, Provenance, Stretch
from slo.window import Interval

START = 29_800_800
"""A midnight in UTC."""


def minutes(start: int, count: int) -> Stretch:
    good, bad = np.full(count, 9, np.int64), np.ones(count, np.int64)
    return Stretch.of(start, good, bad, np.full(count, FULL, np.int16), Provenance.LIVE)


def test_minutes_that_are_no_longer_recent_are_let_go_of() -> None:
    days = np.zeros((1, 3), np.int64)
    series = RememberedSeries(
        START // DAY, days, (0, 0, 0), minutes(START, 3 * HOUR), lambda asked: minutes(asked.start, asked.minutes)
    )
    for minute in range(START + 3 * HOUR, START + 2 * DAY):
        assert series.replace(minutes(minute, 1))
        edges, _ = series.at_hand(Interval(minute - DAY, minute + 1))
        assert sum(edge % DAY != 0 for edge in edges.tolist()) <= RECENT_MINUTES // HOUR + 2
    counts = series.within(Interval(START, START + 2 * DAY))
    assert (counts.total, counts.bad) == (2 * DAY * 10, 2 * DAY)

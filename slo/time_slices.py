"""From events to time slices: each slice of some minutes is good or bad as a whole."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from slo.events import EventSeries
from slo.objective import EmptySlice, TimeSlices


def to_slices(events: EventSeries, slices: TimeSlices) -> EventSeries:
    """The same history with one "event" for each slice, on the minute of the slice's end.

    A slice is good when good >= target * total, compared in integers. Slices are aligned to the Unix epoch (UTC);
    those cut by the edges of the series are left out. An empty slice counts as declared, except that one of
    which no second was seen is never good. Source: OpenSLO v1, budgetingMethod Timeslices.
    """
    length = slices.minutes
    first, last = -(-events.start // length), events.end // length
    if last <= first:
        nothing = np.zeros(events.good.size, np.int64)
        return EventSeries(events.start, nothing, nothing.copy(), events.covered.copy(), length)
    edges = np.arange(first, last + 1) * length - events.start
    good, bad = np.diff(events.good[edges]), np.diff(events.bad[edges])
    target = Fraction(slices.target_ratio)
    # In Python integers: a billion events times a long decimal target leaves 64 bits.
    kept = np.array(
        [g * target.denominator >= target.numerator * (g + b) for g, b in zip(good.tolist(), bad.tolist(), strict=True)]
    )
    empty = good + bad == 0
    seen = np.diff(events.covered[edges]) > 0
    is_good = np.where(empty, (slices.empty is EmptySlice.GOOD) & seen, kept)
    is_bad = np.where(empty, slices.empty is EmptySlice.BAD, ~kept)
    return EventSeries(
        events.start,
        _cumulative_at(is_good, edges[1:], events.good.size),
        _cumulative_at(is_bad, edges[1:], events.good.size),
        events.covered.copy(),
        length,
    )


def _cumulative_at(flags: np.ndarray, edges: np.ndarray, size: int) -> np.ndarray:
    increments = np.zeros(size, np.int64)
    increments[edges] = flags
    return np.cumsum(increments)

"""Counted events on the minute grid, with prefix sums: any window is two look-ups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from slo.window import Interval

Counts = npt.NDArray[np.int64]
Minutes = npt.NDArray[np.float64]


class WindowCounts(NamedTuple):
    """What happened in one interval: whole events, and how many of its minutes were seen."""

    good: int
    bad: int
    covered_minutes: float

    @property
    def total(self) -> int:
        return self.good + self.bad


class Events(Protocol):
    """Counted events that can tell what happened in any interval, wherever they are kept."""

    @property
    def slice_minutes(self) -> int:
        """0 where an event is an event, otherwise the length of the time slices that are counted."""
        ...

    @property
    def observed(self) -> Interval | None:
        """From the beginning of the first to the end of the last minute of which anything was seen."""
        ...

    def within(self, interval: Interval) -> WindowCounts:
        """The counts of an interval; minutes of which nothing is known hold nothing."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class EventSeries:
    """Good and bad events of consecutive minutes as cumulatives at the minute edges.

    start: the minute of the first edge; good, bad: whole events, covered: minutes seen, each of shape
    (minutes + 1,), beginning with 0 and never falling. slice_minutes: 0 where an event is an event,
    otherwise each "event" is one time slice of that length, counted at its end.
    """

    start: int
    good: Counts
    bad: Counts
    covered: Minutes
    slice_minutes: int = 0
    observed: Interval | None = field(init=False)
    """From the beginning of the first to the end of the last minute of which anything was seen."""

    def __post_init__(self) -> None:
        for cumulative in (self.good, self.bad, self.covered):
            if cumulative.shape != self.good.shape or cumulative.ndim != 1 or not cumulative.size:
                raise ValueError("cumulatives are one-dimensional, of one length, with at least one edge")
            if cumulative[0] != 0 or not (np.diff(cumulative) >= 0).all():
                raise ValueError("cumulatives begin with 0 and never fall")
            cumulative.setflags(write=False)
        seen = np.flatnonzero(np.diff(self.covered) > 0)
        observed = Interval(self.start + int(seen[0]), self.start + int(seen[-1]) + 1) if seen.size else None
        object.__setattr__(self, "observed", observed)

    @classmethod
    def from_minutes(cls, start: int, bad: Minutes, total: Minutes, coverage: Minutes) -> EventSeries:
        """Cumulatives of per-minute events, fractions allowed: rounded at the edges, so that no event is lost.

        bad, total: events, shape (minutes,); coverage: share of each minute that was seen, in [0, 1].
        Where bad runs ahead of total (their series were read at different instants), total follows.
        """
        bad_edges = np.maximum.accumulate(_edges(bad))
        total_edges = np.maximum.accumulate(np.maximum(_edges(total), bad_edges))
        whole_bad = np.rint(bad_edges).astype(np.int64)
        whole_good = np.maximum.accumulate(np.rint(total_edges).astype(np.int64) - whole_bad)
        return cls(start, whole_good, whole_bad, _edges(np.clip(coverage, 0.0, 1.0)))

    @classmethod
    def from_good_minutes(cls, start: int, good: Minutes, total: Minutes, coverage: Minutes) -> EventSeries:
        """As from_minutes, from good events: what is not good of the total is bad."""
        return cls.from_minutes(
            start, np.diff(_edges(total) - np.minimum(_edges(good), _edges(total))), total, coverage
        )

    @classmethod
    def empty(cls, start: int = 0) -> EventSeries:
        """A series of no minutes at all."""
        return cls(start, np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1, np.float64))

    @property
    def end(self) -> int:
        """The minute of the last edge."""
        return self.start + self.good.size - 1

    def within(self, interval: Interval) -> WindowCounts:
        """The counts of an interval; minutes outside of the series hold nothing."""
        last = self.good.size - 1
        low = min(max(interval.start - self.start, 0), last)
        high = min(max(interval.end - self.start, low), last)
        good, bad, covered = self.good.item, self.bad.item, self.covered.item
        return WindowCounts(good(high) - good(low), bad(high) - bad(low), covered(high) - covered(low))


def pool(series: Iterable[EventSeries]) -> EventSeries:
    """The sum of several series, minute by minute; a minute's coverage is the best among them.

    Counts are pooled, never ratios averaged: a mean of ratios is off by -Cov(traffic, ratio) / mean(traffic).
    """
    parts = list(series)
    if not parts:
        return EventSeries.empty()
    start, end = min(part.start for part in parts), max(part.end for part in parts)
    good, bad = np.zeros(end - start + 1, np.int64), np.zeros(end - start + 1, np.int64)
    coverage = np.zeros(end - start)
    for part in parts:
        good += _placed(part.good, part.start - start, good.size)
        bad += _placed(part.bad, part.start - start, bad.size)
        inside = slice(part.start - start, part.end - start)
        coverage[inside] = np.maximum(coverage[inside], np.diff(part.covered))
    return EventSeries(start, good, bad, _edges(coverage), parts[0].slice_minutes)


def _placed(cumulative: Counts, offset: int, size: int) -> Counts:
    """The cumulative on a longer grid: 0 before its first edge, its last value after its last."""
    return np.concatenate(
        [np.zeros(offset, np.int64), cumulative, np.full(size - offset - cumulative.size, cumulative[-1], np.int64)]
    )


def _edges(increments: Minutes) -> Minutes:
    return np.concatenate([np.zeros(1), np.cumsum(increments, dtype=np.float64)])

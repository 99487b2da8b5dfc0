"""One series in memory: what the windows of a report need, and no more.

Sums of whole days, the minutes of the last hours, and for every edge of a window further back the hour around it:
some 25 KB for 30 days, where all minutes would be 700.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from slo.events import WindowCounts
from slo.ledger.stretch import FULL, Stretch
from slo.window import Interval

HOUR, DAY = 60, 1440
RECENT_MINUTES = 7 * HOUR
"""More than the 6 h window, and than what a second reading replaces."""
LOADED_MINUTES = 3 * HOUR
"""So many are recent at first: each hour has to be unpacked, and what is further back is rarely asked for."""

_PAGES = 12

Sums = npt.NDArray[np.int64]
"""Cumulative good, bad and thousandths covered at consecutive edges, shape (edges, 3): an edge lies in one place."""

Edge = Sequence[int]
"""Good, bad and thousandths covered from the beginning up to one minute."""


class RememberedSeries:
    """Events of one series since the beginning of a day, as in Events.

    days: cumulative at the beginnings of days, from `first_day` to the one in which the recent minutes begin;
    base: at the beginning of `recent`; load: the minutes of an interval, from the store; observed_from: the beginning
    of the first minute that was covered, where it is known.
    """

    slice_minutes = 0

    def __init__(
        self,
        first_day: int,
        days: Sums,
        base: Edge,
        recent: Stretch,
        load: Callable[[Interval], Stretch],
        *,
        observed_from: int | None = None,
    ) -> None:
        self._first_day = first_day
        self._days = days
        self._recent_start: int = recent.start
        self._recent = sums_of(recent, base)
        self._load = load
        self._pages: dict[int, Sums] = {}
        self._edges: dict[int, Edge] = {}
        self._observed_from = observed_from
        self._observed_end: int | None = None
        self.coverage_of: RememberedSeries = self
        """Whose coverage this series shares: a group is covered when its objective is."""

    @property
    def end(self) -> int:
        """The last minute that was counted."""
        return self._recent_start + len(self._recent) - 1

    def within(self, interval: Interval) -> WindowCounts:
        """As in Events."""
        good_before, bad_before, covered_before = self.edge(interval.start)
        good, bad, covered = self.edge(interval.end)
        if self.coverage_of is not self:
            covered_before, covered = self.coverage_of.edge(interval.start)[2], self.coverage_of.edge(interval.end)[2]
        return WindowCounts(good - good_before, bad - bad_before, (covered - covered_before) / FULL)

    @property
    def observed(self) -> Interval | None:
        """As in Events, as far back as is remembered."""
        if self.coverage_of is not self:
            return self.coverage_of.observed
        if self._recent[-1, 2] == 0:
            return None
        if self._observed_from is None:
            self._observed_from = self._first_covered()
        if self._observed_end is None:
            self._observed_end = self._last_covered()
        return Interval(self._observed_from, self._observed_end)

    def edge(self, minute: int) -> Edge:
        """Everything counted up to a minute; what is out of reach holds nothing."""
        known = self._edges.get(minute)
        if known is None:
            known = self._edges[minute] = self._edge(min(max(minute, self._first_day * DAY), self.end))
        return known

    def at_hand(self, interval: Interval) -> tuple[npt.NDArray[np.int64], Sums]:
        """Minutes inside of an interval that need no look into the store, and the sums at each.

        These are the beginnings of days and, of what is recent, the hours; shape (edges,) and (edges, 3).
        """
        first = self._first_day * DAY
        low = min(max(interval.start // DAY + 1 - self._first_day, 0), len(self._days))
        high = min(max(-(-interval.end // DAY) - self._first_day, low), len(self._days))
        days = first + DAY * np.arange(low, high)
        begin = max(interval.start + 1, self._recent_start)
        hours = np.arange(-(-begin // HOUR) * HOUR, min(interval.end, self.end + 1), HOUR)
        hours = hours[hours > days[-1]] if days.size else hours
        return np.concatenate([days, hours]), np.concatenate(
            [self._days[low:high], self._recent[hours - self._recent_start]]
        )

    def missing_hour(self, minute: int) -> int | None:
        """The hour around a minute (its number since the epoch), if it has to be fetched before the edge is known."""
        hour = minute // HOUR
        reached = self._first_day * DAY < minute < self._recent_start and minute % DAY
        return hour if reached and hour not in self._pages else None

    def add_hour(self, hour: int, minutes: Stretch, before: Edge = (0, 0, 0)) -> None:
        """Take an hour in; minutes: to its end; before: what its day held before these minutes."""
        while len(self._pages) >= _PAGES:
            del self._pages[next(iter(self._pages))]
        day = self._days[minutes.start // DAY - self._first_day] + np.array(before, np.int64)
        self._pages[hour] = sums_of(minutes, day.tolist())[-(HOUR + 1) :].copy()

    def replace(self, stretch: Stretch, *, add: bool = False) -> bool:
        """Take over minutes that were counted anew, or add events to them.

        False where they lie further back than what is held by minute: then the series must be loaded again.
        """
        if stretch.start < self._recent_start:
            return False
        low, high = stretch.start - self._recent_start, stretch.end - self._recent_start
        known = len(self._recent) - 1
        minutes = np.zeros((max(high, known) + 1, 3), np.int64)
        minutes[0] = self._recent[0]
        minutes[1 : known + 1] = np.diff(self._recent, axis=0)
        fresh = np.array((stretch.good, stretch.bad, stretch.covered), np.int64).T
        inside = minutes[low + 1 : high + 1]
        inside[:] = inside + fresh if add else fresh
        self._recent = np.cumsum(minutes, axis=0, out=minutes)
        self._edges.clear()
        self._observed_end = None
        if len(minutes) > RECENT_MINUTES + 2 * HOUR:
            self._shorten()
        return True

    def _shorten(self) -> None:
        """Let go of minutes that are no longer recent; the beginnings of their days are kept."""
        cut = (self.end - RECENT_MINUTES) // HOUR * HOUR
        begun = range(self._recent_start // DAY + 1, cut // DAY + 1)
        if begun:
            edges = self._recent[[day * DAY - self._recent_start for day in begun]]
            self._days = np.concatenate([self._days, edges])
        self._recent = self._recent[cut - self._recent_start :].copy()
        self._recent_start = cut

    def _edge(self, minute: int) -> Edge:
        if minute >= self._recent_start:
            return _row(self._recent, minute - self._recent_start)
        if minute % DAY == 0:
            return _row(self._days, minute // DAY - self._first_day)
        hour = minute // HOUR
        if hour not in self._pages:
            self.add_hour(hour, self._load(Interval(minute // DAY * DAY, (hour + 1) * HOUR)))
        return _row(self._pages[hour], minute - hour * HOUR)

    def _first_covered(self) -> int:
        """The beginning of the first minute that was covered."""
        day = int(np.searchsorted(self._days[:, 2], 0, "right")) - 1
        start = (self._first_day + day) * DAY
        if start + DAY <= self._recent_start:
            covered = self._load(Interval(start, start + DAY)).covered
        else:
            covered = np.concatenate(
                [self._load(Interval(start, self._recent_start)).covered, np.diff(self._recent[:, 2])]
            )
        return start + int(np.flatnonzero(covered)[0])

    def _last_covered(self) -> int:
        """The end of the last minute that was covered."""
        covered = self._recent[:, 2]
        if covered[-1] > covered[0]:
            return self._recent_start + int(np.searchsorted(covered, covered[-1]))
        day = int(np.searchsorted(self._days[:, 2], covered[0]))
        end = min((self._first_day + day) * DAY, self._recent_start)
        minutes = self._load(Interval((self._first_day + day - 1) * DAY, end))
        if not minutes.covered.any():
            minutes = self._load(Interval((self._first_day + day) * DAY, self._recent_start))
        return minutes.start + int(np.flatnonzero(minutes.covered)[-1]) + 1


def _row(sums: Sums, number: int) -> Edge:
    found: list[int] = sums[number].tolist()
    return found


def sums_of(minutes: Stretch, base: Edge) -> Sums:
    """Cumulative at the edges of the minutes, the base being the first."""
    rows = np.empty((minutes.good.size + 1, 3), np.int64)
    rows[0] = base
    rows[1:, 0], rows[1:, 1], rows[1:, 2] = minutes.good, minutes.bad, minutes.covered
    return np.cumsum(rows, axis=0, out=rows)

"""Restarts that a series does not show by itself, because it was absent when they happened.

Where clients create series lazily, at their first event, a restart takes an error series away, and the next error
brings it back, often with as much as it had before: no fall tells of the restart, and what it counts began with
its return. Another counter of the same target does fall. Absence alone is no restart, nor is another's fall:
exporters that speak for other processes lose sight of some at times, and restart none of the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from slo.samples import Cursors, Scrapes, SeriesCursor, SeriesKey, SeriesSamples, Target, Times, Values

Place = Target | SeriesKey


class Steps(NamedTuple):
    """The uncounted samples of all series, one array each: the time and the value that each is counted from.

    series: index into the samples of the read.
    """

    series: npt.NDArray[np.intp]
    begin: Times
    before: Values
    end: Times
    value: Values

    @classmethod
    def following(cls, parts: Sequence[tuple[int, SeriesCursor, Times, Values]]) -> Steps:
        """The steps of series (by index) from their cursors over their fresh samples, at least one each."""
        if not parts:
            nothing, zero = np.zeros(0, np.int64), np.zeros(0)
            return cls(np.zeros(0, np.intp), nothing, zero, nothing, zero)
        sizes = np.array([times.size for _, _, times, _ in parts])
        first = np.cumsum(sizes) - sizes
        end = np.concatenate([times for _, _, times, _ in parts])
        value = np.concatenate([values for _, _, _, values in parts])
        begin, before = np.empty_like(end), np.empty_like(value)
        begin[1:], before[1:] = end[:-1], value[:-1]
        begin[first] = [cursor.time for _, cursor, _, _ in parts]
        before[first] = [cursor.value for _, cursor, _, _ in parts]
        return cls(np.repeat(np.array([index for index, _, _, _ in parts], np.intp), sizes), begin, before, end, value)


def restarts_of(steps: Steps, samples: Sequence[SeriesSamples], cursors: Cursors) -> dict[Place, Times]:
    """When counters of each target fell, in order, the last fall before these steps included."""
    falls: dict[Place, list[int]] = {}
    fallen = np.flatnonzero(steps.value < steps.before)
    for series, at in zip(steps.series[fallen].tolist(), steps.end[fallen].tolist(), strict=True):
        falls.setdefault(samples[series].place, []).append(at)
    if cursors.restarts:
        for series in np.unique(steps.series).tolist():
            known = cursors.restarts.get(samples[series].place)
            if known is not None:
                falls.setdefault(samples[series].place, []).append(known)
    return {place: np.unique(np.array(times, np.int64)) for place, times in falls.items()}


def from_zero_where_reborn(
    steps: Steps, restarts: Mapping[Place, Times], samples: Sequence[SeriesSamples], scrapes: Scrapes, cursors: Cursors
) -> Steps:
    """The steps, with those across a restart and a scrape without the series counted from zero and from that scrape."""
    if not restarts:
        return steps
    begin, before = steps.begin.copy(), steps.before.copy()
    for place, times in restarts.items():
        ours = np.array([one.place == place for one in samples], np.bool_)[steps.series]
        known, end = cursors.targets.get(place), steps.end[ours]
        without = _scrape_before(end, scrapes[place], known.last if known else None)
        restarted = times.searchsorted(end, "right") > times.searchsorted(begin[ours], "right")
        reborn = restarted & (without > begin[ours]) & (without < end)
        begin[ours] = np.where(reborn, without, begin[ours])
        before[ours] = np.where(reborn, 0.0, before[ours])
    return steps._replace(begin=begin, before=before)


def _scrape_before(at: Times, scrapes: Times, last_known: int | None) -> Times:
    """The target's last scrape before each time, or its first one."""
    if last_known is not None and last_known < scrapes[0]:
        scrapes = np.append(np.int64(last_known), scrapes)
    before: Times = scrapes[np.maximum(scrapes.searchsorted(at) - 1, 0)]
    return before

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

from slo.samples import Cursors, SeriesCursor, SeriesSamples, Target, Times, Values, target_scrapes

Place = Target | tuple[tuple[str, str], ...]


class Steps(NamedTuple):
    """The uncounted samples of one series, and for each the time and the value that it is counted from.

    series: index into the samples of the read.
    """

    series: int
    place: Place
    begin: Times
    before: Values
    end: Times
    value: Values

    @classmethod
    def following(cls, cursor: SeriesCursor, series: int, one: SeriesSamples, fresh: int) -> Steps:
        """The steps from a cursor over the samples of a series from index `fresh` on."""
        times, values = one.times[fresh:], one.values[fresh:]
        begin, before = np.append(np.int64(cursor.time), times[:-1]), np.append(cursor.value, values[:-1])
        return cls(series, one.target or one.key, begin, before, times, values)


def restarts_of(steps: Sequence[Steps], cursors: Cursors) -> dict[Place, Times]:
    """When counters of each target fell, in order, the last fall before these steps included."""
    falls: dict[Place, list[Times]] = {}
    for one in steps:
        known = cursors.restarts.get(one.place)
        parts = falls.setdefault(one.place, [] if known is None else [np.array([known], np.int64)])
        parts.append(one.end[one.value < one.before])
    return {place: np.unique(np.concatenate(parts)) for place, parts in falls.items()}


def from_zero_where_reborn(
    steps: Sequence[Steps], restarts: Mapping[Place, Times], samples: Sequence[SeriesSamples], cursors: Cursors
) -> list[Steps]:
    """The steps, with those across a restart and a scrape without the series counted from zero and from that scrape."""
    scrapes = target_scrapes(samples)
    return [_reborn(one, restarts[one.place], scrapes[one.place], cursors) for one in steps]


def _reborn(one: Steps, restarts: Times, scrapes: Times, cursors: Cursors) -> Steps:
    if not restarts.size:
        return one
    known = cursors.targets.get(one.place)
    if known is not None and known.last < scrapes[0]:
        scrapes = np.append(np.int64(known.last), scrapes)
    without = scrapes[np.maximum(scrapes.searchsorted(one.end) - 1, 0)]
    restarted = restarts.searchsorted(one.end, "right") > restarts.searchsorted(one.begin, "right")
    reborn = restarted & (without > one.begin) & (without < one.end)
    return one._replace(begin=np.where(reborn, without, one.begin), before=np.where(reborn, 0.0, one.before))

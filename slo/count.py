"""From raw samples to events: per-series cursors, pure and vectorised over all series of a read.

A counter sample says how many events there were since the counter was born. Each pair of neighbouring samples
therefore yields one increase: some events, at some time in (begin, end]. Increases are spread evenly over that
time onto minutes. Every sample is used once, told apart by its timestamp, so overlapping reads do no harm.

Times are milliseconds since the epoch. A minute m of a grid holds what happened in (m * 60 s, (m + 1) * 60 s].
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from slo.units import MINUTE_MS
from slo.window import Interval

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
SeriesKey = tuple[tuple[str, str], ...]

JITTER_FACTOR = 1.5
"""Samples further apart than this many scrape intervals have a missed scrape between them."""


class Target(NamedTuple):
    """What Prometheus scrapes: an instance of a job."""

    job: str
    instance: str


@dataclass(frozen=True, slots=True, eq=False)
class SeriesSamples:
    """Raw samples of one series: times in milliseconds since the epoch, strictly rising, and values; one shape."""

    labels: Mapping[str, str]
    times: Times
    values: Values

    @property
    def key(self) -> SeriesKey:
        return tuple(sorted(self.labels.items()))

    @property
    def target(self) -> Target | None:
        """The scrape target, or None for series that do not name one."""
        instance = self.labels.get("instance")
        return Target(self.labels.get("job", ""), instance) if instance is not None else None


class SeriesCursor(NamedTuple):
    """The last sample of a series that was counted."""

    time: int
    value: float


class TargetCursor(NamedTuple):
    """When a target was first and last scraped, and how often it is; 0 while that is not known."""

    first: int
    last: int
    interval: int


TargetCursors = Mapping[Target | SeriesKey, TargetCursor]


@dataclass(frozen=True, slots=True)
class Cursors:
    """How far each series and each target of a query has been counted; `first_seen` is its first sample ever."""

    series: Mapping[SeriesKey, SeriesCursor] = field(default_factory=lambda: MappingProxyType({}))
    targets: TargetCursors = field(default_factory=lambda: MappingProxyType({}))
    first_seen: int | None = None


@dataclass(frozen=True, slots=True)
class Origins:
    """What else is known of targets: when their process started, and when they were scraped successfully."""

    started: Mapping[Target, int] = field(default_factory=lambda: MappingProxyType({}))
    scraped: Mapping[Target, Times] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, eq=False)
class Increases:
    """Events between samples. series: index into the samples of the read; the other arrays have its shape.

    uncertain: for each series of the read, whether its first value was left out for want of a known origin.
    """

    series: npt.NDArray[np.intp]
    begin: Times
    end: Times
    amount: Values
    uncertain: npt.NDArray[np.bool_]

    def of(self, wanted: npt.NDArray[np.bool_]) -> Increases:
        """Those of the wanted series (shape: series of the read), indexed into these series alone."""
        mask = wanted[self.series]
        position = np.cumsum(wanted) - 1
        return Increases(
            position[self.series[mask]], self.begin[mask], self.end[mask], self.amount[mask], self.uncertain[wanted]
        )

    def where(self, mask: npt.NDArray[np.bool_]) -> Increases:
        """Those for which the mask (shape: increases) is true."""
        return replace(
            self, series=self.series[mask], begin=self.begin[mask], end=self.end[mask], amount=self.amount[mask]
        )


def count_increases(samples: Sequence[SeriesSamples], cursors: Cursors, origins: Origins) -> tuple[Increases, Cursors]:
    """The increases of counters since the cursors, and the cursors after them.

    A value below its predecessor is a reset: the counter restarted from zero. A series without cursor begins at
    zero if it was born while its target was being watched, otherwise its first value is only a baseline.
    Source: Prometheus, "rate() then sum()": counters reset to zero on restart; client-created series begin at zero.
    """
    first_seen = _first_seen(samples, cursors)
    scrapes = target_scrapes(samples)
    uncertain = np.zeros(len(samples), np.bool_)
    pieces, after = [], dict(cursors.series)
    for index, one in enumerate(samples):
        key = one.key
        cursor = cursors.series.get(key)
        fresh = one.times.searchsorted(cursor.time, "right") if cursor else 0
        times, values = one.times[fresh:], one.values[fresh:]
        if not times.size:
            continue
        if cursor is None:
            origin = _origin(one.target, int(times[0]), first_seen, scrapes, cursors, origins)
            uncertain[index] = origin is None and int(times[0]) != first_seen
            cursor = SeriesCursor(int(times[0]), float(values[0])) if origin is None else SeriesCursor(origin, 0.0)
        pieces.append(_Piece(index, cursor, times, values))
        after[key] = SeriesCursor(int(times[-1]), float(values[-1]))
    return _between(pieces, uncertain), Cursors(after, _targets_after(scrapes, cursors.targets), first_seen)


class _Piece(NamedTuple):
    """The uncounted samples of one series, and the point that they follow."""

    series: int
    cursor: SeriesCursor
    times: Times
    values: Values


def _between(pieces: Sequence[_Piece], uncertain: npt.NDArray[np.bool_]) -> Increases:
    if not pieces:
        return Increases(np.zeros(0, np.intp), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), uncertain)
    end = np.concatenate([piece.times for piece in pieces])
    value = np.concatenate([piece.values for piece in pieces])
    sizes = [piece.times.size for piece in pieces]
    first = np.cumsum([0, *sizes[:-1]])
    begin, before = np.empty_like(end), np.empty_like(value)
    begin[1:], before[1:] = end[:-1], value[:-1]
    begin[first] = [piece.cursor.time for piece in pieces]
    before[first] = [piece.cursor.value for piece in pieces]
    amount = np.where(value < before, value, value - before)
    series = np.repeat(np.array([piece.series for piece in pieces], np.intp), sizes)
    every = Increases(series, begin, end, amount, uncertain)
    return every.where(amount > 0)


def _first_seen(samples: Sequence[SeriesSamples], cursors: Cursors) -> int | None:
    if cursors.first_seen is not None:
        return cursors.first_seen
    return min((int(one.times[0]) for one in samples if one.times.size), default=None)


def _origin(
    target: Target | None,
    born: int,
    first_seen: int | None,
    scrapes: Mapping[Target | SeriesKey, Times],
    cursors: Cursors,
    origins: Origins,
) -> int | None:
    """The latest time at which the counter is known to have been zero or absent; None if nothing tells.

    That is the target's last scrape before the series appeared, or the start of its process, if that lies in the
    time that is being counted.
    """
    if target is None:
        return None
    evidence = []
    for times in (scrapes.get(target), origins.scraped.get(target)):
        if times is not None and (before := int(times.searchsorted(born))):
            evidence.append(int(times[before - 1]))
    known = cursors.targets.get(target)
    if known is not None and known.last < born:
        evidence.append(known.last)
    started = origins.started.get(target)
    if started is not None and first_seen is not None and first_seen < started <= born:
        evidence.append(started)
    return max(evidence, default=None)


def unexplained_targets(samples: Sequence[SeriesSamples], cursors: Cursors, *, patience_ms: int) -> dict[Target, int]:
    """Targets with a series that appears without the target's scrape shortly before, and when the first one did.

    For these it is worth asking when the process started and whether the target was scraped at all.
    """
    first_seen = _first_seen(samples, cursors)
    scrapes = target_scrapes(samples)
    found: dict[Target, int] = {}
    for one in samples:
        if one.target is None or not one.times.size or one.key in cursors.series:
            continue
        born = int(one.times[0])
        before = _origin(one.target, born, first_seen, scrapes, cursors, Origins())
        if born != first_seen and (before is None or born - before > patience_ms):
            found[one.target] = min(born, found.get(one.target, born))
    return found


def target_scrapes(samples: Iterable[SeriesSamples]) -> dict[Target | SeriesKey, Times]:
    """When each target was scraped, by the samples of all its series; a series without target stands for itself."""
    times: dict[Target | SeriesKey, list[Times]] = {}
    for one in samples:
        if one.times.size:
            times.setdefault(one.target or one.key, []).append(one.times)
    return {target: _union(parts) for target, parts in times.items()}


def _union(parts: list[Times]) -> Times:
    """All times once. The series of a target share their scrapes, so mostly the longest holds all the others."""
    longest = max(parts, key=len)
    others = [part for part in parts if part is not longest and not _holds(longest, part)]
    return np.unique(np.concatenate([longest, *others])) if others else longest


def _holds(whole: Times, part: Times) -> bool:
    positions = np.minimum(whole.searchsorted(part), whole.size - 1)
    return bool((whole[positions] == part).all())


def _targets_after(scrapes: Mapping[Target | SeriesKey, Times], targets: TargetCursors) -> TargetCursors:
    after = dict(targets)
    for target, times in scrapes.items():
        known = after.get(target)
        after[target] = TargetCursor(
            known.first if known else int(times[0]),
            max(known.last, int(times[-1])) if known else int(times[-1]),
            scrape_interval(times) or (known.interval if known else 0),
        )
    return after


def scrape_interval(times: Times) -> int:
    """The usual distance of samples in milliseconds, their median; 0 from fewer than three samples."""
    return int(np.median(np.diff(times))) if times.size >= 3 else 0


class Coverage(NamedTuple):
    """Time that scrapes vouch for, and time in which targets existed: milliseconds for each minute of a grid."""

    seen: Values
    expected: Values


def count_coverage(
    samples: Sequence[SeriesSamples], targets: TargetCursors, grid: Interval
) -> tuple[Coverage, TargetCursors]:
    """What the scrapes since the cursors cover: each vouches for one scrape interval before it.

    A target is expected from its first to its last scrape. One that never returns has gone, which is no gap.
    """
    scrapes = target_scrapes(samples)
    covered_from, expected_from, ends = [], [], []
    for target, times in scrapes.items():
        known = targets.get(target)
        fresh = times[times.searchsorted(known.last, "right") :] if known else times
        if not fresh.size:
            continue
        interval = scrape_interval(times) or (known.interval if known else 0) or MINUTE_MS
        before = np.concatenate([[known.last if known else fresh[0] - interval], fresh[:-1]])
        missed = fresh - before > JITTER_FACTOR * interval
        covered_from.append(np.where(missed, fresh - interval, before))
        expected_from.append(before)
        ends.append(fresh)
    after = _targets_after(scrapes, targets)
    if not ends:
        return Coverage(np.zeros(grid.minutes), np.zeros(grid.minutes)), after
    end, covered, expected = np.concatenate(ends), np.concatenate(covered_from), np.concatenate(expected_from)
    seen = spread(covered, end, (end - covered).astype(np.float64), grid)
    return Coverage(seen, spread(expected, end, (end - expected).astype(np.float64), grid)), after


def coverage_ratio(coverage: Coverage) -> Values:
    """The seen share of each minute, in [0, 1]: of the targets' time where any existed, else of the minute."""
    return np.clip(coverage.seen / np.maximum(coverage.expected, MINUTE_MS), 0.0, 1.0)


def count_observations(samples: Sequence[SeriesSamples], cursors: Cursors) -> tuple[Increases, Values, Cursors]:
    """Each new sample of a gauge as one observation at its own time, its value beside it, and the cursors after."""
    after, first_seen = dict(cursors.series), _first_seen(samples, cursors)
    pieces = []
    for index, one in enumerate(samples):
        cursor = cursors.series.get(one.key) or SeriesCursor(-1, 0.0)
        fresh = one.times.searchsorted(cursor.time, "right")
        if fresh < one.times.size:
            pieces.append(_Piece(index, cursor, one.times[fresh:], one.values[fresh:]))
            after[one.key] = SeriesCursor(int(one.times[-1]), float(one.values[-1]))
    series = np.repeat([piece.series for piece in pieces], [piece.times.size for piece in pieces]).astype(np.intp)
    at = np.concatenate([np.zeros(0, np.int64), *(piece.times for piece in pieces)])
    values = np.concatenate([np.zeros(0), *(piece.values for piece in pieces)])
    observations = Increases(series, at, at, np.ones(at.size), np.zeros(len(samples), np.bool_))
    return observations, values, Cursors(after, _targets_after(target_scrapes(samples), cursors.targets), first_seen)


def spread(begin: Times, end: Times, amount: Values, grid: Interval) -> Values:
    """Amounts laid evenly over their times (begin, end] onto the minutes of a grid, shape (minutes,).

    What falls outside of the grid is left out. An amount whose begin is its end falls into that one minute.
    """
    per_minute = np.zeros(grid.minutes + 2)  # one cell before the grid and one after it take what lies outside
    zero = grid.start * MINUTE_MS - MINUTE_MS
    first = np.clip((begin - zero) // MINUTE_MS, 0, grid.minutes + 1)
    last = np.clip(-((zero - end) // MINUTE_MS) - 1, 0, grid.minutes + 1)
    inside = first >= last
    np.add.at(per_minute, last[inside], amount[inside])
    rest = np.flatnonzero(~inside)
    if rest.size:
        _spread_long(per_minute, zero, begin[rest], end[rest], amount[rest], first[rest], last[rest])
    return per_minute[1:-1]


def _spread_long(
    per_minute: Values,
    zero: int,
    begin: Times,
    end: Times,
    amount: Values,
    first: npt.NDArray[np.int64],
    last: npt.NDArray[np.int64],
) -> None:
    """Amounts that cross at least one minute edge: a part in the first, one in the last, the same in each between."""
    rate = amount / (end - begin)
    head = rate * ((first + 1) * MINUTE_MS + zero - begin)
    tail = rate * (end - zero - last * MINUTE_MS)
    np.add.at(per_minute, first, head)
    np.add.at(per_minute, last, tail)
    between = np.flatnonzero(last - first > 1)
    if between.size:
        steps = np.zeros(per_minute.size + 1)
        np.add.at(steps, first[between] + 1, rate[between] * MINUTE_MS)
        np.subtract.at(steps, last[between], rate[between] * MINUTE_MS)
        per_minute += np.cumsum(steps)[:-1]

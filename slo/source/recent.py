"""The last minutes of scraped samples in memory: whole scrapes go in, consistent reads come out, both in any thread."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from slo.errors import DataError
from slo.promql.match import compiled
from slo.promql.names import METRIC_LABEL
from slo.samples import SeriesKey, SeriesSamples, Target, Times, Values
from slo.selector import Selector
from slo.source.protocol import Labels
from slo.units import MINUTE_MS
from slo.window import Interval


class Scraped(NamedTuple):
    """A sample with all its labels, the metric's name among them; time in ms since the epoch."""

    labels: dict[str, str]
    time: int
    value: float


class RecentSamples:
    """Samples of the last `keep_ms`, at most `max_series` series of one target at a time, those that ended included."""

    def __init__(self, *, keep_ms: int, max_series: int) -> None:
        self._keep_ms = keep_ms
        self._max_series = max_series
        self._lock = threading.Lock()
        self._targets: dict[Target, dict[SeriesKey, _Track]] = {}

    def add(self, target: Target, at: int, scrape: Sequence[Scraped]) -> int:
        """Take in one scrape, which began `at`, as a whole; how many samples were left out.

        As in Prometheus, a sample is left out that is not newer than the last of its series: of a series that
        comes twice in a scrape, the first counts. So is one too old to be kept. Raises DataError, and takes nothing,
        where there are too many series; a single sample, such as the `up` of a failed scrape, always fits.
        """
        oldest = at - self._keep_ms
        keyed = [(tuple(sorted(one.labels.items())), one) for one in scrape if one.time >= oldest]
        with self._lock:
            tracks = self._targets.setdefault(target, {})
            _forget(tracks, oldest)
            if len(keyed) > 1 and len(tracks.keys() | {key for key, _ in keyed}) > self._max_series:
                raise DataError(f"more than {self._max_series} series within {self._keep_ms // MINUTE_MS} minutes")
            taken = sum(tracks.setdefault(key, _Track(one.labels)).append(one.time, one.value) for key, one in keyed)
        return len(scrape) - taken

    def read(self, selector: Selector, interval: Interval) -> list[SeriesSamples]:
        """The samples of every matching series in the interval `(start, end]`, of whole scrapes only."""
        matches = compiled(selector)
        with self._lock:
            found = [
                SeriesSamples(one.labels, *one.between(interval.start * MINUTE_MS, interval.end * MINUTE_MS))
                for one in self._tracks()
                if one.labels[METRIC_LABEL] == selector.metric and matches(one.labels)
            ]
        return [one for one in found if one.times.size]

    def read_minimum(self, selector: Selector, interval: Interval) -> list[tuple[Labels, float]]:
        """The least finite value of every matching series in the interval."""
        finite = [(one.labels, one.values[np.isfinite(one.values)]) for one in self.read(selector, interval)]
        return [(labels, float(values.min())) for labels, values in finite if values.size]

    def snapshot(self) -> dict[str, tuple[SeriesSamples, ...]]:
        """Everything at one instant, by metric."""
        found: dict[str, list[SeriesSamples]] = {}
        with self._lock:
            for one in self._tracks():
                found.setdefault(one.labels[METRIC_LABEL], []).append(SeriesSamples(one.labels, *one.arrays()))
        return {metric: tuple(group) for metric, group in found.items()}

    def _tracks(self) -> Iterator[_Track]:
        for tracks in self._targets.values():
            yield from tracks.values()


class _Track:
    """One series; it has a sample as soon as it is shared."""

    __slots__ = ("_times", "_values", "labels")

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.labels = MappingProxyType(dict(labels))
        self._times = array("q")
        self._values = array("d")

    @property
    def last(self) -> int:
        return self._times[-1]

    def append(self, time: int, value: float) -> bool:
        """Whether the sample is newer than the last, and so was taken."""
        if self._times and time <= self._times[-1]:
            return False
        self._times.append(time)
        self._values.append(value)
        return True

    def drop_before(self, time: int) -> None:
        if self._times[0] < time:
            kept_from = int(np.frombuffer(self._times, np.int64).searchsorted(time))
            del self._times[:kept_from], self._values[:kept_from]

    def arrays(self) -> tuple[Times, Values]:
        return np.array(self._times, np.int64), np.array(self._values, np.float64)

    def between(self, after: int, until: int) -> tuple[Times, Values]:
        """Copies, for an array that is lent out cannot grow."""
        times = np.frombuffer(self._times, np.int64)
        low, high = times.searchsorted([after, until], side="right")
        return times[low:high].copy(), np.frombuffer(self._values, np.float64)[low:high].copy()


def _forget(tracks: dict[SeriesKey, _Track], before: int) -> None:
    for key in [key for key, one in tracks.items() if one.last < before]:
        del tracks[key]
    for one in tracks.values():
        one.drop_before(before)

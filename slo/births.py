"""Where a counter began: whether a series that appears was born, was renamed, or is merely seen for the first time.

Prometheus knows no zero before a counter's first sample, so rate() and increase() lose what it counted until then:
all of an error series that clients create lazily, at its first error. Counting it in full without proof would
instead charge a month of old events to one scrape. So a first value is counted only from a time at which something
shows the counter to have been zero or absent. Source of the problem: prometheus/prometheus issues 3746 and 3806.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from slo.samples import Cursors, Scrapes, SeriesCursor, SeriesKey, SeriesSamples, Target, Times, target_scrapes
from slo.units import MINUTE_MS

PATIENCE_MS = 2 * MINUTE_MS
"""A series that appears this long after its target's last scrape deserves a closer look."""

_FOUND_SOON_MS = 10 * MINUTE_MS
"""A process seen first this soon after its start was found as soon as it could be; its counts are all new."""

_WORTH_A_DOUBT = 100.0
"""Smaller counters that end and begin at one scrape are taken for a restart, which they then far more often are."""


@dataclass(frozen=True, slots=True)
class Origins:
    """What else is known of targets: process starts, creation times of counters, and successful scrapes (ms).

    created: by the labels of a series without `__name__` and `le`.
    """

    started: Mapping[Target, int] = field(default_factory=lambda: MappingProxyType({}))
    created: Mapping[SeriesKey, int] = field(default_factory=lambda: MappingProxyType({}))
    scraped: Mapping[Target, Times] = field(default_factory=lambda: MappingProxyType({}))


class Births:
    """Judges the series of one read that have no cursor yet."""

    def __init__(
        self, samples: Sequence[SeriesSamples], cursors: Cursors, origins: Origins, scrapes: Scrapes | None = None
    ) -> None:
        self._samples = samples
        self._cursors = cursors
        self._origins = origins
        self._first_seen = cursors.first_seen_with(samples)
        self._scrapes = target_scrapes(samples) if scrapes is None else scrapes
        self._last_values: dict[Target, list[tuple[SeriesCursor, SeriesKey]]] | None = None

    def cursor(self, one: SeriesSamples) -> tuple[SeriesCursor, bool]:
        """The point that a new series is counted from, and whether that leaves out an unknown past."""
        born, value = int(one.times[0]), float(one.values[0])
        predecessor = self._predecessor(one, born, value)
        if predecessor is not None:
            return predecessor, False
        origin = self._origin(one, born)
        if origin is not None:
            return SeriesCursor(origin, 0.0), False
        return SeriesCursor(born, value), self._is_late(born)

    def _is_late(self, born: int) -> bool:
        """Whether a series appears in the time that is counted, and not simply as one of the first."""
        return born > self._cursors.since and self._first_seen is not None and born - self._first_seen > PATIENCE_MS

    def unexplained(self) -> dict[Target, int]:
        """Targets with a series that appears without a scrape of the target shortly before, and when the first did.

        For these it is worth asking when the process started and whether the target was scraped at all.
        """
        found: dict[Target, int] = {}
        for one in self._samples:
            if one.target is None or not one.times.size or one.key in self._cursors.series:
                continue
            born = int(one.times[0])
            if born <= self._cursors.since:
                continue
            before = self._origin(one, born)
            if before is None or born - before > PATIENCE_MS:
                found[one.target] = min(born, found.get(one.target, born))
        return found

    def _origin(self, one: SeriesSamples, born: int) -> int | None:
        """The latest time at which the counter is known to have been zero or absent; None if nothing tells."""
        if one.target is None:
            return None
        evidence = []
        for times in (self._scrapes.get(one.target), self._origins.scraped.get(one.target)):
            if times is not None and (before := int(times.searchsorted(born))):
                evidence.append(int(times[before - 1]))
        known = self._cursors.targets.get(one.target)
        if known is not None and known.last < born:
            evidence.append(known.last)
        for start in (self._origins.started.get(one.target), self._origins.created.get(creation_key(one.labels))):
            if start is not None and self._is_watched(start, born):
                evidence.append(start)
        return max(evidence, default=None)

    def _is_watched(self, start: int, born: int) -> bool:
        """Whether a counter that started then lies wholly in the time that is counted, and was not long unseen."""
        if not self._cursors.since <= start <= born:
            return False
        return born - start <= _FOUND_SOON_MS or (self._first_seen is not None and start > self._first_seen)

    def _predecessor(self, one: SeriesSamples, born: int, value: float) -> SeriesCursor | None:
        """The series that this one continues under other labels, if one of its target ended at the scrape before.

        A living process never drops a counter, so a series that ends just where one with a value no smaller, and less
        than twice as large, begins has been relabelled. Counting the new one in full would count all of it twice.
        """
        if one.target is None:
            return None
        before = self._scrapes[one.target]
        position = int(before.searchsorted(born))
        known = self._cursors.targets.get(one.target)
        last_scrape = int(before[position - 1]) if position else known.last if known else None
        started = self._origins.started.get(one.target)
        if last_scrape is not None and started is not None and started > last_scrape:
            return None
        candidates = [
            cursor
            for cursor, key in self._last_of(one.target)
            if cursor.time == last_scrape
            and cursor.time < born
            and _WORTH_A_DOUBT <= cursor.value <= value < 2 * cursor.value
        ]
        return max(candidates, key=lambda cursor: cursor.value, default=None)

    def _last_of(self, target: Target) -> list[tuple[SeriesCursor, SeriesKey]]:
        """The last sample of each series of a target, this read included."""
        if self._last_values is None:
            last = dict(self._cursors.series)
            for one in self._samples:
                if one.times.size:
                    last[one.key] = SeriesCursor(int(one.times[-1]), float(one.values[-1]))
            self._last_values = {}
            for key, cursor in last.items():
                labels = dict(key)
                if "instance" in labels:
                    place = Target(labels.get("job", ""), labels["instance"])
                    self._last_values.setdefault(place, []).append((cursor, key))
        return self._last_values.get(target, [])


def creation_key(labels: Mapping[str, str]) -> SeriesKey:
    """What a counter shares with the series that tells its creation time."""
    return tuple(sorted((label, value) for label, value in labels.items() if label not in ("__name__", "le")))

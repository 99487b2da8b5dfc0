"""Raw samples as a read brings them, and how far each series and each scrape target has been counted.

Times are milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
SeriesKey = tuple[tuple[str, str], ...]


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
    _key: SeriesKey | None = field(default=None, init=False, repr=False)
    _place: Target | SeriesKey | None = field(default=None, init=False, repr=False)

    @property
    def key(self) -> SeriesKey:
        """What tells the series from others: its labels in order. Kept, as it is asked for many times."""
        if self._key is None:
            object.__setattr__(self, "_key", tuple(sorted(self.labels.items())))
        return self._key  # type: ignore[return-value]

    def identify_as(self, same: SeriesSamples) -> None:
        """Take over the key and the place of another object for the same series."""
        object.__setattr__(self, "_key", same.key)
        object.__setattr__(self, "_place", same.place)

    @property
    def target(self) -> Target | None:
        """The scrape target, or None for series that do not name one."""
        place = self.place
        return place if isinstance(place, Target) else None

    @property
    def place(self) -> Target | SeriesKey:
        """The scrape target, or the series itself where it does not name one."""
        if self._place is None:
            instance = self.labels.get("instance")
            place = self.key if instance is None else Target(self.labels.get("job", ""), instance)
            object.__setattr__(self, "_place", place)
        return self._place  # type: ignore[return-value]


def place_of(key: SeriesKey) -> Target | SeriesKey:
    """The scrape target of a series, or the series itself where it does not name one."""
    labels = dict(key)
    instance = labels.get("instance")
    return Target(labels.get("job", ""), instance) if instance is not None else key


class SeriesCursor(NamedTuple):
    """The last sample of a series that was counted."""

    time: int
    value: float


class TargetCursor(NamedTuple):
    """When a target was first and last scraped, and how often it is; 0 while that is not known.

    missed_until: until when it is known to have been there, though its scrapes failed; 0 if it was never so.
    """

    first: int
    last: int
    interval: int
    missed_until: int = 0

    @property
    def expected_from(self) -> int:
        """From when on its scrapes have not been accounted for."""
        return max(self.last, self.missed_until)


TargetCursors = Mapping[Target | SeriesKey, TargetCursor]
Scrapes = Mapping[Target | SeriesKey, Times]


@dataclass(frozen=True, slots=True)
class Cursors:
    """How far a query has been counted. since: events before it are not counted; first_seen: the first sample ever.

    restarts: when a counter of a target last fell.
    """

    since: int = 0
    series: Mapping[SeriesKey, SeriesCursor] = field(default_factory=lambda: MappingProxyType({}))
    targets: TargetCursors = field(default_factory=lambda: MappingProxyType({}))
    first_seen: int | None = None
    restarts: Mapping[Target | SeriesKey, int] = field(default_factory=lambda: MappingProxyType({}))

    def first_seen_with(self, samples: Iterable[SeriesSamples]) -> int | None:
        """The first sample ever, these included."""
        if self.first_seen is not None:
            return self.first_seen
        return min((int(one.times[0]) for one in samples if one.times.size), default=None)


def target_scrapes(samples: Iterable[SeriesSamples]) -> Scrapes:
    """When each target was scraped, by the samples of all its series; a series without target stands for itself."""
    times: dict[Target | SeriesKey, dict[bytes, Times]] = {}
    for one in samples:
        if one.times.size:
            times.setdefault(one.place, {})[one.times.tobytes()] = one.times
    return {target: _union(list(parts.values())) for target, parts in times.items()}


def _union(parts: list[Times]) -> Times:
    """All times once. The series of a target share their scrapes, so mostly the longest holds all the others."""
    if len(parts) == 1:
        return parts[0]
    longest = max(parts, key=len)
    others = [part for part in parts if part is not longest and not _holds(longest, part)]
    return np.unique(np.concatenate([longest, *others])) if others else longest


def _holds(whole: Times, part: Times) -> bool:
    positions = np.minimum(whole.searchsorted(part), whole.size - 1)
    return bool((whole[positions] == part).all())


def targets_after(scrapes: Scrapes, targets: TargetCursors) -> TargetCursors:
    after = dict(targets)
    for target, times in scrapes.items():
        known = after.get(target)
        after[target] = TargetCursor(
            known.first if known else int(times[0]),
            max(known.last, int(times[-1])) if known else int(times[-1]),
            scrape_interval(times) or (known.interval if known else 0),
            known.missed_until if known else 0,
        )
    return after


def scrape_interval(times: Times) -> int:
    """The usual distance of samples in milliseconds, their median; 0 from fewer than three samples."""
    return int(np.median(np.diff(times))) if times.size >= 3 else 0

"""Readers of a simulated fleet as a collector meets them: late, doubled, away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from slo.errors import SourceUnreachableError
from slo.samples import SeriesSamples
from slo.selector import Selector
from slo.source.fleet import UP
from slo.source.protocol import Labels
from slo.source.replicas import ReplicatedReader
from slo.source.simulated import SimulatedReader
from slo.units import MINUTE_MS
from slo.window import Interval

Series = Mapping[str, Sequence[SeriesSamples]]


class ArrivingReader:
    """Shows samples once they are `lag_seconds` old, by a clock that is set. samples: how many were read, by metric.

    away: when it does not answer, and has scraped nothing.
    """

    def __init__(self, series: Series, *, lag_seconds: int = 0, away: Interval | None = None) -> None:
        self._away = away
        self.series = series if away is None else _without(series, away)
        self._reader = SimulatedReader(self.series)
        self._lag_ms = lag_seconds * 1000
        self.now_ms = 0
        self.samples: Counter[str] = Counter()

    def server_time_ms(self) -> int:
        self._answer()
        return self.now_ms

    def read(self, selector: Selector, interval: Interval) -> list[SeriesSamples]:
        self._answer()
        found = []
        for one in self._reader.read(selector, interval):
            there = int(one.times.searchsorted(self.now_ms - self._lag_ms, "right"))
            if there:
                found.append(SeriesSamples(one.labels, one.times[:there], one.values[:there]))
                self.samples[selector.metric] += there
        return found

    def read_minimum(self, selector: Selector, interval: Interval) -> list[tuple[Labels, float]]:
        return [(one.labels, float(one.values.min())) for one in self.read(selector, interval)]

    def _answer(self) -> None:
        if self._away and self._away.start * MINUTE_MS <= self.now_ms < self._away.end * MINUTE_MS:
            raise SourceUnreachableError("this replica is away")


class Replicas(ReplicatedReader):
    """Replicas that share a clock, asked as the collector asks an HA pair."""

    def __init__(self, readers: Sequence[ArrivingReader]) -> None:
        super().__init__(readers)
        self._every = tuple(readers)

    @property
    def series(self) -> Series:
        return self._every[0].series

    @property
    def samples(self) -> Counter[str]:
        return sum((one.samples for one in self._every), Counter())

    @property
    def now_ms(self) -> int:
        return self._every[0].now_ms

    @now_ms.setter
    def now_ms(self, now_ms: int) -> None:
        for one in self._every:
            one.now_ms = now_ms


def every(series: Series, step: int, first: int) -> dict[str, tuple[SeriesSamples, ...]]:
    """What every `step`th scrape of each target saw, as a replica with a scrape phase of its own has it."""
    scrapes = {one.labels["instance"]: one.times[first::step] for one in series[UP]}
    return {
        metric: tuple(_cut(one, np.isin(one.times, scrapes[one.labels["instance"]])) for one in group)
        for metric, group in series.items()
    }


def _without(series: Series, away: Interval) -> Series:
    low, high = away.start * MINUTE_MS, away.end * MINUTE_MS
    return {
        metric: tuple(_cut(one, (one.times <= low) | (one.times > high)) for one in group)
        for metric, group in series.items()
    }


def _cut(one: SeriesSamples, there: npt.NDArray[np.bool_]) -> SeriesSamples:
    return SeriesSamples(one.labels, one.times[there], one.values[there])

"""Readers of a simulated fleet as a collector meets them: late, doubled, restarted, away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slo.errors import SourceUnreachableError
from slo.samples import SeriesSamples
from slo.selector import Selector
from slo.source.protocol import Labels
from slo.source.simulated import SimulatedReader
from slo.units import MINUTE_MS
from slo.window import Interval

Series = Mapping[str, Sequence[SeriesSamples]]


class ArrivingReader:
    """Shows samples once they are `lag_seconds` old, by a clock that is set. samples: how many were read.

    away: when it does not answer, and has scraped nothing.
    """

    def __init__(self, series: Series, *, lag_seconds: int = 0, away: Interval | None = None) -> None:
        self._away = away
        self._reader = SimulatedReader(series if away is None else _without(series, away))
        self._lag_ms = lag_seconds * 1000
        self.now_ms = 0
        self.samples = 0

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
                self.samples += there
        return found

    def read_minimum(self, selector: Selector, interval: Interval) -> list[tuple[Labels, float]]:
        return [(one.labels, float(one.values.min())) for one in self.read(selector, interval)]

    def _answer(self) -> None:
        if self._away and self._away.start * MINUTE_MS <= self.now_ms < self._away.end * MINUTE_MS:
            raise SourceUnreachableError("this replica is away")


class Replicas:
    """Two replicas with a clock: the first is asked, and the second where the first is away or has a hole."""

    def __init__(self, first: ArrivingReader, second: ArrivingReader) -> None:
        self._both = (first, second)

    @property
    def samples(self) -> int:
        return sum(one.samples for one in self._both)

    @property
    def now_ms(self) -> int:
        return self._both[0].now_ms

    @now_ms.setter
    def now_ms(self, now_ms: int) -> None:
        for one in self._both:
            one.now_ms = now_ms

    def others(self) -> tuple[ArrivingReader, ...]:
        return self._both[1:]

    def server_time_ms(self) -> int:
        return self.now_ms

    def read(self, selector: Selector, interval: Interval) -> list[SeriesSamples]:
        try:
            return self._both[0].read(selector, interval)
        except SourceUnreachableError:
            return self._both[1].read(selector, interval)

    def read_minimum(self, selector: Selector, interval: Interval) -> list[tuple[Labels, float]]:
        try:
            return self._both[0].read_minimum(selector, interval)
        except SourceUnreachableError:
            return self._both[1].read_minimum(selector, interval)


def every(series: Series, step: int, first: int) -> dict[str, tuple[SeriesSamples, ...]]:
    """Each `step`th sample of every series, as a replica with a scrape phase of its own has them."""
    return {
        metric: tuple(SeriesSamples(one.labels, one.times[first::step], one.values[first::step]) for one in group)
        for metric, group in series.items()
    }


def _without(series: Series, away: Interval) -> Series:
    low, high = away.start * MINUTE_MS, away.end * MINUTE_MS
    kept: dict[str, list[SeriesSamples]] = {}
    for metric, group in series.items():
        for one in group:
            there = (one.times <= low) | (one.times > high)
            kept.setdefault(metric, []).append(SeriesSamples(one.labels, one.times[there], one.values[there]))
    return kept

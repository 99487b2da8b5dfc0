"""A simulated CloudShop: a month of a shop's series, made up but consistent, for `--demo`, tests and benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

import numpy as np

from slo.promql.match import matches
from slo.selector import Selector
from slo.source.fleet import Episode, Fleet, FleetSpec, simulate
from slo.source.protocol import Labels, SeriesSamples, Source
from slo.source.sampled import SampledSource
from slo.units import MINUTE_MS
from slo.window import Interval, minute_of

PROBE = "probe_success"

_DAY = 1440
_PROBE_SECONDS = 60


class SimulatedReader:
    """Reads samples that are held in memory, by metric."""

    def __init__(self, series: Mapping[str, Sequence[SeriesSamples]]) -> None:
        self._series = series
        self.now_ms = max(
            (int(one.times[-1]) for group in series.values() for one in group if one.times.size), default=0
        )

    def server_time_ms(self) -> int:
        """`now_ms`, which is the last sample's time unless it is set."""
        return self.now_ms

    def read(self, selector: Selector, interval: Interval) -> list[SeriesSamples]:
        """The samples of every matching series in the interval `(start, end]`."""
        found = []
        for one in self._series.get(selector.metric, ()):
            low, high = np.searchsorted(one.times, [interval.start * MINUTE_MS, interval.end * MINUTE_MS], side="right")
            if low < high and matches(selector, one.labels):
                found.append(SeriesSamples(one.labels, one.times[low:high], one.values[low:high]))
        return found

    def read_minimum(self, selector: Selector, interval: Interval) -> list[tuple[Labels, float]]:
        """The least value of every matching series in the interval."""
        return [(one.labels, float(one.values.min())) for one in self.read(selector, interval)]


def simulated_cloudshop(*, seed: int = 1, days: int = 30, at: datetime) -> Source:
    """A simulated shop over the days before an aware time. Raises UsageError for a time without a zone."""
    return SampledSource(SimulatedReader(cloudshop_series(seed=seed, days=days, at=at)))


def cloudshop_series(*, seed: int, days: int, at: datetime) -> dict[str, tuple[SeriesSamples, ...]]:
    """Every series of the shop, by metric."""
    fleets = [simulate(spec) for spec in cloudshop_specs(seed=seed, days=days, at=at)]
    metrics = {metric for fleet in fleets for metric in fleet.series}
    merged = {metric: sum((fleet.series.get(metric, ()) for fleet in fleets), ()) for metric in sorted(metrics)}
    return merged | {PROBE: (_probe(fleets[0], outage=(3 * _DAY, 20)),)}


def cloudshop_specs(*, seed: int, days: int, at: datetime) -> list[FleetSpec]:
    """The services of the shop under 20:1 diurnal traffic, and what befell them.

    A release failed on an afternoon that is about to leave a month's window: the budget of availability is about to
    recover. Ten days ago half an hour of a night was down, which the little traffic of nights makes cheap. And
    requests have been slow for the last hour and a half.
    """
    minute = minute_of(at)
    end = days * _DAY
    release = Episode(end - 28 * _DAY - (minute - 14 * 60) % _DAY, 40, 0.3)
    night = Episode(end - 10 * _DAY - (minute - 3 * 60) % _DAY, 30, 1.0)
    services = (("frontend", 30.0, (release, night)), ("cart", 12.0, (night,)), ("checkout", 6.0, ()))
    return [
        FleetSpec(
            start=minute - end,
            days=days,
            service=service,
            pods=2,
            scrape_interval_seconds=30,
            bin_seconds=30,
            requests_per_second=rate,
            peak_to_trough=20.0,
            base_error_ratio=0.0002,
            incidents=incidents,
            slow_ratio=0.02,
            slowdowns=(Episode(end - 90, 90, 0.9),),
            tail_minutes=0,
            seed=seed * 101 + number,
        )
        for number, (service, rate, incidents) in enumerate(services)
    ]


def _probe(fleet: Fleet, *, outage: tuple[int, int]) -> SeriesSamples:
    """A probe of the shop's front page, once a minute, that failed during one outage so long before the end."""
    spec = fleet.spec
    end = spec.first_minute + spec.minutes
    times = np.arange(spec.first_minute * MINUTE_MS + 7_000, end * MINUTE_MS, _PROBE_SECONDS * 1000, dtype=np.int64)
    before, minutes = outage
    failed_from = (end - before) * MINUTE_MS
    failed = (times > failed_from) & (times <= failed_from + minutes * MINUTE_MS)
    labels = {"__name__": PROBE, "job": "shop", "instance": "https://shop.cloudshop.example/"}
    return SeriesSamples(MappingProxyType(labels), times, np.where(failed, 0.0, 1.0))

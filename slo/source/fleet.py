"""A simulated fleet of known truth: what happened, second by second, and what a Prometheus would have scraped of it.

Arrivals are Poisson per pod and errors a thinning of them. All events of a bin happen at the bin's end, so that
truth is exact at every minute edge and a scrape sees exactly the bins that ended before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from slo.events import EventSeries
from slo.source.fleet_spec import Episode, FleetSpec, Gap
from slo.source.protocol import Labels, SeriesSamples

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

REQUESTS = "http_requests_total"
DURATION = "http_request_duration_seconds"
UP = "up"
PROCESS_START = "process_start_time_seconds"

__all__ = ["DURATION", "PROCESS_START", "REQUESTS", "UP", "Episode", "Fleet", "FleetSpec", "Gap", "simulate"]


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """What happened, the part of it that a scrape could see, and the scraped series by metric.

    An event was reached when its counter was scraped between the event and the counter's reset or death.
    """

    spec: FleetSpec
    happened: EventSeries
    reached: EventSeries
    slow: EventSeries
    series: Mapping[str, tuple[SeriesSamples, ...]]

    @property
    def samples(self) -> int:
        return sum(one.times.size for group in self.series.values() for one in group)


@dataclass(frozen=True, slots=True)
class _Target:
    """One pod under one name; `lives` are the bin intervals between its process starts."""

    slot: int
    number: int
    lives: tuple[tuple[int, int], ...]


@dataclass(slots=True, eq=False)
class _Truth:
    good: Ints
    bad: Ints
    slow: Ints
    reached_good: Ints
    reached_bad: Ints


def simulate(spec: FleetSpec) -> Fleet:
    """The fleet of a specification; the same for the same seed."""
    rates = _rates(spec)
    truth = _Truth(*(np.zeros(spec.minutes, np.int64) for _ in range(5)))
    series: dict[str, list[SeriesSamples]] = {}
    for slot in range(spec.pods):
        rng = np.random.default_rng((spec.seed, slot))
        counts = _Counts(spec, rates, rng)
        truth.good += _per_minute(spec, counts.good)
        truth.bad += _per_minute(spec, counts.bad)
        truth.slow += _per_minute(spec, counts.slow)
        seen = np.zeros(spec.bins, np.bool_)
        for target in _targets(spec, slot, rng):
            for metric, one in _scraped(spec, target, counts, rng, seen):
                series.setdefault(metric, []).append(one)
        truth.reached_good += _per_minute(spec, counts.good * seen)
        truth.reached_bad += _per_minute(spec, counts.bad * seen)
    return Fleet(
        spec,
        _events(spec, truth.good, truth.bad),
        _events(spec, truth.reached_good, truth.reached_bad),
        _events(spec, truth.good + truth.bad - truth.slow, truth.slow),
        MappingProxyType({metric: tuple(group) for metric, group in series.items()}),
    )


class _Rates(NamedTuple):
    """Expected requests of one pod in each bin, and the ratios of bad and slow ones."""

    requests: Floats
    bad: Floats
    slow: Floats


def _rates(spec: FleetSpec) -> _Rates:
    minute = np.arange(spec.minutes) + spec.first_minute
    hour = (minute % 1440) / 60
    swing = np.log(spec.peak_to_trough) / 2
    shape = np.exp(swing * np.cos((hour - spec.peak_hour) * np.pi / 12))
    shape[np.isin(hour.astype(np.int64), sorted(spec.quiet_hours))] = 0.0
    per_bin = spec.requests_per_second / spec.pods * spec.bin_seconds
    return _Rates(
        _to_bins(spec, shape * (per_bin / max(shape.mean(), 1e-12))),
        _to_bins(spec, _ratios(spec, spec.base_error_ratio, spec.incidents)),
        _to_bins(spec, _ratios(spec, spec.slow_ratio or 0.0, spec.slowdowns)),
    )


def _ratios(spec: FleetSpec, base: float, episodes: tuple[Episode, ...]) -> Floats:
    ratios = np.full(spec.minutes, base, np.float64)
    for episode in episodes:
        begin = max(spec.lead_minutes + episode.start_minute, 0)
        ratios[begin : max(begin, spec.lead_minutes + episode.start_minute + episode.minutes)] = episode.ratio
    return ratios


def _to_bins(spec: FleetSpec, per_minute: Floats) -> Floats:
    return np.repeat(per_minute, 60 // spec.bin_seconds)


class _Counts:
    """Requests of one pod in each bin."""

    def __init__(self, spec: FleetSpec, rates: _Rates, rng: np.random.Generator) -> None:
        self.bad: Ints = rng.poisson(rates.requests * rates.bad)
        self.good: Ints = rng.poisson(rates.requests * (1 - rates.bad))
        if spec.cron_every_minutes:
            minute = np.arange(spec.minutes)
            due = minute[(minute + spec.first_minute) % spec.cron_every_minutes == 0]
            self.bad[due * (60 // spec.bin_seconds)] += spec.cron_errors
        every = self.good + self.bad
        self.slow: Ints = np.zeros(spec.bins, np.int64) if spec.slow_ratio is None else rng.binomial(every, rates.slow)


def _targets(spec: FleetSpec, slot: int, rng: np.random.Generator) -> list[_Target]:
    """The pods that one place in the fleet held one after another, with the restarts of each."""
    replaced = [0, spec.bins]
    if spec.pod_lifetime_hours is not None:
        life = spec.pod_lifetime_hours * 3600 / spec.bin_seconds
        drawn = np.arange(1, int(spec.bins / life) + 2) * life - life * (slot + 1) / spec.pods
        moved = (drawn + rng.uniform(-0.1, 0.1, drawn.size) * life).astype(np.int64)
        replaced += [int(at) for at in moved if 0 < at < spec.bins]
    restarts = [int(at) for at in rng.integers(1, spec.bins, spec.resets_per_pod)]
    edges = sorted({*replaced, *restarts})
    lives = list(pairwise(edges))
    bounds = sorted(set(replaced))
    return [
        _Target(slot, number, tuple(life for life in lives if begin <= life[0] < end))
        for number, (begin, end) in enumerate(pairwise(bounds))
    ]


def _scraped(
    spec: FleetSpec, target: _Target, counts: _Counts, rng: np.random.Generator, seen: npt.NDArray[np.bool_]
) -> Iterator[tuple[str, SeriesSamples]]:
    """The series of one target; marks the bins that a scrape reached."""
    identity = {"job": spec.service, "instance": f"10.{target.slot}.{target.number // 256}.{target.number % 256}:8080"}
    due = _due(spec, target, rng)
    down, silent = _in_gaps(spec, due, silent=False), _in_gaps(spec, due, silent=True)
    yield UP, _series(UP, identity, due[~silent], np.where(down, 0.0, 1.0)[~silent])
    times = due[~down & ~silent]
    ended = times // (spec.bin_seconds * 1000) - spec.first_minute * 60 // spec.bin_seconds
    started = np.zeros(times.size)
    rows = {name: np.zeros(times.size) for name in ("good", "bad", "slow")}
    for begin, end in target.lives:
        inside = slice(*np.searchsorted(times, [_instant(spec, begin), _instant(spec, end)], side="right"))
        # Processes of the first minute began before it: their counters did not start at zero here.
        started[inside] = spec.first_minute * 60 + (begin * spec.bin_seconds if begin else -86_400)
        for name, row in rows.items():
            cumulative = np.concatenate([[0], np.cumsum(getattr(counts, name)[begin:end])])
            row[inside] = cumulative[np.minimum(ended[inside], end) - begin] + (_BASE[name] if not begin else 0)
        if inside.stop > inside.start:
            seen[begin : min(int(ended[inside.stop - 1]), end)] = True
    yield PROCESS_START, _series(PROCESS_START, identity, times, started)
    pod = f"{spec.service}-{target.slot}-{target.number}"
    labels = {**spec.labels, **identity, "service": spec.service, "pod": pod}
    for status, name in (("200", "good"), ("500", "bad")):
        shown = rows[name] > 0 if spec.lazy_series else np.ones(times.size, np.bool_)
        if shown.any():
            yield REQUESTS, _series(REQUESTS, {**labels, "status": status}, times[shown], rows[name][shown])
    if spec.slow_ratio is not None:
        yield from _histogram(labels, times, rows["good"] + rows["bad"], rows["slow"])


_BASE = {"good": 50_000, "bad": 20, "slow": 1000}


def _histogram(labels: Labels, times: Ints, every: Floats, slow: Floats) -> Iterator[tuple[str, SeriesSamples]]:
    """Buckets around the 0.3 s bound, which alone is drawn; the others are shares of it."""
    fast = every - slow
    buckets = {"0.1": np.floor(fast * 0.8), "0.3": fast, "1": fast + np.floor(slow * 0.9), "+Inf": every}
    for bound, values in buckets.items():
        yield f"{DURATION}_bucket", _series(f"{DURATION}_bucket", {**labels, "le": bound}, times, values)
    yield f"{DURATION}_count", _series(f"{DURATION}_count", labels, times, every)


def _due(spec: FleetSpec, target: _Target, rng: np.random.Generator) -> Ints:
    """When the target is to be scraped, in milliseconds: every interval from a phase of its own, with jitter."""
    begin, end = _instant(spec, target.lives[0][0]), _instant(spec, target.lives[-1][1])
    interval = spec.scrape_interval_seconds * 1000
    regular = np.arange(begin + int(rng.uniform(0, interval)), end, interval, dtype=np.int64)
    moved: Ints = regular + rng.integers(-spec.jitter_ms, spec.jitter_ms + 1, regular.size)
    return moved[(moved > begin) & (moved <= end)]


def _in_gaps(spec: FleetSpec, times: Ints, *, silent: bool) -> npt.NDArray[np.bool_]:
    inside = np.zeros(times.size, np.bool_)
    for gap in spec.gaps:
        begin = (spec.start + gap.start_minute) * 60_000
        if gap.silent is silent:
            inside |= (times > begin) & (times <= begin + gap.minutes * 60_000)
    return inside


def _instant(spec: FleetSpec, edge: int) -> int:
    return spec.first_minute * 60_000 + edge * spec.bin_seconds * 1000


def _series(metric: str, labels: Mapping[str, str], times: Ints, values: Floats) -> SeriesSamples:
    return SeriesSamples(MappingProxyType({"__name__": metric, **labels}), times, values)


def _per_minute(spec: FleetSpec, bins: Ints) -> Ints:
    summed: Ints = bins.reshape(spec.minutes, -1).sum(axis=1)
    return summed


def _events(spec: FleetSpec, good: Ints, bad: Ints) -> EventSeries:
    minutes = np.arange(spec.minutes + 1, dtype=np.float64)
    zero = np.zeros(1, np.int64)
    return EventSeries(
        spec.first_minute, np.concatenate([zero, np.cumsum(good)]), np.concatenate([zero, np.cumsum(bad)]), minutes
    )

"""Raw samples from a Prometheus, or from anything that speaks its HTTP API, and the events counted from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from slo.errors import AnswerTooLargeError, DataError, SourceError, SourceResponseError
from slo.objective import Objective
from slo.promql.text import range_text, selector_text
from slo.report import Reason
from slo.samples import SeriesSamples
from slo.selector import Selector
from slo.source.prometheus_api import PrometheusApi
from slo.source.protocol import Labels, Measured, Progress
from slo.source.replicas import ReplicatedReader
from slo.source.sampled import SampledSource
from slo.source.server import Server
from slo.units import MINUTE_MS
from slo.window import Interval

_SHORTEST_STRETCH_MINUTES = 15


class PrometheusSource:
    """Events counted from a Prometheus server; what the server warned of is noted with each objective.

    server: an address, or what the settings say of a server, replicas included.
    """

    def __init__(self, server: str | Server, *, timeout_seconds: float = 60.0) -> None:
        known = Server(urls=(server,)) if isinstance(server, str) else server
        apis = PrometheusApi.replicas_of(known, timeout_seconds=timeout_seconds)
        self._replicas = tuple(PrometheusReader(api) for api in apis)
        self._reader = ReplicatedReader(self._replicas)

    def events(
        self, objectives: Sequence[Objective], intervals: Sequence[Interval], progress: Progress
    ) -> dict[str, Measured | SourceError]:
        """As in the protocol."""
        found = SampledSource(self._reader).events(objectives, intervals, progress)
        told = self._reader.warnings.union(*(one.warnings for one in self._replicas))
        warnings = tuple(Reason(code="source_warning", message=text) for text in sorted(told))
        return {
            id_: replace(one, reasons=one.reasons + warnings) if isinstance(one, Measured) else one
            for id_, one in found.items()
        }


def reader_of(server: Server, *, timeout_seconds: float) -> ReplicatedReader:
    """Raw samples of a server, of whichever of its replicas answers."""
    apis = PrometheusApi.replicas_of(server, timeout_seconds=timeout_seconds)
    return ReplicatedReader([PrometheusReader(api) for api in apis])


class PrometheusReader:
    """Reads by instant query of a range selector, which answers with the raw samples and their own timestamps.

    `warnings` collects what the server warned of, partial answers of a federation for instance.
    """

    def __init__(self, api: PrometheusApi) -> None:
        self._api = api
        self.warnings: set[str] = set()

    def __str__(self) -> str:
        return str(self._api)

    def read(self, selector: Selector, interval: Interval) -> list[SeriesSamples]:
        """As in the protocol; an answer that would be too large is asked for in two halves."""
        try:
            result = self._query(_range_text(selector, interval), interval.end, "matrix")
        except AnswerTooLargeError:
            if interval.minutes < 2 * _SHORTEST_STRETCH_MINUTES:
                raise
            middle = interval.start + interval.minutes // 2
            first = self.read(selector, Interval(interval.start, middle))
            return _joined([*first, *self.read(selector, Interval(middle, interval.end))])
        samples = [_series(one, selector) for one in result]
        if any(np.isnan(one.values).any() for one in samples) and self._api.speaks_metricsql():
            return _without_end_marks(samples)
        return samples

    def server_time_ms(self) -> int:
        """As in the protocol."""
        return self._api.server_time_ms()

    def read_minimum(self, selector: Selector, interval: Interval) -> list[tuple[Labels, float]]:
        """As in the protocol."""
        result = self._query(f"min_over_time({_range_text(selector, interval)})", interval.end, "vector")
        return [(one["metric"], float(one["value"][1])) for one in result]

    def _query(self, query: str, at_minute: int, expected: str) -> list[Any]:
        form = {"query": query, "time": str(at_minute * 60), "timeout": f"{self._api.timeout_seconds:g}s"}
        envelope = self._api.post("/api/v1/query", form)
        self.warnings.update(map(str, envelope.get("warnings") or ()))
        data = envelope.get("data")
        if not isinstance(data, dict) or data.get("resultType") != expected or not isinstance(data.get("result"), list):
            raise SourceResponseError(f"{self._api} did not answer with a {expected}; is it a Prometheus?")
        result: list[Any] = data["result"]
        return result


def _range_text(selector: Selector, interval: Interval) -> str:
    """1 ms longer than asked: a range leaves out its left end since Prometheus 3, and holds it before."""
    return range_text(selector, interval.minutes * MINUTE_MS + 1)


def _series(one: Any, selector: Selector) -> SeriesSamples:
    if "values" not in one:
        raise DataError(
            f"{selector_text(selector)} is a native histogram, which cannot be counted yet; "
            "select a classic one, or a counter"
        )
    values = one["values"]
    count = len(values)
    seconds = np.fromiter((sample[0] for sample in values), np.float64, count)
    return SeriesSamples(
        one["metric"],
        np.rint(seconds * 1000).astype(np.int64),
        np.fromiter((float(sample[1]) for sample in values), np.float64, count),
    )


def _without_end_marks(samples: Sequence[SeriesSamples]) -> list[SeriesSamples]:
    """VictoriaMetrics shows the mark of a series' end as NaN, which Prometheus leaves out; it stores no other NaN."""
    kept = []
    for one in samples:
        numbers = ~np.isnan(one.values)
        if numbers.any():
            kept.append(SeriesSamples(one.labels, one.times[numbers], one.values[numbers]))
    return kept


def _joined(parts: Sequence[SeriesSamples]) -> list[SeriesSamples]:
    """Series of consecutive stretches, each in one piece; a sample on the border of two is in both."""
    by_key: dict[object, SeriesSamples] = {}
    for part in parts:
        known = by_key.get(part.key)
        if known is not None:
            fresh = part.times.searchsorted(known.times[-1], "right")
            times, values = part.times[fresh:], part.values[fresh:]
            part = SeriesSamples(part.labels, np.append(known.times, times), np.append(known.values, values))
        by_key[part.key] = part
    return list(by_key.values())

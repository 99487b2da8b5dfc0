"""A source of events over any reader of raw samples: plan the queries, read day by day, count with cursors."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from slo.births import Births, Origins
from slo.count import count_increases, count_observations
from slo.errors import DataError, Problem, SourceError, SourceUnreachableError, SpecError
from slo.objective import LatencySLI, Objective
from slo.promql.match import matches
from slo.samples import Cursors, SeriesSamples
from slo.source.buckets import canonical_buckets
from slo.source.probe import is_good
from slo.source.protocol import Measured, Progress, SampleReader
from slo.source.query_plan import Query, Role, Use, plan_queries
from slo.source.tally import Tally
from slo.source.targets import read_origins, still_scraped
from slo.units import MINUTE_MS
from slo.window import Interval

REACH_MINUTES = 10
"""Read this much before and after: the sample before the window is what its first increase is measured from, the one
after it completes its last. It is two scrapes at five minutes, the longest interval that Prometheus serves well."""


class SampledSource:
    """Events counted from raw samples, each query once, however many objectives use it.

    chunk_minutes: the longest stretch of one read. reads_at_once: how many are under way at a time.
    """

    def __init__(self, reader: SampleReader, *, chunk_minutes: int = 1440, reads_at_once: int = 4) -> None:
        self._reader = reader
        self._chunk_minutes = chunk_minutes
        self._reads_at_once = reads_at_once

    def events(
        self, objectives: Sequence[Objective], intervals: Sequence[Interval], progress: Progress
    ) -> dict[str, Measured | SourceError]:
        """As in the protocol. Raises SpecError for latency thresholds that are no bucket of their histogram."""
        needs = list(zip(objectives, intervals, strict=True))
        tallies = {objective.id: Tally(objective, interval) for objective, interval in needs}
        failures: dict[str, SourceError] = {}
        queries = plan_queries(needs)
        done, total = 0, sum(len(self._stretches(query)) for query in queries)
        with ThreadPoolExecutor(self._reads_at_once) as executor:
            for query in queries:
                try:
                    for _ in self._count(query, tallies, executor):
                        done += 1
                        progress(done / total)
                except SourceUnreachableError as error:
                    return dict.fromkeys(tallies, error)
                except SourceError as error:
                    failures |= {use.objective.id: error for use in query.uses}
        measured = {id_: tally.finished() for id_, tally in tallies.items() if id_ not in failures}
        self._check_thresholds([tallies[id_] for id_ in measured])
        return {**measured, **failures}

    def _count(self, query: Query, tallies: Mapping[str, Tally], executor: ThreadPoolExecutor) -> Iterator[None]:
        """Count one query, a stretch at each step."""
        cursors = Cursors(since=query.interval.start * MINUTE_MS)
        for stretch, samples in self._reads(query, executor):
            _refuse_undefined(samples)
            samples = canonical_buckets(samples)
            cursors = self._count_stretch(query, stretch, samples, cursors, tallies)
            yield
        counted = [tallies[use.objective.id] for use in query.uses if use.role in (Role.TOTAL, Role.OBSERVATION)]
        gone = {target: last for tally in counted for target, last in tally.silent_targets().items()}
        lost = still_scraped(self._reader, gone, query.interval.end)
        for tally in counted:
            tally.miss(lost.intersection(tally.silent_targets()))

    def _count_stretch(
        self,
        query: Query,
        stretch: Interval,
        samples: list[SeriesSamples],
        cursors: Cursors,
        tallies: Mapping[str, Tally],
    ) -> Cursors:
        if query.is_gauge:
            observations, values, after = count_observations(samples, cursors)
            for use in query.uses:
                wanted, chosen = _of_use(use, samples)
                tally = tallies[use.objective.id]
                tally.cover(chosen)
                tally.add(Role.TOTAL, chosen, observations.of(wanted))
                tally.add(Role.BAD, chosen, observations.where(~is_good(use.objective, values)).of(wanted))
            return after
        unexplained = Births(samples, cursors, Origins()).unexplained()
        origins = read_origins(self._reader, query.selector, unexplained, stretch)
        increases, after = count_increases(samples, cursors, origins)
        for use in query.uses:
            wanted, chosen = _of_use(use, samples)
            tally = tallies[use.objective.id]
            if use.role is Role.TOTAL:
                tally.cover(chosen)
            tally.add(use.role, chosen, increases.of(wanted))
        return after

    def _stretches(self, query: Query) -> list[Interval]:
        start, end = query.interval.start - REACH_MINUTES, query.interval.end + REACH_MINUTES
        edges = [*range(start, end, self._chunk_minutes), end]
        return [Interval(a, b) for a, b in pairwise(edges)]

    def _reads(self, query: Query, executor: ThreadPoolExecutor) -> Iterator[tuple[Interval, list[SeriesSamples]]]:
        """Each stretch with its samples, in order, a few reads ahead of what is being counted."""
        under_way: deque[tuple[Interval, Future[list[SeriesSamples]]]] = deque()
        stretches = deque(self._stretches(query))
        try:
            while stretches or under_way:
                while stretches and len(under_way) < self._reads_at_once:
                    stretch = stretches.popleft()
                    under_way.append((stretch, executor.submit(self._reader.read, query.selector, stretch)))
                stretch, future = under_way.popleft()
                yield stretch, future.result()
        finally:
            for _, future in under_way:
                future.cancel()

    def _check_thresholds(self, tallies: Sequence[Tally]) -> None:
        """A histogram without the threshold's bucket is a mistake in the file: say which buckets there are."""
        problems = []
        for tally in tallies:
            sli = tally.objective.sli
            if isinstance(sli, LatencySLI) and tally.has(Role.TOTAL) and not tally.has(Role.GOOD):
                bounds = self._bucket_bounds(sli, tally)
                message = f"{sli.threshold} is no bucket of {sli.histogram.metric}; buckets found: {', '.join(bounds)}"
                problems.append(Problem(tally.objective.id, 0, 0, "sli.latency.threshold", message))
        if problems:
            raise SpecError(problems)

    def _bucket_bounds(self, sli: LatencySLI, tally: Tally) -> list[str]:
        last = max(cursor.last for cursor in tally.targets.values()) // MINUTE_MS + 1
        bucket = sli.histogram.renamed(f"{sli.histogram.metric}_bucket")
        bounds = {one.labels["le"] for one in self._reader.read(bucket, Interval(last - REACH_MINUTES, last))}
        return sorted(bounds, key=float) or ["none"]


def _of_use(use: Use, samples: Sequence[SeriesSamples]) -> tuple[np.ndarray, list[SeriesSamples]]:
    wanted = np.array([matches(use.selector, one.labels) for one in samples], np.bool_)
    return wanted, [one for one, is_wanted in zip(samples, wanted, strict=True) if is_wanted]


def _refuse_undefined(samples: Sequence[SeriesSamples]) -> None:
    for one in samples:
        if not np.isfinite(one.values).all():
            labels = ", ".join(f"{label}={value!r}" for label, value in sorted(one.labels.items()))
            message = "has a sample that is NaN or infinite; mend the exporter or exclude the series"
            raise DataError(f"the series with {labels} {message}")

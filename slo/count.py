"""From raw samples to events: per-series cursors, pure and vectorised over all series of a read.

A counter sample says how many events there were since the counter was born. Each pair of neighbouring samples
therefore yields one increase: some events, at some time in (begin, end]. Every sample is used once, told apart by
its timestamp, so overlapping reads do no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from slo.births import Births, Origins
from slo.restarts import Steps, from_zero_where_reborn, restarts_of
from slo.samples import (
    Cursors,
    Scrapes,
    SeriesCursor,
    SeriesKey,
    SeriesSamples,
    Times,
    Values,
    target_scrapes,
    targets_after,
)


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

    A value below its predecessor is a reset: the counter restarted from zero. A series without cursor begins where
    slo/births.py finds that it did, and otherwise with its first value as a baseline; slo/restarts.py finds the
    restarts that a fall does not show.
    Source: Prometheus, "Metric types": a counter only rises, and restarts from zero with its process.
    """
    scrapes = target_scrapes(samples)
    births: Births | None = None
    uncertain = np.zeros(len(samples), np.bool_)
    parts, after = [], dict(cursors.series)
    for index, one in enumerate(samples):
        if not one.times.size:
            continue
        cursor = cursors.series.get(one.key)
        if cursor is None:
            births = births or Births(samples, cursors, origins, scrapes)
            cursor, uncertain[index] = births.cursor(one)
        if fresh := _fresh(one, cursor):
            parts.append((index, cursor, *fresh))
        after[one.key] = _last(one, cursor)
    steps = Steps.following(parts)
    restarts = restarts_of(steps, samples, cursors)
    increases = _between(from_zero_where_reborn(steps, restarts, samples, scrapes, cursors), uncertain)
    last = {place: int(times[-1]) for place, times in restarts.items()}
    return increases, replace(_cursors_after(samples, cursors, after, scrapes), restarts={**cursors.restarts, **last})


def _fresh(one: SeriesSamples, cursor: SeriesCursor) -> tuple[Times, Values] | None:
    """The samples after the cursor, if there are any."""
    if one.times[0] > cursor.time:
        return one.times, one.values
    fresh = int(one.times.searchsorted(cursor.time, "right"))
    return (one.times[fresh:], one.values[fresh:]) if fresh < one.times.size else None


def _last(one: SeriesSamples, cursor: SeriesCursor) -> SeriesCursor:
    last = one.times.item(-1)
    return SeriesCursor(last, one.values.item(-1)) if last > cursor.time else cursor


def _between(steps: Steps, uncertain: npt.NDArray[np.bool_]) -> Increases:
    amount = np.where(steps.value < steps.before, steps.value, steps.value - steps.before)
    return Increases(steps.series, steps.begin, steps.end, amount, uncertain).where(amount > 0)


def _cursors_after(
    samples: Sequence[SeriesSamples], cursors: Cursors, series: dict[SeriesKey, SeriesCursor], scrapes: Scrapes
) -> Cursors:
    targets = targets_after(scrapes, cursors.targets)
    return Cursors(cursors.since, series, targets, cursors.first_seen_with(samples))


def count_observations(samples: Sequence[SeriesSamples], cursors: Cursors) -> tuple[Increases, Values, Cursors]:
    """Each new sample of a gauge as one observation at its own time, its value beside it, and the cursors after."""
    after = dict(cursors.series)
    pieces = []
    for index, one in enumerate(samples):
        cursor = cursors.series.get(one.key) or SeriesCursor(-1, 0.0)
        fresh = one.times.searchsorted(cursor.time, "right")
        if fresh < one.times.size:
            pieces.append((index, one.times[fresh:], one.values[fresh:]))
            after[one.key] = SeriesCursor(int(one.times[-1]), float(one.values[-1]))
    series = np.repeat([index for index, _, _ in pieces], [times.size for _, times, _ in pieces]).astype(np.intp)
    at = np.concatenate([np.zeros(0, np.int64), *(times for _, times, _ in pieces)])
    values = np.concatenate([np.zeros(0), *(part for _, _, part in pieces)])
    observations = Increases(series, at, at, np.ones(at.size), np.zeros(len(samples), np.bool_))
    return observations, values, _cursors_after(samples, cursors, after, target_scrapes(samples))

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
from slo.samples import Cursors, SeriesCursor, SeriesKey, SeriesSamples, Times, Values, target_scrapes, targets_after


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
    births = Births(samples, cursors, origins)
    uncertain = np.zeros(len(samples), np.bool_)
    steps, after = [], dict(cursors.series)
    for index, one in enumerate(samples):
        if not one.times.size:
            continue
        key = one.key
        cursor = cursors.series.get(key)
        if cursor is None:
            fresh = 0
            cursor, uncertain[index] = births.cursor(one)
        else:
            fresh = int(one.times.searchsorted(cursor.time, "right"))
        if fresh < one.times.size:
            steps.append(Steps.following(cursor, index, one, fresh))
            after[key] = SeriesCursor(int(one.times[-1]), float(one.values[-1]))
    restarts = restarts_of(steps, cursors)
    increases = _between(from_zero_where_reborn(steps, restarts, samples, cursors), uncertain)
    last = {place: int(times[-1]) for place, times in restarts.items() if times.size}
    return increases, replace(_cursors_after(samples, cursors, after), restarts={**cursors.restarts, **last})


def _between(steps: Sequence[Steps], uncertain: npt.NDArray[np.bool_]) -> Increases:
    series = np.repeat(np.array([one.series for one in steps], np.intp), [one.end.size for one in steps])
    begin = np.concatenate([np.zeros(0, np.int64), *(one.begin for one in steps)])
    end = np.concatenate([np.zeros(0, np.int64), *(one.end for one in steps)])
    before = np.concatenate([np.zeros(0), *(one.before for one in steps)])
    value = np.concatenate([np.zeros(0), *(one.value for one in steps)])
    amount = np.where(value < before, value, value - before)
    return Increases(series, begin, end, amount, uncertain).where(amount > 0)


def _cursors_after(
    samples: Sequence[SeriesSamples], cursors: Cursors, series: dict[SeriesKey, SeriesCursor]
) -> Cursors:
    targets = targets_after(target_scrapes(samples), cursors.targets)
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
    return observations, values, _cursors_after(samples, cursors, after)

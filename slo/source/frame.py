"""Counted events from a table: Parquet, CSV or a pandas data frame.

A row holds the events of the step that ends at its `time`. The step is the commonest spacing of the times, at least
one minute: rows of a coarser step are spread evenly over their minutes, finer rows are added into theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from slo.errors import DataError, SourceError
from slo.events import EventSeries
from slo.objective import Group, Objective
from slo.report import Reason
from slo.source.frame_rows import Floats, Integers, checked_rows, read_frame
from slo.source.protocol import Measured, Progress
from slo.units import MINUTE_MS
from slo.window import Interval, datetime_of

if TYPE_CHECKING:
    import pandas as pd


class FrameSource:
    """A `Source` over columns `time`, two of `bad`, `good`, `total`, and optionally `slo`, `coverage` and labels.

    Without a column `slo` the rows serve the one objective that is asked for. A step without a row was not seen.
    Raises DataError, naming the row and the cure, where the table cannot be counted.
    """

    def __init__(self, frame: pd.DataFrame, name: str = "the data frame") -> None:
        self._rows = checked_rows(frame, name)
        self._minutes = -(-self._rows.times_ms // MINUTE_MS)

    @classmethod
    def from_file(cls, path: Path) -> FrameSource:
        """The source over a .parquet or .csv file."""
        return cls(read_frame(path), str(path))

    @property
    def end(self) -> datetime:
        """The end of the minute of the last row: the default time of evaluation."""
        return datetime_of(int(self._minutes.max()))

    def events(
        self, objectives: Sequence[Objective], intervals: Sequence[Interval], progress: Progress
    ) -> dict[str, Measured | SourceError]:
        """The events of each objective over its interval; a failure stands in its objective's place."""
        measured: dict[str, Measured | SourceError] = {}
        for done, (objective, interval) in enumerate(zip(objectives, intervals, strict=True), start=1):
            try:
                measured[objective.id] = self._measure(objective, interval, len(objectives))
            except DataError as error:
                measured[objective.id] = error
            progress(done / len(objectives))
        return measured

    def _measure(self, objective: Objective, interval: Interval, asked: int) -> Measured:
        rows = self._rows
        chosen = self._rows_of(objective, asked)
        absent = [label for label in objective.group_by if label not in rows.others]
        if absent:
            found = ", ".join(sorted(rows.others.keys() - {"slo"})) or "none"
            raise DataError(f"{rows.name}: has no column {absent[0]!r} to group by; label columns found: {found}")
        if not chosen.size:
            return Measured({(): EventSeries.empty()})
        times_ms, minutes = rows.times_ms[chosen], self._minutes[chosen]
        grid = _Grid.over(minutes, _step_minutes(times_ms), interval)
        if grid is None:
            return Measured({(): EventSeries.empty()})
        grid.see(times_ms, minutes, rows.coverage[chosen])
        groups: dict[Group, EventSeries] = {(): grid.series(minutes, rows.bad[chosen], rows.total[chosen])}
        if not objective.group_by:
            return Measured(groups)
        labels = np.array([rows.others[label][chosen] for label in objective.group_by], dtype=object)
        parts = {
            group: grid.series(minutes[inside], rows.bad[chosen[inside]], rows.total[chosen[inside]])
            for group, inside in _groups(objective.group_by, labels)
        }
        kept, reasons = _most_eventful(parts, objective.max_groups)
        return Measured(groups | kept, reasons)

    def _rows_of(self, objective: Objective, asked: int) -> Integers:
        slos = self._rows.others.get("slo")
        if slos is not None:
            return np.flatnonzero(slos == objective.id)
        if asked > 1:
            problem = f"has no column 'slo' to tell {asked} objectives apart; add it, or choose one with --slo"
            raise DataError(f"{self._rows.name}: {problem}")
        return np.arange(self._minutes.size)


class _Grid:
    """The minutes from `start` to `end`, on which rows of one step are placed; all groups share its coverage."""

    def __init__(self, start: int, end: int, step_minutes: int) -> None:
        self._start, self._end, self._step = start, end, step_minutes
        self._coverage = np.zeros(end - start)

    @classmethod
    def over(cls, minutes: Integers, step_minutes: int, interval: Interval) -> _Grid | None:
        """The part of the interval that rows can reach, None where there is none."""
        start = max(interval.start, int(minutes.min()) - step_minutes)
        end = min(interval.end, int(minutes.max()))
        return cls(start, end, step_minutes) if start < end else None

    def see(self, times_ms: Integers, minutes: Integers, coverage: Floats) -> None:
        """Mark what was seen: the best of the rows at one time, the mean of the times in one minute."""
        times, at_time = np.unique(times_ms, return_inverse=True)
        best = np.zeros(times.size)
        np.maximum.at(best, at_time, coverage)
        ends, in_minute = np.unique(-(-times // MINUTE_MS), return_inverse=True)
        share = np.bincount(in_minute, weights=best) / np.bincount(in_minute)
        # Steps of uneven length may overlap; a minute is never seen more than once.
        self._coverage = np.minimum(self._spread(ends, share), 1.0)

    def series(self, minutes: Integers, bad: Floats, total: Floats) -> EventSeries:
        """The events of some rows, those of a coarse step spread evenly over its minutes."""
        return EventSeries.from_minutes(
            self._start,
            self._spread(minutes, bad / self._step),
            self._spread(minutes, total / self._step),
            self._coverage,
        )

    def _spread(self, minutes: Integers, amounts: Floats) -> Floats:
        """Each amount on every one of the `step` minutes that end with its own; what lies outside is dropped."""
        size = self._end - self._start
        spread = np.zeros(size)
        ends = minutes - self._start
        if self._step > minutes.size:
            for end, amount in zip(ends.tolist(), amounts.tolist(), strict=True):
                spread[max(0, end - self._step) : max(0, end)] += amount
            return spread
        for back in range(self._step):
            place = ends - 1 - back
            inside = (place >= 0) & (place < size)
            spread += np.bincount(place[inside], weights=amounts[inside], minlength=size)
        return spread


def _step_minutes(times_ms: Integers) -> int:
    """The commonest spacing of the distinct times, the shorter of equals, in whole minutes and at least one."""
    spacings, counts = np.unique(np.diff(np.unique(times_ms)), return_counts=True)
    return max(1, -(-int(spacings[counts.argmax()]) // MINUTE_MS)) if spacings.size else 1


def _groups(names: tuple[str, ...], labels: npt.NDArray[np.object_]) -> Iterator[tuple[Group, Integers]]:
    """Each combination of label values, in order, with the positions of its rows."""
    places: dict[tuple[str, ...], list[int]] = {}
    for place, values in enumerate(zip(*labels, strict=True)):
        places.setdefault(values, []).append(place)
    for values in sorted(places):
        yield tuple(zip(names, values, strict=True)), np.array(places[values])


def _most_eventful(
    parts: dict[Group, EventSeries], max_groups: int
) -> tuple[dict[Group, EventSeries], tuple[Reason, ...]]:
    """The groups with most events, ties by name, and what to say about the rest."""
    if len(parts) <= max_groups:
        return parts, ()
    ranked = sorted(parts, key=lambda group: (-int(parts[group].good[-1] + parts[group].bad[-1]), group))
    kept = set(ranked[:max_groups])
    message = f"{len(parts)} groups were found, the {max_groups} with most events are reported"
    reason = Reason(code="max_groups", message=message, observed=len(parts), threshold=max_groups)
    return {group: parts[group] for group in parts if group in kept}, (reason,)

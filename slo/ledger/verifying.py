"""What was counted beside what the source tells today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slo.errors import SourceError, UsageError
from slo.events import Counts, EventSeries, WindowCounts
from slo.ledger.source import LedgerSource
from slo.ledger.store import Ledger
from slo.objective import Objective
from slo.source.protocol import Measured, Progress, Source
from slo.window import Interval

TOLERATED_EVENTS = 1
"""Both are rounded from fractions at their own edges."""

_WORST = 5
_DAY = 1440


@dataclass(frozen=True, slots=True)
class MinuteCounts:
    """One minute as the two have it; start: of the minute."""

    start: int
    counted: WindowCounts
    recounted: WindowCounts


@dataclass(frozen=True, slots=True)
class Verified:
    """One objective. worst: the minutes that differ most, the worst first."""

    slo: str
    counted: WindowCounts
    recounted: WindowCounts
    worst: tuple[MinuteCounts, ...]

    @property
    def good(self) -> int:
        """How many more good events were counted than recounted."""
        return self.counted.good - self.recounted.good

    @property
    def bad(self) -> int:
        return self.counted.bad - self.recounted.bad

    @property
    def differs(self) -> bool:
        return max(abs(self.good), abs(self.bad)) > TOLERATED_EVENTS


def final_interval(ledger: Ledger, objectives: Sequence[Objective], begin: int | None, end: int | None) -> Interval:
    """What to compare where that is not said: the last day that is final for all. Raises UsageError."""
    if end is None:
        newest = {epoch.slo: epoch.id for epoch in ledger.epochs()}
        edges = ledger.edges()
        final = [edges[newest[one.id]][1] for one in objectives if newest.get(one.id) in edges]
        if not final:
            raise UsageError(f"{ledger.name} has no final counts of these objectives; say --from and --to")
        end = min(final)
    begin = end - _DAY if begin is None else begin
    if begin >= end:
        raise UsageError("--from is not before --to, nor before the end of what is final")
    return Interval(begin, end)


def verify(
    ledger: Ledger, source: Source, objectives: Sequence[Objective], interval: Interval, progress: Progress
) -> tuple[list[Verified], dict[str, SourceError]]:
    """Every objective counted anew over the interval, and those for which that cannot be done."""
    counted = LedgerSource(ledger).events(objectives, [interval] * len(objectives), lambda share: None)
    recounted = source.events(objectives, [interval] * len(objectives), progress)
    verified, failures = [], {}
    for one in objectives:
        ours, theirs = counted[one.id], recounted[one.id]
        if isinstance(ours, Measured) and isinstance(theirs, Measured):
            verified.append(_compared(one.id, ours.groups[()], theirs.groups[()], interval))
        else:
            failures[one.id] = ours if isinstance(ours, SourceError) else theirs
    return verified, {id_: error for id_, error in failures.items() if isinstance(error, SourceError)}


def _compared(slo: str, counted: EventSeries, recounted: EventSeries, interval: Interval) -> Verified:
    differences = sum(
        np.abs(
            _minutes(getattr(counted, name), counted.start, interval)
            - _minutes(getattr(recounted, name), recounted.start, interval)
        )
        for name in ("good", "bad")
    )
    order = np.argsort(-np.asarray(differences), kind="stable")[:_WORST]
    worst = []
    for place in order.tolist():
        minute = Interval(interval.start + place, interval.start + place + 1)
        ours, theirs = counted.within(minute), recounted.within(minute)
        if ours[:2] != theirs[:2]:
            worst.append(MinuteCounts(minute.start, ours, theirs))
    return Verified(slo, counted.within(interval), recounted.within(interval), tuple(worst))


def _minutes(cumulative: Counts, start: int, interval: Interval) -> Counts:
    """What each minute of the interval adds to a cumulative."""
    places = np.clip(np.arange(interval.start, interval.end + 1) - start, 0, cumulative.size - 1)
    return np.diff(cumulative[places])

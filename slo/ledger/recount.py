"""Minutes that were counted by an old indicator counted again by today's, as far back as the source reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slo.errors import SourceError
from slo.events import EventSeries
from slo.ledger.registry import kept_until
from slo.ledger.source import LedgerSource
from slo.ledger.store import Epoch, Ledger, Write
from slo.ledger.stretch import FULL, Provenance, Stretch, joined
from slo.ledger.text import indicator_text
from slo.objective import Group, Objective
from slo.source.protocol import Measured, Progress, Source
from slo.window import Interval

_MINUTES_AT_ONCE = 5_000_000
_SAME = "has been counted by today's indicator all along"
_NOT_FINAL = "has no final counts after that time"


@dataclass(frozen=True, slots=True)
class Recounted:
    """What became of one objective. interval: what was counted anew; None: nothing, for this reason."""

    slo: str
    interval: Interval | None
    reason: str = ""
    failure: SourceError | None = None


@dataclass(frozen=True, slots=True)
class _Work:
    """The minutes to recount of one objective. own_from: from where on today's indicator has counted already."""

    objective: Objective
    epoch: Epoch | None
    interval: Interval
    own_from: int


def recount(
    ledger: Ledger,
    source: Source,
    objectives: Sequence[Objective],
    *,
    earliest: int,
    since: int | None,
    progress: Progress,
) -> Iterator[Recounted]:
    """Recount one objective after another, each as a whole or not at all. The caller holds the lease.

    earliest: no history is asked for before it. since: recount everything from this minute on, also what today's
    indicator has counted; minutes that the source no longer covers as well as they were stay as they are.
    """
    works = []
    epochs = LedgerSource(ledger).chains()
    edges = _edges(ledger, [of_one[-1] for of_one in epochs.values()])
    for objective in objectives:
        work = _work(objective, epochs.get(objective.id, []), edges, earliest, since)
        if isinstance(work, str):
            yield Recounted(objective.id, None, work)
        else:
            works.append(work)
    done = 0.0
    for together in _batches(works):
        share = len(together) / len(works)
        asked = [one.objective for one in together], [one.interval for one in together]
        found = source.events(*asked, _within(progress, done, share))
        for work in together:
            yield _replaced(ledger, work, found[work.objective.id])
        done += share


def _within(progress: Progress, low: float, share: float) -> Progress:
    return lambda part: progress(low + part * share)


def _edges(ledger: Ledger, epochs: Sequence[Epoch]) -> dict[int, int]:
    """Up to where each epoch is final."""
    known = {epoch_id: edge for epoch_id, (_, edge) in ledger.edges().items()}
    others = kept_until(ledger, {epoch.id for epoch in epochs} - known.keys())
    return {epoch.id: epoch.since for epoch in epochs} | others | known


def _work(
    objective: Objective, epochs: Sequence[Epoch], edges: Mapping[int, int], earliest: int, since: int | None
) -> _Work | str:
    """What there is to do, or why there is nothing."""
    if not epochs:
        return "was never counted"
    newest = epochs[-1]
    edge = edges[newest.id]
    counts_today = newest.indicator == indicator_text(objective)
    own_from = newest.since if counts_today else edge
    if since is not None:
        work = Interval(since, edge)
        return _Work(objective, newest if counts_today else None, work, own_from) if work.minutes > 0 else _NOT_FINAL
    work = Interval(max(earliest, min(epoch.since for epoch in epochs)), own_from)
    return _Work(objective, newest if counts_today else None, work, own_from) if work.minutes > 0 else _SAME


def _batches(works: Sequence[_Work]) -> Iterator[list[_Work]]:
    """As many at a time as fit into memory."""
    together: list[_Work] = []
    for work in works:
        if together and sum(one.interval.minutes for one in together) + work.interval.minutes > _MINUTES_AT_ONCE:
            yield together
            together = []
        together.append(work)
    if together:
        yield together


def _replaced(ledger: Ledger, work: _Work, found: Measured | SourceError) -> Recounted:
    if isinstance(found, SourceError):
        return Recounted(work.objective.id, None, failure=found)
    reach = _reach(found.groups[()])
    begin = work.interval.end if reach is None else max(reach, work.interval.start)
    if begin >= work.interval.end:
        return Recounted(work.objective.id, None, "the source has nothing of that time")
    interval = Interval(begin, work.interval.end)
    with ledger.transaction():
        epoch = work.epoch or ledger.begin_epoch(work.objective.id, begin, indicator_text(work.objective))
        if begin < epoch.since:
            epoch = ledger.move_epoch(epoch, begin)
        ledger.write([Write(epoch, _merged(ledger, work, epoch, found, interval))])
    return Recounted(work.objective.id, interval)


def _reach(events: EventSeries) -> int | None:
    """The first minute that was seen whole, as of the one before it the former count knows more."""
    if events.observed is None:
        return None
    whole = np.flatnonzero(np.diff(events.covered) > 1 - 1 / FULL)
    return events.start + int(whole[0]) if whole.size else events.observed.start


def _merged(ledger: Ledger, work: _Work, epoch: Epoch, found: Measured, interval: Interval) -> dict[Group, Stretch]:
    """The recount, but where today's indicator has seen more of a minute, that."""
    fresh = {group: _stretch(events, interval, is_whole=not group) for group, events in found.groups.items()}
    own = Interval(max(work.own_from, interval.start), interval.end)
    if work.epoch is None or own.minutes <= 0:
        return fresh
    ids = ledger.series([epoch.id])[epoch.id]
    known = {
        group: joined([block for _, block in ledger.blocks([series_id], own)], interval)
        for group, series_id in ids.items()
    }
    kept = known[()].covered > fresh[()].covered if () in known else np.zeros(interval.minutes, np.bool_)
    nothing = Stretch.empty(interval)
    return {group: _chosen(kept, known.get(group, nothing), fresh.get(group, nothing)) for group in {**fresh, **known}}


def _chosen(first: np.ndarray, one: Stretch, other: Stretch) -> Stretch:
    return Stretch(
        one.start,
        np.where(first, one.good, other.good),
        np.where(first, one.bad, other.bad),
        np.where(first, one.covered, other.covered),
        np.where(first, one.provenance, other.provenance),
    )


def _stretch(events: EventSeries, interval: Interval, *, is_whole: bool) -> Stretch:
    places = np.clip(np.arange(interval.start, interval.end + 1) - events.start, 0, events.good.size - 1)
    good, bad = np.diff(events.good[places]), np.diff(events.bad[places])
    covered = (
        np.rint(np.diff(events.covered[places]) * FULL).astype(np.int16) if is_whole else np.zeros(good.size, np.int16)
    )
    return Stretch.of(interval.start, good, bad, covered, Provenance.BACKFILLED)

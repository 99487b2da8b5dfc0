"""The ledger in memory: the windows of all objectives, answered without a query and kept up with every write."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter

import numpy as np

from slo.correction import Correction
from slo.errors import SourceError
from slo.ledger.checkpoint import Notes
from slo.ledger.corrections import corrections_in_force
from slo.ledger.remembered import DAY, HOUR, LOADED_MINUTES, Edge, RememberedSeries
from slo.ledger.source import LedgerSource, promises_by_objective, reasons_of
from slo.ledger.store import BlockRow, Epoch, Ledger, Promise, Write
from slo.ledger.stretch import FULL, Provenance, Stretch, decode, joined
from slo.objective import Group, Objective
from slo.report import Reason, needed_interval
from slo.source.protocol import Findings, Progress
from slo.window import Interval

_LOADED_AT_ONCE = 500
_AHEAD_MINUTES = 55
"""The hours that edges come to next are fetched over so many minutes, some objectives in each."""


@dataclass(frozen=True, slots=True, eq=False)
class Remembered:
    """What is known of one objective, as Findings."""

    groups: Mapping[Group, RememberedSeries]
    reasons: tuple[Reason, ...]
    corrections: tuple[Correction, ...]


@dataclass(slots=True, eq=False)
class _Held:
    """One objective in memory."""

    objective: Objective
    epoch: Epoch
    ids: dict[Group, int]
    series: dict[Group, RememberedSeries]
    promises: Sequence[Promise]
    notes: Notes | None


class LedgerMemory:
    """A source of events for reports at about the present.

    What it cannot hold is read from the store when asked for: objectives with time slices, and those whose indicator
    changed within their windows.
    """

    def __init__(self, ledger: Ledger, objectives: Sequence[Objective], *, at_minute: int) -> None:
        self._ledger = ledger
        self._source = LedgerSource(ledger)
        self._objectives = {one.id: one for one in objectives}
        self._held: dict[str, _Held] = {}
        self._in_store: dict[str, int] = {}
        """Epochs of objectives that are answered from the store by choice."""
        self._outdated: set[str] = set()
        """Objectives that have to be loaded again before they are right."""
        self._load(objectives, at_minute)
        self.prepare(at_minute)

    @property
    def newest_minute(self) -> int | None:
        """The last minute that was counted of any objective in memory."""
        return max((held.series[()].end for held in self._held.values()), default=None)

    def events(
        self, objectives: Sequence[Objective], intervals: Sequence[Interval], progress: Progress
    ) -> dict[str, Findings | SourceError]:
        """As in the protocol."""
        asked = list(zip(objectives, intervals, strict=True))
        elsewhere = [(one, interval) for one, interval in asked if one.id not in self._held]
        found: dict[str, Findings | SourceError] = {}
        if elsewhere:
            others, their_intervals = zip(*elsewhere, strict=True)
            found |= self._source.events(others, their_intervals, progress)
        corrections = corrections_in_force(self._ledger) if asked else ()
        for one, interval in asked:
            held = self._held.get(one.id)
            if held is not None:
                reasons = reasons_of(one, [held.epoch], held.promises, held.notes, interval)
                found[one.id] = Remembered(held.series, reasons, corrections)
        return found

    def choose(self, objectives: Sequence[Objective], *, at_minute: int) -> None:
        """Answer for these from now on; those that are counted as before are kept as they are."""
        former, self._objectives = self._objectives, {one.id: one for one in objectives}
        for gone in former.keys() - self._objectives.keys():
            self._held.pop(gone, None)
            self._in_store.pop(gone, None)
        self._outdated &= self._objectives.keys()
        self._outdated |= {one.id for one in objectives if former.get(one.id) != one}
        self.refresh(at_minute)

    def take(self, writes: Iterable[Write]) -> None:
        """Take over what was written; what reaches further back than the last hours waits for `refresh`."""
        for one in writes:
            slo = one.epoch.slo
            if slo in self._objectives and slo not in self._outdated and not self._take(one):
                self._outdated.add(slo)

    def refresh(self, at_minute: int) -> None:
        """Load again what could not be taken over, and prepare for an evaluation at this minute."""
        if self._outdated:
            self._load([self._objectives[slo] for slo in sorted(self._outdated)], at_minute)
            self._outdated.clear()
        self.prepare(at_minute)

    def apply(self, writes: Iterable[Write], *, at_minute: int) -> None:
        """Take over what was written, and load again what that does not suffice for."""
        self.take(writes)
        self.refresh(at_minute)

    def prepare(self, at_minute: int) -> None:
        """Fetch the hours around the edges of all windows, and of some those that the edges come to next."""
        wanted: dict[int, dict[int, RememberedSeries]] = defaultdict(dict)
        for number, held in enumerate(self._held.values()):
            edges = _edges(held.objective, at_minute)
            if number % _AHEAD_MINUTES == at_minute % HOUR:
                edges |= {edge + HOUR for edge in edges}
            for group, series in held.series.items():
                for edge in edges:
                    hour = series.missing_hour(edge)
                    if hour is not None:
                        wanted[hour][held.ids[group]] = series
        for hour, series_of in wanted.items():
            interval = Interval(hour * HOUR // DAY * DAY, (hour + 1) * HOUR)
            for series_id, blocks in _by_series(self._ledger.block_rows(list(series_of), interval)):
                series_of.pop(series_id).add_hour(hour, *_hour_of(blocks, hour))
            for series in series_of.values():
                series.add_hour(hour, Stretch.empty(interval))

    def _take(self, write: Write) -> bool:
        """Whether a write could be taken over into what is held; True too where nothing is held by choice."""
        if self._in_store.get(write.epoch.slo) == write.epoch.id:
            return True
        held = self._held.get(write.epoch.slo)
        if held is None or held.epoch.id != write.epoch.id or not write.stretches.keys() <= held.series.keys():
            return False
        if write.checkpoint is not None:
            held.notes = write.checkpoint.notes
        replaced = [held.series[group].replace(stretch) for group, stretch in write.stretches.items()]
        amended = [held.series[group].replace(stretch, add=True) for group, stretch in write.amendments.items()]
        return all(replaced) and all(amended)

    def _load(self, objectives: Sequence[Objective], at_minute: int) -> None:
        chains = self._source.chains()
        epochs = {}
        for one in objectives:
            chain = chains.get(one.id, [])
            self._held.pop(one.id, None)
            self._in_store.pop(one.id, None)
            if chain and one.time_slices is None and not _has_changed(chain, needed_interval(one, at_minute)):
                epochs[one.id] = chain[-1]
            elif chain:
                self._in_store[one.id] = chain[-1].id
        ids_of = self._ledger.series([epoch.id for epoch in epochs.values()])
        notes = self._ledger.notes([epoch.id for epoch in epochs.values()])
        promises = promises_by_objective(self._ledger)
        first_days: dict[int, int] = {}
        loaded: dict[int, RememberedSeries] = {}
        for one in objectives:
            if one.id in epochs:
                ids = ids_of[epochs[one.id].id]
                first_days |= dict.fromkeys(ids.values(), needed_interval(one, at_minute).start // DAY)
        if first_days:
            with _nothing_collected():
                loaded = dict(self._load_series(first_days, at_minute))
        for one in objectives:
            if one.id in epochs and () in (ids := ids_of[epochs[one.id].id]):
                series = {group: loaded[id_] for group, id_ in sorted(ids.items())}
                for each in series.values():
                    each.coverage_of = series[()]
                epoch = epochs[one.id]
                self._held[one.id] = _Held(one, epoch, ids, series, promises.get(one.id, []), notes.get(epoch.id))

    def _load_series(self, first_days: Mapping[int, int], at_minute: int) -> Iterator[tuple[int, RememberedSeries]]:
        """Every series from its first day on: sums of days, and by minute what is recent."""
        every = sorted(first_days)
        for low in range(0, len(every), _LOADED_AT_ONCE):
            part = {id_: first_days[id_] for id_ in every[low : low + _LOADED_AT_ONCE]}
            yield from self._load_part(part, at_minute)

    def _load_part(self, first_days: Mapping[int, int], at_minute: int) -> Iterator[tuple[int, RememberedSeries]]:
        recent_start = (at_minute - LOADED_MINUTES) // HOUR * HOUR
        recent = dict(_by_series(self._ledger.block_rows(first_days, Interval(recent_start, at_minute + DAY))))
        before = Interval(min(first_days.values()) * DAY, recent_start)
        sums = dict(_by_series(self._ledger.day_sums(first_days, before)))
        for id_, first_day in first_days.items():
            # A block that reaches over the edge is unpacked as a whole, so that sums tell all before it.
            rows = recent.get(id_, [])
            start = max(min((row[1] for row in rows), default=recent_start), first_day * DAY)
            start = min(start, recent_start)
            yield id_, _remembered(first_day, sums.get(id_, []), _recent_minutes(rows, start), partial(self._read, id_))

    def _read(self, series_id: int, interval: Interval) -> Stretch:
        return joined([block for _, block in self._ledger.blocks([series_id], interval)], interval)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """What is loaded stays: looking through it for garbage again and again takes a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _edges(objective: Objective, at_minute: int) -> set[int]:
    edges = {at_minute - minutes for minutes in objective.alert_policy.window_minutes}
    return edges | {objective.window.period(at_minute).start}


def _has_changed(chain: Sequence[Epoch], interval: Interval) -> bool:
    return len(chain) > 1 and chain[-1].since > interval.start


def _by_series(rows: Iterable[BlockRow]) -> Iterator[tuple[int, list[BlockRow]]]:
    for series_id, group in groupby(rows, key=itemgetter(0)):
        yield series_id, list(group)


def _remembered(first_day: int, sums: Sequence[BlockRow], recent: Stretch, load: partial[Stretch]) -> RememberedSeries:
    before = [row for row in sums if first_day * DAY <= row[1]]
    days = np.zeros((recent.start // DAY - first_day + 2, 3), np.int64)
    if before:
        table = np.array([row[1:6] for row in before], np.int64)
        np.add.at(days, table[:, 0] // DAY - first_day + 1, table[:, 2:])
    days = np.cumsum(days, axis=0)
    return RememberedSeries(first_day, days[:-1], days[-1].tolist(), recent, load, observed_from=_observed_from(before))


def _observed_from(rows: Sequence[BlockRow]) -> int | None:
    """The beginning of the first day with coverage, if all of it is covered; else only its minutes tell."""
    first = next((row for row in rows if row[5]), None)
    return None if first is None or first[5] < FULL * first[2] else first[1]


def _recent_minutes(rows: Sequence[BlockRow], start: int) -> Stretch:
    """The minutes of rows from `start` to the end of the last; live minutes are numbers in their row."""
    end = max((row[1] + row[2] for row in rows), default=start)
    whole = Stretch.empty(Interval(start, end))
    for _, first, minutes, good, bad, covered, data in rows:
        at = first - start
        if data is None:
            whole.good[at], whole.bad[at], whole.covered[at] = good, bad, covered
        else:
            block, inside = decode(data, first), slice(at, at + minutes)
            whole.good[inside], whole.bad[inside], whole.covered[inside] = block.good, block.bad, block.covered
    return whole


def _hour_of(rows: Sequence[BlockRow], hour: int) -> tuple[Stretch, Edge]:
    """The minutes to the end of an hour, and the sums of the rows before them; rows: of its day."""
    before = [row for row in rows if row[1] + row[2] <= hour * HOUR]
    rest = rows[len(before) :]
    start = min([row[1] for row in rest] + [hour * HOUR])
    sums = [sum(row[column] for row in before) for column in (3, 4, 5)]
    return joined([_decoded(row) for row in rest], Interval(start, (hour + 1) * HOUR)), sums


def _decoded(row: BlockRow) -> Stretch:
    _, start, _, good, bad, covered, data = row
    if data is not None:
        return decode(data, start)
    counts = np.array([[good], [bad]], np.int64)
    return Stretch.of(start, counts[0], counts[1], np.array([covered], np.int16), Provenance.LIVE)

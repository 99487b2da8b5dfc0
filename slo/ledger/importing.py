"""Counts taken into a ledger from a file: all of them or none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from slo.clock import format_time
from slo.errors import UsageError
from slo.ledger.blocks import DAY, packed_rows, read_block
from slo.ledger.exchange import Integers, SeriesRows, known_minutes, placed
from slo.ledger.exchange_read import FileRows
from slo.ledger.schema import BLOCK, EPOCH, SERIES
from slo.ledger.store import Epoch, Ledger, Promise
from slo.ledger.stretch import Stretch
from slo.units import parse_ratio
from slo.window import datetime_of

_Key = tuple[str, int, int, str, str]
"""Objective, epoch (-1: unsaid), since (-1: unsaid), indicator, labels."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What was taken in."""

    rows: int
    objectives: int


def take_in(ledger: Ledger, parts: Iterable[FileRows], *, replace: bool) -> Imported:
    """Add the rows to the ledger in one transaction. Raises UsageError; then nothing of them is in it.

    replace: whether minutes may take the place of those that are there already.
    """
    with ledger.transaction() as connection:
        importing = _Importing(ledger, connection, replace)
        for rows in parts:
            for key, at in _by_series(rows):
                importing.take(rows, key, at)
        return importing.finish()


def _by_series(rows: FileRows) -> Iterator[tuple[_Key, Integers]]:
    """The positions of each series' rows, without stretches of days that hold none."""
    frame = pd.DataFrame(
        {
            "slo": rows.slo,
            "epoch": -1 if rows.epoch is None else rows.epoch,
            "since": -1 if rows.epoch_since is None else rows.epoch_since,
            "indicator": "" if rows.indicator is None else rows.indicator,
            "labels": rows.labels,
        }
    )
    groups: dict[Any, Any] = frame.groupby(list(frame.columns), sort=False).indices
    for (slo, epoch, since, indicator, labels), at in groups.items():
        whole = (slo, int(epoch), int(since), indicator, labels)
        for part in np.split(at, np.flatnonzero(np.diff(rows.start[at]) > DAY) + 1):
            yield whole, part


class _Importing:
    def __init__(self, ledger: Ledger, connection: Connection, replace: bool) -> None:
        self._connection = connection
        self._replace = replace
        self._epochs: dict[str, dict[int, Epoch]] = defaultdict(dict)
        for epoch in ledger.epochs():
            self._epochs[epoch.slo][epoch.number] = epoch
        self._known_before = {slo: list(epochs.values()) for slo, epochs in self._epochs.items()}
        self._edges = {epoch_id: edge for epoch_id, (_, edge) in ledger.edges().items()}
        self._promised = {promise.slo for promise in ledger.promises()}
        self._targets: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
        self._series: dict[tuple[int, str], int] = {}
        self._last: dict[int, int] = {}
        self._rows = 0
        self._slos: set[str] = set()
        self._ledger = ledger

    def take(self, rows: FileRows, key: _Key, at: Integers) -> None:
        slo, start = key[0], rows.start[at]
        epoch = self._epoch(rows, key, int(start[0]))
        series_id = self._series_id(epoch, key[4])
        self._check_order(rows, series_id, at)
        if epoch is self._newest(slo) and start[-1] >= (edge := self._edges.get(epoch.id, start[-1] + 1)):
            time = format_time(datetime_of(int(edge)))
            raise UsageError(f"{rows.name}: {slo} is counted by a collector from {time} on; import what is before that")
        taken = SeriesRows(epoch, key[4], (), start, rows.good[at], rows.bad[at], rows.covered[at], rows.provenance[at])
        there = self._blocks([series_id], taken)
        if not self._replace:
            self._check_overlap(rows, slo, taken, there)
            self._check_overlap(rows, slo, taken, self._others(epoch, taken))
        self._write(series_id, taken, there)
        self._note_targets(rows, slo, at)
        self._rows += at.size
        self._slos.add(slo)

    def finish(self) -> Imported:
        promises = []
        for slo, runs in self._targets.items():
            last = None
            for start, target, window in sorted(runs):
                if (target, window) != last and target:
                    # The first target held for everything before, as in `registry.track`.
                    promises.append(Promise(slo, 0 if last is None else start, str(parse_ratio(target)), window))
                last = (target, window)
        self._ledger.record_promises(promises)
        return Imported(self._rows, len(self._slos))

    def _epoch(self, rows: FileRows, key: _Key, first: int) -> Epoch:
        """The epoch that the rows belong to; made, or begun earlier, where there is need."""
        slo, number, since, indicator, _ = key
        epochs = self._epochs[slo]
        if number == -1:
            same = [n for n, one in epochs.items() if rows.indicator is None or one.indicator == indicator]
            # What another indicator counted goes before what is there.
            number = min(same) if same else min(epochs, default=2) - 1
        known = epochs.get(number)
        begin = first if since == -1 else since
        if known is None:
            known = self._make_epoch(slo, number, begin, indicator)
        elif rows.indicator is not None and known.indicator != indicator:
            message = f"epoch {number} of {slo} is counted by another indicator in {self._ledger.name}"
            raise UsageError(f"{rows.name}: {message}; import it into another ledger")
        elif begin < known.since:
            known = self._ledger.move_epoch(known, begin)
        epochs[number] = known
        return known

    def _make_epoch(self, slo: str, number: int, since: int, indicator: str) -> Epoch:
        values = {"slo": slo, "number": number, "since": since, "indicator": indicator}
        key = self._connection.execute(EPOCH.insert().values(**values)).inserted_primary_key
        assert key is not None
        return Epoch(key[0], slo, number, since, indicator)

    def _newest(self, slo: str) -> Epoch:
        return self._epochs[slo][max(self._epochs[slo])]

    def _series_id(self, epoch: Epoch, labels: str) -> int:
        place = (epoch.id, labels)
        if place not in self._series:
            where = (SERIES.c.epoch_id == epoch.id) & (SERIES.c.labels == labels)
            found = self._connection.execute(select(SERIES.c.id).where(where)).scalar()
            if found is None:
                inserted = self._connection.execute(SERIES.insert().values(epoch_id=epoch.id, labels=labels))
                assert inserted.inserted_primary_key is not None
                found = inserted.inserted_primary_key[0]
            self._series[place] = found
        return self._series[place]

    def _check_order(self, rows: FileRows, series_id: int, at: Integers) -> None:
        before = np.append(np.int64(self._last.get(series_id, -1)), rows.start[at][:-1])
        wrong = np.flatnonzero(rows.start[at] <= before)
        if wrong.size:
            place = int(at[wrong[0]])
            time = format_time(datetime_of(int(rows.start[place])))
            message = f"{rows.slo[place]} at {time} comes twice or too late; order the rows of each series by time"
            raise UsageError(f"{rows.name}: row {rows.first_row + place}: {message}")
        self._last[series_id] = int(rows.start[at[-1]])

    def _others(self, epoch: Epoch, taken: SeriesRows) -> list[Stretch]:
        """Where the epoch is a new one: what was there of its objective before."""
        known = self._known_before.get(epoch.slo, [])
        if taken.labels or epoch.id in {one.id for one in known}:
            return []
        return self._blocks([self._series_id(one, "") for one in known], taken)

    def _blocks(self, series_ids: list[int], taken: SeriesRows) -> list[Stretch]:
        """The blocks that overlap the rows; a block is at most a day long."""
        first, last = int(taken.start[0]), int(taken.start[-1])
        within = (BLOCK.c.start > first - DAY) & (BLOCK.c.start <= last) & (BLOCK.c.start + BLOCK.c.minutes > first)
        query = select(BLOCK).where(BLOCK.c.series_id.in_(series_ids), within)
        return [read_block(row) for row in self._connection.execute(query)]

    def _check_overlap(self, rows: FileRows, slo: str, taken: SeriesRows, there: list[Stretch]) -> None:
        for block in there:
            both = np.intersect1d(taken.start, block.start + np.flatnonzero(known_minutes(block)))
            if both.size:
                time = format_time(datetime_of(int(both[0])))
                message = f"{slo} has counts of {time} in {self._ledger.name} already"
                raise UsageError(f"{rows.name}: {message}; --replace puts the file's in their place")

    def _write(self, series_id: int, taken: SeriesRows, there: list[Stretch]) -> None:
        whole = placed(taken, there)
        within = (BLOCK.c.start >= whole.start) & (BLOCK.c.start < whole.end)
        self._connection.execute(BLOCK.delete().where(BLOCK.c.series_id == series_id, within))
        self._connection.execute(BLOCK.insert(), list(packed_rows(series_id, whole)))

    def _note_targets(self, rows: FileRows, slo: str, at: Integers) -> None:
        """Where the target of the rows changes; what is in the ledger already holds."""
        if rows.target is None or slo in self._promised:
            return
        targets = rows.target[at]
        windows = np.full(at.size, "", object) if rows.window is None else rows.window[at]
        changes = np.flatnonzero((targets[1:] != targets[:-1]) | (windows[1:] != windows[:-1])) + 1
        for place in (0, *changes.tolist()):
            self._targets[slo].append((int(rows.start[at[place]]), str(targets[place]), str(windows[place])))

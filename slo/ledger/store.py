"""The store: whole events of every minute, and how far each objective is counted. One writer, any number of readers.

What belongs together is written in one transaction: counts with the checkpoint that they were counted up to, so that
whatever ends a process, the next one goes on without losing or repeating an event.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import BigInteger, Connection, Executable, Row, cast, func, null, select

from slo.errors import LedgerError
from slo.ledger.blocks import BlockWriter, read_block
from slo.ledger.checkpoint import Checkpoint, Notes
from slo.ledger.engine import connect, failures_of
from slo.ledger.schema import BLOCK, CHECKPOINT, EPOCH, GAP, PROMISE, SERIES, prepare
from slo.ledger.stretch import Stretch
from slo.ledger.text import group_of, labels_of
from slo.objective import Group
from slo.window import Interval

_IN_ONE_QUERY = 500
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Epoch:
    """The counts of one objective by one indicator, from a minute on."""

    id: int
    slo: str
    number: int
    since: int
    indicator: str


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """Minutes of which something is missing, to be read again from the checkpoint before them.

    end: the horizon of the last step in it. tries: how often it was. is_hole: False while nothing but the silence of
    a target speaks for it.
    """

    epoch_id: int
    start: int
    end: int
    tries: int
    checkpoint: Checkpoint
    is_hole: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """What one step of one objective leaves behind, all or nothing.

    stretches: take the place of what was there, live minutes beyond their end excepted; amendments: are added.
    """

    epoch: Epoch
    stretches: Mapping[Group, Stretch]
    amendments: Mapping[Group, Stretch] = field(default_factory=lambda: MappingProxyType({}))
    checkpoint: Checkpoint | None = None
    gaps: tuple[Gap, ...] = ()
    filled: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Promise:
    """A target and its window, as text, from a minute on."""

    slo: str
    since: int
    target: str
    period: str


BlockRow = Sequence[Any]
"""Series id, start, minutes, good, bad, thousandths covered, data."""


class Ledger:
    """An open ledger. Not to be shared between threads. Every method raises LedgerError where the database fails."""

    def __init__(self, dsn: str, *, create: bool = False) -> None:
        self._engine, self.name, self.file = connect(dsn, create=create)
        with failures_of(self.name):
            prepare(self._engine, self.name)
            self._reading = self._engine.connect()
            self._writing = self._engine.connect().execution_options(writes=True)
        self._inode = self._inode_now()
        self._series: dict[int, dict[Group, int]] = {}

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back; what was being written and not committed is undone."""
        for connection in (self._reading, self._writing):
            connection.close()
        self._engine.dispose()

    def check_place(self) -> None:
        """That an SQLite file still is where it was opened: what is written to one that was moved is lost to others.

        Raises LedgerError.
        """
        if self._inode != self._inode_now():
            raise LedgerError(f"{self.name} was moved or replaced while it was open; put it back, or name another")

    def _inode_now(self) -> int | None:
        try:
            return self.file.stat().st_ino if self.file else None
        except OSError:
            return None

    @property
    def writer(self) -> Connection:
        """The connection that writes; a lease held on it ends with it."""
        return self._writing

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """What is written inside takes effect as a whole at its end, or not at all; may hold others."""
        if self._writing.in_transaction():
            yield self._writing
            return
        try:
            with failures_of(self.name), self._writing.begin():
                yield self._writing
        except BaseException:
            self._series.clear()
            raise

    def rows(self, query: Executable) -> Iterator[Row[Any]]:
        """Rows of a transaction of its own, so that no snapshot outlives the question."""
        with failures_of(self.name), self._reading.begin():
            for part in self._reading.execute(query).partitions(_ROWS_AT_ONCE):
                yield from part

    def epochs(self) -> list[Epoch]:
        """Every epoch, in the order of objectives and numbers."""
        rows = self.rows(select(EPOCH).order_by(EPOCH.c.slo, EPOCH.c.number))
        return [Epoch(row.id, row.slo, row.number, row.since, row.indicator) for row in rows]

    def begin_epoch(self, slo: str, since: int, indicator: str) -> Epoch:
        """Count an objective by this indicator from a minute on."""
        with self.transaction():
            last = self._writing.execute(select(func.max(EPOCH.c.number)).where(EPOCH.c.slo == slo)).scalar() or 0
            values = {"slo": slo, "number": last + 1, "since": since, "indicator": indicator}
            key = self._writing.execute(EPOCH.insert().values(**values)).inserted_primary_key
        assert key is not None
        return Epoch(key[0], slo, last + 1, since, indicator)

    def move_epoch(self, epoch: Epoch, since: int) -> Epoch:
        """Let an epoch answer from another minute on."""
        with self.transaction() as connection:
            connection.execute(EPOCH.update().where(EPOCH.c.id == epoch.id).values(since=since))
        return replace(epoch, since=since)

    def promises(self) -> list[Promise]:
        """Every target that was ever in force, in the order of objectives and time."""
        rows = self.rows(select(PROMISE).order_by(PROMISE.c.slo, PROMISE.c.since))
        return [Promise(row.slo, row.since, row.target, row.period) for row in rows]

    def record_promises(self, promises: Sequence[Promise]) -> None:
        """Note from when on targets hold."""
        rows = [{"slo": p.slo, "since": p.since, "target": p.target, "period": p.period} for p in promises]
        with self.transaction():
            for row in rows:
                where = (PROMISE.c.slo == row["slo"]) & (PROMISE.c.since == row["since"])
                self._writing.execute(PROMISE.delete().where(where))
                self._writing.execute(PROMISE.insert().values(**row))

    def series(self, epoch_ids: Collection[int]) -> dict[int, dict[Group, int]]:
        """The ids of the series of each epoch, by group; `()` is the whole."""
        found: dict[int, dict[Group, int]] = {epoch_id: {} for epoch_id in epoch_ids}
        for part in parts_of(epoch_ids):
            for row in self.rows(select(SERIES).where(SERIES.c.epoch_id.in_(part))):
                found[row.epoch_id][group_of(row.labels)] = row.id
        return found

    def checkpoints(self, epoch_ids: Collection[int]) -> dict[int, Checkpoint]:
        """How far each epoch is counted; those not begun are left out."""
        found = {}
        for part in parts_of(epoch_ids):
            for row in self.rows(select(CHECKPOINT).where(CHECKPOINT.c.epoch_id.in_(part))):
                found[row.epoch_id] = Checkpoint.from_bytes(row.data)
        return found

    def notes(self, epoch_ids: Collection[int]) -> dict[int, Notes]:
        """What reports say beside the figures of each epoch that was counted at all."""
        columns = (CHECKPOINT.c.epoch_id, CHECKPOINT.c.notes)
        found = {}
        for part in parts_of(epoch_ids):
            for row in self.rows(select(*columns).where(CHECKPOINT.c.epoch_id.in_(part))):
                found[row.epoch_id] = Notes.from_text(row.notes)
        return found

    def edges(self) -> dict[int, tuple[int, int]]:
        """Horizon and edge of each epoch's checkpoint."""
        rows = self.rows(select(CHECKPOINT.c.epoch_id, CHECKPOINT.c.horizon, CHECKPOINT.c.edge))
        return {row.epoch_id: (row.horizon, row.edge) for row in rows}

    def newest_minute(self) -> int | None:
        """The last minute that was counted for any objective."""
        with failures_of(self.name), self._reading.begin():
            edge = self._reading.execute(select(func.max(CHECKPOINT.c.edge))).scalar()
            if edge is None:
                return None
            ids = select(SERIES.c.id).where(SERIES.c.labels == "")
            live = select(func.max(BLOCK.c.start + BLOCK.c.minutes)).where(
                BLOCK.c.series_id.in_(ids), BLOCK.c.start >= edge
            )
            return max(int(edge), self._reading.execute(live).scalar() or 0)

    def gaps(self) -> list[Gap]:
        """What is to be read again, oldest first."""
        rows = self.rows(select(GAP).order_by(GAP.c.start))
        return [
            Gap(row.epoch_id, row.start, row.end, row.tries, Checkpoint.from_bytes(row.checkpoint), row.is_hole)
            for row in rows
        ]

    def blocks(self, series_ids: Collection[int], interval: Interval) -> Iterator[tuple[int, Stretch]]:
        """Series id and minutes of every block that overlaps the interval, in the order of time for each series."""
        for part in parts_of(series_ids):
            query = select(BLOCK).where(BLOCK.c.series_id.in_(part), *_overlapping(interval))
            for row in self.rows(query.order_by(BLOCK.c.series_id, BLOCK.c.start)):
                yield row.series_id, read_block(row)

    def block_rows(self, series_ids: Collection[int], interval: Interval) -> Iterator[BlockRow]:
        """As blocks, but undecoded: series id, start, minutes, good, bad, thousandths covered, data."""
        for part in parts_of(series_ids):
            query = select(BLOCK).where(BLOCK.c.series_id.in_(part), *_overlapping(interval))
            yield from self.rows(query.order_by(BLOCK.c.series_id, BLOCK.c.start))

    def sums(self, series_ids: Collection[int], interval: Interval) -> Iterator[BlockRow]:
        """As block_rows, without the data."""
        columns = (*(column for column in BLOCK.c if column is not BLOCK.c.data), null())
        for part in parts_of(series_ids):
            query = select(*columns).where(BLOCK.c.series_id.in_(part), *_overlapping(interval))
            yield from self.rows(query.order_by(BLOCK.c.series_id, BLOCK.c.start))

    def day_sums(self, series_ids: Collection[int], interval: Interval) -> Iterator[BlockRow]:
        """As sums, added up for each UTC day; of the blocks that lie wholly within the interval."""
        good, bad = (cast(func.sum(column), BigInteger) for column in (BLOCK.c.good, BLOCK.c.bad))
        minutes, covered = (cast(func.sum(column), BigInteger) for column in (BLOCK.c.minutes, BLOCK.c.covered))
        day = BLOCK.c.start // 1440
        columns = (BLOCK.c.series_id, func.min(BLOCK.c.start), minutes, good, bad, covered)
        inside = (BLOCK.c.start >= interval.start, BLOCK.c.start + BLOCK.c.minutes <= interval.end)
        for part in parts_of(series_ids):
            query = select(*columns).where(BLOCK.c.series_id.in_(part), *inside).group_by(BLOCK.c.series_id, day)
            yield from self.rows(query.order_by(BLOCK.c.series_id, day))

    def write(self, writes: Sequence[Write]) -> None:
        """All of the writes in one transaction, or none of them."""
        with self.transaction():
            ids = self._series_for(writes)
            blocks = BlockWriter(self._writing)
            for one in writes:
                for group, stretch in one.stretches.items():
                    blocks.replace(ids[one.epoch.id][group], stretch)
            blocks.flush()
            for one in writes:
                for group, stretch in one.amendments.items():
                    blocks.amend(ids[one.epoch.id][group], stretch)
            self._write_checkpoints(writes)
            self._write_gaps(writes)
        for epoch_id, groups in ids.items():
            self._series.setdefault(epoch_id, {}).update(groups)

    def _series_for(self, writes: Sequence[Write]) -> dict[int, dict[Group, int]]:
        """The ids of all series that are written to; new ones are made. Kept only once they are committed."""
        unknown = {one.epoch.id for one in writes if one.epoch.id not in self._series}
        ids = {one.epoch.id: dict(self._series.get(one.epoch.id, {})) for one in writes}
        for part in parts_of(unknown):
            for row in self._writing.execute(select(SERIES).where(SERIES.c.epoch_id.in_(part))):
                ids[row.epoch_id][group_of(row.labels)] = row.id
        wanted = {(one.epoch.id, group) for one in writes for group in (*one.stretches, *one.amendments)}
        for epoch_id, group in sorted(wanted - {(id_, group) for id_, groups in ids.items() for group in groups}):
            inserted = self._writing.execute(SERIES.insert().values(epoch_id=epoch_id, labels=labels_of(group)))
            assert inserted.inserted_primary_key is not None
            ids[epoch_id][group] = inserted.inserted_primary_key[0]
        return ids

    def _write_checkpoints(self, writes: Sequence[Write]) -> None:
        rows = [
            {
                "epoch_id": one.epoch.id,
                "horizon": at.horizon,
                "edge": at.edge,
                "notes": at.notes.to_text(),
                "data": at.to_bytes(),
            }
            for one in writes
            if (at := one.checkpoint) is not None
        ]
        for part in parts_of([one.epoch.id for one in writes if one.checkpoint is not None]):
            self._writing.execute(CHECKPOINT.delete().where(CHECKPOINT.c.epoch_id.in_(part)))
        if rows:
            self._writing.execute(CHECKPOINT.insert(), rows)

    def _write_gaps(self, writes: Sequence[Write]) -> None:
        for gap in (gap for one in writes for gap in (*one.gaps, *one.filled)):
            self._writing.execute(GAP.delete().where(GAP.c.epoch_id == gap.epoch_id, GAP.c.start == gap.start))
        rows = [
            {
                "epoch_id": gap.epoch_id,
                "start": gap.start,
                "end": gap.end,
                "tries": gap.tries,
                "is_hole": gap.is_hole,
                "checkpoint": gap.checkpoint.to_bytes(),
            }
            for one in writes
            for gap in one.gaps
        ]
        if rows:
            self._writing.execute(GAP.insert(), rows)


def _overlapping(interval: Interval) -> tuple[Any, ...]:
    """A block is at most a day long, so that the search by start can begin a day before."""
    return (
        BLOCK.c.start > interval.start - 1440,
        BLOCK.c.start < interval.end,
        BLOCK.c.start + BLOCK.c.minutes > interval.start,
    )


def parts_of(ids: Collection[int]) -> Iterator[list[int]]:
    """As many ids as one question may name at a time."""
    every = sorted(ids)
    for low in range(0, len(every), _IN_ONE_QUERY):
        yield every[low : low + _IN_ONE_QUERY]

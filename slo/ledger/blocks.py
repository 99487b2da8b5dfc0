"""Blocks of counts in the database: written, replaced, amended and joined into days. Runs inside of a transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, bindparam, select

from slo.ledger.schema import BLOCK
from slo.ledger.stretch import Provenance, Stretch, decode, encode, joined
from slo.window import Interval

HOUR, DAY = 60, 1440

_DELETE = BLOCK.delete().where(
    BLOCK.c.series_id == bindparam("of_series"), BLOCK.c.start >= bindparam("low"), BLOCK.c.start < bindparam("high")
)


class BlockWriter:
    """Collects what is to be replaced and writes it in as few statements as there can be."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._replaced: list[tuple[int, Stretch]] = []

    def replace(self, series_id: int, stretch: Stretch) -> None:
        """Put the stretch in the place of what there is of its minutes."""
        if stretch.good.size:
            self._replaced.append((series_id, stretch))

    def flush(self) -> None:
        """Write what was replaced; days that thereby are over become one block each."""
        kept = self._cut_by_edges()
        ranges = [{"of_series": id_, "low": one.start, "high": one.end} for id_, one in self._replaced]
        ranges += [{"of_series": id_, "low": one.start, "high": one.start + 1} for id_, one, _ in kept]
        if ranges:
            self._connection.execute(_DELETE, ranges)
        rows = [row for id_, one in self._replaced for row in _rows(id_, one)]
        rows += [row for id_, old, new in kept for part in _outside(old, new) for row in _rows(id_, part)]
        if rows:
            self._connection.execute(BLOCK.insert(), rows)
        self._join_ended()
        self._replaced.clear()

    def amend(self, series_id: int, stretch: Stretch) -> None:
        """Add the events of the stretch to those of its minutes."""
        known = joined([one for _, one in self._overlapping([series_id], stretch.interval)], stretch.interval)
        good, bad = known.good + stretch.good, known.bad + stretch.bad
        self.replace(series_id, Stretch(stretch.start, good, bad, known.covered, known.provenance))
        self.flush()

    def _cut_by_edges(self) -> list[tuple[int, Stretch, Stretch]]:
        """Blocks that lie only partly in what replaces them, with that; appending never meets one."""
        same: dict[Interval, list[tuple[int, Stretch]]] = defaultdict(list)
        for series_id, stretch in self._replaced:
            if not _is_live_minute(stretch):
                same[stretch.interval].append((series_id, stretch))
        cut: list[tuple[int, Stretch, Stretch]] = []
        for interval, group in same.items():
            news = dict(group)
            for edge in interval:
                for series_id, old in self._overlapping(sorted(news), Interval(edge, edge)):
                    if (series_id, old.start) not in {(id_, known.start) for id_, known, _ in cut}:
                        cut.append((series_id, old, news[series_id]))
        return cut

    def _overlapping(self, series_ids: Sequence[int], interval: Interval) -> Iterator[tuple[int, Stretch]]:
        """Blocks that share a minute with the interval or, where it is empty, that hold minutes on both sides of it."""
        for low in range(0, len(series_ids), 500):
            query = select(BLOCK).where(
                BLOCK.c.series_id.in_(series_ids[low : low + 500]),
                BLOCK.c.start > interval.start - DAY,
                BLOCK.c.start < interval.end,
                BLOCK.c.start + BLOCK.c.minutes > interval.start,
            )
            for row in self._connection.execute(query):
                yield row.series_id, read_block(row)

    def _join_ended(self) -> None:
        """What is over is joined: hours, so that a day's tail is few rows, and days, which compress best."""
        for unit in (HOUR, DAY):
            ended: dict[int, set[int]] = defaultdict(set)
            for series_id, stretch in self._replaced:
                begun = stretch.start - stretch.start % unit
                # What begins within the stretch and is over was written as one block.
                if begun < stretch.start and begun + unit <= stretch.end and not _is_live_minute(stretch):
                    ended[begun].add(series_id)
            for start, series_ids in ended.items():
                self._join(Interval(start, start + unit), series_ids)

    def _join(self, interval: Interval, series_ids: set[int]) -> None:
        """Blocks of each series in one, unless a long one reaches beyond the interval."""
        parts: dict[int, list[Stretch]] = defaultdict(list)
        for series_id, block in self._overlapping(sorted(series_ids), interval):
            parts[series_id].append(block)
        several = {
            series_id: blocks
            for series_id, blocks in parts.items()
            if len(blocks) > 1 and all(interval.start <= one.start and one.end <= interval.end for one in blocks)
        }
        if several:
            self._connection.execute(
                _DELETE, [{"of_series": id_, "low": interval.start, "high": interval.end} for id_ in several]
            )
            rows = [row for id_, blocks in several.items() for row in _rows(id_, joined(blocks, interval))]
            self._connection.execute(BLOCK.insert(), rows)


def read_block(row: Row[Any]) -> Stretch:
    """The minutes of a row. Raises LedgerError where they are damaged."""
    if row.data is None:
        good, bad, covered = np.array([row.good]), np.array([row.bad]), np.array([row.covered], np.int16)
        return Stretch.of(row.start, good, bad, covered, Provenance.LIVE)
    return decode(row.data, row.start)


def _rows(series_id: int, stretch: Stretch) -> Iterator[dict[str, Any]]:
    """Live minutes each for itself, others cut at the ends of days, short ones of hours; nothing where nothing was."""
    if not (stretch.covered.any() or stretch.good.any() or stretch.bad.any()):
        return
    if (stretch.provenance == Provenance.LIVE).all():
        counts = zip(stretch.good.tolist(), stretch.bad.tolist(), stretch.covered.tolist(), strict=True)
        for start, (good, bad, covered) in enumerate(counts, stretch.start):
            yield _row(series_id, start, 1, good, bad, covered, None)
        return
    yield from packed_rows(series_id, stretch)


def packed_rows(series_id: int, stretch: Stretch) -> Iterator[dict[str, Any]]:
    """A row for each UTC day of the stretch, or for each hour of a short one."""
    unit = DAY if stretch.good.size > HOUR else HOUR
    for number in range(stretch.start // unit, -(-stretch.end // unit)):
        part = stretch.part(Interval(number * unit, (number + 1) * unit))
        good, bad, covered = (int(values.sum()) for values in (part.good, part.bad, part.covered))
        yield _row(series_id, part.start, part.good.size, good, bad, covered, encode(part))


def _row(
    series_id: int, start: int, minutes: int, good: int, bad: int, covered: int, data: bytes | None
) -> dict[str, Any]:
    return {
        "series_id": series_id,
        "start": start,
        "minutes": minutes,
        "good": good,
        "bad": bad,
        "covered": covered,
        "data": data,
    }


def _outside(old: Stretch, new: Stretch) -> Iterator[Stretch]:
    """What is left of a block beside the stretch that replaces a part of it."""
    for part in (Interval(old.start, new.start), Interval(new.end, old.end)):
        if part.minutes > 0:
            yield old.part(part)


def _is_live_minute(stretch: Stretch) -> bool:
    return bool((stretch.provenance == Provenance.LIVE).all())

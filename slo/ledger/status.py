"""What a ledger holds of each objective: until when, how completely, where from. Quick enough for ten thousand.

Coverage comes from the sums that go with each block. Gaps and provenance are minute by minute, so that blocks must be
decoded: only for objectives that were chosen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from sqlalchemy import Executable, func, select, text

from slo.ledger.exchange import PROVENANCE_WORDS, chosen_epochs
from slo.ledger.schema import BLOCK, META, SERIES, metadata
from slo.ledger.source import in_force
from slo.ledger.store import Epoch, Ledger, Promise, parts_of
from slo.ledger.stretch import FULL, Provenance
from slo.window import Interval

NEWEST_GAPS = 5


@dataclass(frozen=True, slots=True)
class Minutes:
    """What only a look at every minute tells. provenance_ratio: shares of the minutes that were counted, by word."""

    gaps: tuple[Interval, ...]
    """The newest few, newest first."""
    gap_count: int
    gap_minutes: int
    provenance_ratio: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveStatus:
    """One objective; None is for what it does not have yet.

    counted: from the first to the last minute that there are counts of. live_until: how far it was read, events or not;
    final_until: how far for the second time. minutes: only where asked for.
    """

    slo: str
    epochs: tuple[Epoch, ...]
    targets: tuple[Promise, ...]
    groups: int
    counted: Interval | None
    live_until: int | None
    final_until: int | None
    lag_minutes: int | None
    coverage_ratio: float | None
    minutes: Minutes | None


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """The ledger as a whole, and the chosen objectives."""

    name: str
    size_bytes: int
    blocks: int
    schema_version: int
    objectives: tuple[ObjectiveStatus, ...]


@dataclass(frozen=True, slots=True)
class _Sums:
    """Of the blocks of one series. start, end: of the first and the last."""

    start: int
    end: int
    covered: int


def look(ledger: Ledger, globs: Sequence[str], at_minute: int) -> LedgerStatus:
    """The state of the ledger at a minute; with globs of these objectives alone, and minute by minute."""
    chosen = chosen_epochs(ledger, globs)
    promises: dict[str, list[Promise]] = defaultdict(list)
    for promise in ledger.promises():
        promises[promise.slo].append(promise)
    edges = ledger.edges()
    wholes, groups = _series(ledger, [epoch.id for epochs in chosen.values() for epoch in epochs])
    sums = _sums(ledger, list(wholes.values()))
    found = []
    for slo, epochs in chosen.items():
        newest = epochs[-1].id
        counted = _counted(epochs, wholes, sums)
        whole = Interval(counted[0][1].start, counted[-1][1].end) if counted else None
        covered = sum(_covered(ledger, wholes[one.id], part, sums) for one, part in counted)
        final = edges[newest][1] if newest in edges else None
        live = max(final or 0, whole.end if whole else 0) or None
        found.append(
            ObjectiveStatus(
                slo=slo,
                epochs=tuple(epochs),
                targets=tuple(promises[slo]),
                groups=groups.get(newest, 0),
                counted=whole,
                live_until=live,
                final_until=final,
                lag_minutes=None if live is None else at_minute - live,
                coverage_ratio=covered / FULL / whole.minutes if whole else None,
                minutes=_minutes(ledger, counted, wholes) if globs else None,
            )
        )
    blocks = _row(ledger, select(func.count(BLOCK.c.series_id)))[0]
    version = _row(ledger, select(META.c.value).where(META.c.key == "schema_version"))[0]
    return LedgerStatus(ledger.name, size_bytes(ledger), blocks, int(version), tuple(found))


def size_bytes(ledger: Ledger) -> int:
    """What the ledger takes of the disk."""
    if ledger.file is not None:
        files = (ledger.file, ledger.file.with_name(f"{ledger.file.name}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())
    names = ", ".join(f"pg_total_relation_size('{name}')" for name in metadata.tables)
    return int(sum(_row(ledger, text(f"SELECT {names}"))))


def _row(ledger: Ledger, query: Executable) -> tuple[Any, ...]:
    (row,) = ledger.rows(query)
    return tuple(row)


def _series(ledger: Ledger, epoch_ids: Sequence[int]) -> tuple[dict[int, int], dict[int, int]]:
    """By epoch: the series of the whole, and how many groups there are."""
    wholes: dict[int, int] = {}
    groups: dict[int, int] = {}
    for part in parts_of(epoch_ids):
        of_these = SERIES.c.epoch_id.in_(part)
        wholes.update(
            (row.epoch_id, row.id) for row in ledger.rows(select(SERIES).where(of_these, SERIES.c.labels == ""))
        )
        counts = select(SERIES.c.epoch_id, func.count(SERIES.c.id).label("groups")).where(
            of_these, SERIES.c.labels != ""
        )
        groups.update((row.epoch_id, row.groups) for row in ledger.rows(counts.group_by(SERIES.c.epoch_id)))
    return wholes, groups


def _sums(ledger: Ledger, series_ids: Sequence[int]) -> dict[int, _Sums]:
    columns = (
        func.min(BLOCK.c.start).label("first"),
        func.max(BLOCK.c.start + BLOCK.c.minutes).label("last"),
        func.sum(BLOCK.c.covered).label("covered"),
    )
    found: dict[int, _Sums] = {}
    for part in parts_of(series_ids):
        query = select(BLOCK.c.series_id, *columns).where(BLOCK.c.series_id.in_(part)).group_by(BLOCK.c.series_id)
        found.update((row.series_id, _Sums(row.first, row.last, int(row.covered))) for row in ledger.rows(query))
    return found


def _counted(
    epochs: Sequence[Epoch], wholes: Mapping[int, int], sums: Mapping[int, _Sums]
) -> list[tuple[Epoch, Interval]]:
    """The epochs that have counts, with what each answers for, from the first to the last minute."""
    known = {one.id: sums[wholes[one.id]] for one in epochs if wholes.get(one.id) in sums}
    end = max((one.end for one in known.values()), default=0)
    parts = [
        (epoch, Interval(max(part.start, known[epoch.id].start), min(part.end, known[epoch.id].end)))
        for epoch, part in in_force(epochs, Interval(0, end))
        if epoch.id in known
    ]
    return [(epoch, part) for epoch, part in parts if part.minutes > 0]


def _covered(ledger: Ledger, series_id: int, interval: Interval, sums: Mapping[int, _Sums]) -> int:
    """Thousandths of minutes; only a block that lies across an end of the interval is decoded."""
    known = sums[series_id]
    covered = known.covered
    for outside in (Interval(known.start, interval.start), Interval(interval.end, known.end)):
        if outside.minutes > 0:
            for _, start, minutes, _, _, block_covered, _ in ledger.sums([series_id], outside):
                if start >= outside.start and start + minutes <= outside.end:
                    covered -= block_covered
            for edge in outside:
                covered -= sum(
                    int(block.part(outside).covered.sum())
                    for _, block in ledger.blocks([series_id], Interval(edge, edge))
                )
    return covered


def _minutes(ledger: Ledger, counted: Sequence[tuple[Epoch, Interval]], wholes: Mapping[int, int]) -> Minutes:
    """A block at a time: an objective has half a million minutes."""
    codes = np.zeros(len(Provenance), np.int64)
    gaps: list[Interval] = []
    at = counted[0][1].start if counted else 0
    for covered in _stretches(ledger, counted, wholes, codes):
        if covered.start > at:
            gaps.append(Interval(at, covered.start))
        at = max(at, covered.end)
    if counted and counted[-1][1].end > at:
        gaps.append(Interval(at, counted[-1][1].end))
    known = int(codes[1:].sum())
    shares = {PROVENANCE_WORDS[code]: int(codes[code]) / known for code in Provenance if codes[code] and code}
    return Minutes(tuple(gaps[: -NEWEST_GAPS - 1 : -1]), len(gaps), sum(gap.minutes for gap in gaps), shares)


def _stretches(
    ledger: Ledger, counted: Sequence[tuple[Epoch, Interval]], wholes: Mapping[int, int], codes: np.ndarray
) -> Iterator[Interval]:
    """Every stretch of minutes of which something was seen; adds up provenance on the way."""
    for epoch, interval in counted:
        for _, block in ledger.blocks([wholes[epoch.id]], interval):
            part = block.part(interval)
            codes += np.bincount(part.provenance, minlength=codes.size)
            seen = np.concatenate([[False], part.covered > 0, [False]])
            edges = part.start + np.flatnonzero(np.diff(seen.astype(np.int8)))
            yield from (Interval(a, b) for a, b in list(pairwise(edges.tolist()))[::2])

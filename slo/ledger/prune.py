"""History that nobody needs any more: of objectives that are gone, and older than it is to be kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from slo.ledger.blocks import DAY
from slo.ledger.engine import failures_of
from slo.ledger.schema import BLOCK, CHECKPOINT, EPOCH, GAP, PROMISE, SERIES
from slo.ledger.store import Epoch, Ledger, parts_of

_WORTHWHILE_SHARE = 0.2
_WORTHWHILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Removal:
    """What is removed, or would be: blocks and minutes (of every series of each objective)."""

    slos: tuple[str, ...]
    blocks: int
    minutes: int
    before: int | None = None
    """Minutes before this one; None for everything."""


def gone(ledger: Ledger, kept: Collection[str]) -> Removal:
    """The history of objectives that are none of these."""
    epochs = [epoch for epoch in ledger.epochs() if epoch.slo not in kept]
    blocks, minutes, _ = _sizes(ledger, epochs, None)
    promised = {promise.slo for promise in ledger.promises()} - set(kept)
    return Removal(tuple(sorted({epoch.slo for epoch in epochs} | promised)), blocks, minutes)


def old(ledger: Ledger, before_minute: int) -> Removal:
    """Minutes before this one, in whole UTC days, as no block is longer."""
    before = before_minute - before_minute % DAY
    blocks, minutes, slos = _sizes(ledger, ledger.epochs(), before)
    return Removal(tuple(slos), blocks, minutes, before)


def remove(ledger: Ledger, removal: Removal) -> None:
    """Remove what was found, as a whole or not at all."""
    if removal.before is not None:
        expire(ledger, removal.before)
        return
    names = set(removal.slos)
    epochs = [epoch for epoch in ledger.epochs() if epoch.slo in names]
    with ledger.transaction() as connection:
        _drop(ledger, epochs)
        if names:
            where = PROMISE.c.slo == bindparam("of_slo")
            connection.execute(PROMISE.delete().where(where), [{"of_slo": name} for name in sorted(names)])


def expire(ledger: Ledger, before_minute: int) -> None:
    """Remove minutes before this one, in whole UTC days, and former epochs of which nothing is left."""
    before = before_minute - before_minute % DAY
    epochs = ledger.epochs()
    series = ledger.series([epoch.id for epoch in epochs])
    ids = [series_id for groups in series.values() for series_id in groups.values()]
    newest = {epoch.slo: epoch.id for epoch in epochs}
    former = [epoch for epoch in epochs if newest[epoch.slo] != epoch.id]
    old_ones = BLOCK.delete().where(BLOCK.c.series_id == bindparam("of_series"), BLOCK.c.start < before)
    with ledger.transaction() as connection:
        if ids:
            connection.execute(old_ones, [{"of_series": series_id} for series_id in ids])
        connection.execute(GAP.delete().where(GAP.c.end <= before))
        left = {
            epoch.id
            for epoch in former
            if connection.execute(
                select(BLOCK.c.start).where(BLOCK.c.series_id.in_(list(series[epoch.id].values()))).limit(1)
            ).first()
        }
        _drop(ledger, [epoch for epoch in former if epoch.id not in left])


def compact(ledger: Ledger) -> bool:
    """Give free space back to the disk where it is much; whether it was. PostgreSQL sees to that by itself."""
    if ledger.file is None:
        return False
    with failures_of(ledger.name):
        connection = ledger.writer.connection.driver_connection
        assert connection is not None
        free, pages, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_count", "page_size")
        )
        if free < _WORTHWHILE_SHARE * pages or free * size < _WORTHWHILE_BYTES:
            return False
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return True


def _drop(ledger: Ledger, epochs: Sequence[Epoch]) -> None:
    """Everything of these epochs."""
    series = ledger.series([epoch.id for epoch in epochs])
    with ledger.transaction() as connection:
        for part in parts_of([series_id for groups in series.values() for series_id in groups.values()]):
            connection.execute(BLOCK.delete().where(BLOCK.c.series_id.in_(part)))
        for part in parts_of(list(series)):
            for table in (SERIES, CHECKPOINT, GAP):
                connection.execute(table.delete().where(table.c.epoch_id.in_(part)))
            connection.execute(EPOCH.delete().where(EPOCH.c.id.in_(part)))


def _sizes(ledger: Ledger, epochs: Sequence[Epoch], before: int | None) -> tuple[int, int, list[str]]:
    """How many blocks and minutes, and the objectives that have any."""
    slo_of = {epoch.id: epoch.slo for epoch in epochs}
    slos = {
        series_id: slo_of[epoch_id]
        for epoch_id, groups in ledger.series(list(slo_of)).items()
        for series_id in groups.values()
    }
    blocks, minutes, found = 0, 0, set()
    columns = (func.count(BLOCK.c.start).label("blocks"), func.sum(BLOCK.c.minutes).label("minutes"))
    for part in parts_of(slos):
        query = select(BLOCK.c.series_id, *columns).where(BLOCK.c.series_id.in_(part)).group_by(BLOCK.c.series_id)
        for row in ledger.rows(query if before is None else query.where(BLOCK.c.start < before)):
            blocks += row.blocks
            minutes += row.minutes
            found.add(slos[row.series_id])
    return blocks, minutes, sorted(found)

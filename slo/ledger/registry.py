"""Which epoch each objective is counted in: the same while its indicator is, a new one when it changes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, select

from slo.ledger.checkpoint import Checkpoint
from slo.ledger.schema import BLOCK, SERIES
from slo.ledger.store import Ledger, Promise, parts_of
from slo.ledger.text import indicator_text, period_text
from slo.ledger.tracked import Tracked
from slo.objective import Objective


def track(ledger: Ledger, objectives: Sequence[Objective], *, first_minute: int, at_minute: int) -> list[Tracked]:
    """The objectives with how far each is counted.

    A new objective is counted from first_minute on; one whose indicator changed from where the old one was counted to.
    Targets are noted with at_minute, from which on they hold.
    """
    latest = {epoch.slo: epoch for epoch in ledger.epochs()}
    edges = {epoch_id: edge for epoch_id, (_, edge) in ledger.edges().items()}
    edges |= kept_until(ledger, {latest[one.id].id for one in objectives if one.id in latest} - edges.keys())
    current = {}
    for one in objectives:
        known = latest.get(one.id)
        if known is None or known.indicator != indicator_text(one):
            since = first_minute if known is None else edges.get(known.id, known.since)
            known = ledger.begin_epoch(one.id, since, indicator_text(one))
        current[one.id] = known
    checkpoints = ledger.checkpoints([epoch.id for epoch in current.values()])
    _note_targets(ledger, objectives, at_minute)
    return [
        Tracked(one, epoch, checkpoints.get(epoch.id) or Checkpoint.at_start(edges.get(epoch.id, epoch.since)))
        for one in objectives
        for epoch in (current[one.id],)
    ]


def kept_until(ledger: Ledger, epoch_ids: Collection[int]) -> dict[int, int]:
    """Where counts end that no checkpoint goes with because they were imported or recounted.

    Live minutes do not count: they are not final, and are read again.
    """
    found: dict[int, int] = {}
    for part in parts_of(epoch_ids):
        query = (
            select(SERIES.c.epoch_id, func.max(BLOCK.c.start + BLOCK.c.minutes).label("end"))
            .join(BLOCK, BLOCK.c.series_id == SERIES.c.id)
            .where(SERIES.c.epoch_id.in_(part), SERIES.c.labels == "", BLOCK.c.data.is_not(None))
            .group_by(SERIES.c.epoch_id)
        )
        found.update((row.epoch_id, row.end) for row in ledger.rows(query))
    return found


def _note_targets(ledger: Ledger, objectives: Sequence[Objective], at_minute: int) -> None:
    """A target that is seen for the first time holds for all that was counted before, too."""
    known = {promise.slo: promise for promise in ledger.promises()}
    fresh = []
    for one in objectives:
        last = known.get(one.id)
        target, period = str(one.target_ratio), period_text(one)
        if last is None or (last.target, last.period) != (target, period):
            fresh.append(Promise(one.id, 0 if last is None else at_minute, target, period))
    if fresh:
        ledger.record_promises(fresh)

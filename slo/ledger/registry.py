"""Which epoch each objective is counted in: the same while its indicator is, a new one when it changes."""

from __future__ import annotations

from collections.abc import Sequence

from slo.ledger.checkpoint import Checkpoint
from slo.ledger.store import Epoch, Ledger, Promise
from slo.ledger.text import indicator_text, period_text
from slo.ledger.tracked import Tracked
from slo.objective import Objective


def track(ledger: Ledger, objectives: Sequence[Objective], *, first_minute: int, at_minute: int) -> list[Tracked]:
    """The objectives with how far each is counted.

    A new objective is counted from first_minute on; one whose indicator changed from where the old one was counted to.
    Targets are noted with at_minute, from which on they hold.
    """
    latest = {epoch.slo: epoch for epoch in ledger.epochs()}
    edges = ledger.edges()
    current = {}
    for one in objectives:
        known = latest.get(one.id)
        if known is None or known.indicator != indicator_text(one):
            since = first_minute if known is None else edges.get(known.id, (0, known.since))[1]
            known = ledger.begin_epoch(one.id, since, indicator_text(one))
        current[one.id] = known
    checkpoints = ledger.checkpoints([epoch.id for epoch in current.values()])
    _note_targets(ledger, objectives, at_minute)
    return [Tracked(one, current[one.id], _start(current[one.id], checkpoints)) for one in objectives]


def _start(epoch: Epoch, checkpoints: dict[int, Checkpoint]) -> Checkpoint:
    return checkpoints.get(epoch.id) or Checkpoint.at_start(epoch.since)


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

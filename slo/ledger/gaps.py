"""Stretches of which nothing was seen: samples may still arrive, so they are read again after 1, 6 and 24 hours."""

from __future__ import annotations

import numpy as np

from slo.ledger.checkpoint import Checkpoint
from slo.ledger.stepping import Outcome
from slo.ledger.store import Epoch, Gap

RETRY_AFTER_MINUTES = (60, 360, 1440)
_LONGEST_MINUTES = 1440


def is_due(gap: Gap, at_minute: int) -> bool:
    return gap.tries < len(RETRY_AFTER_MINUTES) and at_minute >= gap.end + RETRY_AFTER_MINUTES[gap.tries]


def has_hole(outcome: Outcome) -> bool:
    """Whether minutes were completed of which nothing was seen, though the objective had been seen before."""
    covered = outcome.counted.complete[()].covered
    return outcome.after.cursors.first_seen is not None and bool(np.any(covered == 0))


def grown(gap: Gap | None, epoch: Epoch, before: Checkpoint, outcome: Outcome) -> tuple[Gap | None, bool]:
    """The gap with this step in it, if there is one, and whether it goes on.

    A gap ends with a step that saw everything: only there is the count the same with and without what came late.
    """
    hole = has_hole(outcome)
    if gap is None:
        if not hole:
            return None, False
        return Gap(epoch.id, before.edge, outcome.after.horizon, 0, before), True
    gap = Gap(gap.epoch_id, gap.start, outcome.after.horizon, gap.tries, gap.checkpoint)
    return gap, hole and gap.end - gap.start < _LONGEST_MINUTES

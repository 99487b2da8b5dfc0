"""Stretches of which something is missing that may still arrive: read again when it can be there.

Where minutes were complete without any sample, they are read again at once, and 1, 6 and 24 hours later. Where a
target stopped being scraped, nobody can tell a death from a delay: if it comes back with a hole behind it, or turns out
to have been scraped after all, the hole is read again likewise, as what it counted before a restart or its death is in
no later sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from slo.coverage import JITTER_FACTOR
from slo.ledger.checkpoint import Checkpoint
from slo.ledger.stepping import Outcome
from slo.ledger.store import Epoch, Gap
from slo.samples import Target
from slo.units import MINUTE_MS

RETRY_AFTER_MINUTES = (0, 60, 360, 1440)
_LONGEST_MINUTES = 1440


class Growth(NamedTuple):
    """A gap after one more step, whether it goes on, and one that turned out to be none.

    ask: targets, with their last scrapes, that may have died or may be late: it is time to ask which.
    """

    gap: Gap | None = None
    goes_on: bool = False
    dropped: Gap | None = None
    ask: Mapping[Target, int] = MappingProxyType({})


def is_due(gap: Gap, at_minute: int) -> bool:
    return gap.tries < len(RETRY_AFTER_MINUTES) and at_minute >= gap.end + RETRY_AFTER_MINUTES[gap.tries]


def has_hole(outcome: Outcome) -> bool:
    """Whether minutes were completed of which nothing was seen, though the objective had been seen before."""
    covered = outcome.counted.complete[()].covered
    return outcome.after.cursors.first_seen is not None and bool(np.any(covered == 0))


def grown(gap: Gap | None, epoch: Epoch, before: Checkpoint, outcome: Outcome) -> Growth:
    """The gap with this step in it.

    It ends with a step in which nothing was missing and nothing came back: from there on the count is the same with
    and without what came late.
    """
    after = outcome.after
    start = before if gap is None else gap.checkpoint
    silent = _silent(after, since=start)
    hole = has_hole(outcome)
    if gap is None:
        if not hole and not silent:
            return Growth()
        return Growth(Gap(epoch.id, before.edge, after.horizon, 0, before, is_hole=hole), goes_on=True)
    # After a day a dead target is forgotten, which is no return.
    returned = bool(_silent(before, since=start).keys() & after.targets.keys() - silent.keys())
    gap = replace(gap, end=after.horizon, is_hole=gap.is_hole or hole or returned)
    complete = not hole and not returned and (gap.is_hole or not silent)
    if complete or gap.end - gap.start >= _LONGEST_MINUTES:
        return Growth(gap) if gap.is_hole else Growth(dropped=gap)
    due = {target: last for target, last in silent.items() if _passes_mark(last, before.horizon, after.horizon)}
    return Growth(gap, goes_on=True, ask={} if gap.is_hole else due)


def _passes_mark(last_ms: int, before: int, after: int) -> bool:
    """Whether in this step a silence became as long as one of the delays after which it is looked into."""
    marks = (last_ms // MINUTE_MS + minutes for minutes in RETRY_AFTER_MINUTES[1:])
    return any(before < mark <= after for mark in marks)


def _silent(at: Checkpoint, *, since: Checkpoint) -> dict[Target, int]:
    """Targets that were still scraped when `since` was made, or later, and are not any more; with their last scrape."""
    end, begin = at.horizon * MINUTE_MS, since.horizon * MINUTE_MS
    silent = {}
    for target, cursor in at.targets.items():
        patience = JITTER_FACTOR * (cursor.interval or MINUTE_MS)
        if isinstance(target, Target) and begin - patience <= cursor.last < end - patience:
            silent[target] = cursor.last
    return silent

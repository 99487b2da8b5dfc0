"""Stretches for tests, and what a ledger holds of a series, minute by minute."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from slo.ledger.store import BlockRow, Epoch, Ledger
from slo.ledger.stretch import FULL, Provenance, Stretch, joined
from slo.objective import Group
from slo.window import Interval

Minute = tuple[int, int, int, int]
"""Good, bad, thousandths covered, provenance."""

NOTHING: Minute = (0, 0, 0, 0)


def stretch(
    start: int, good: Sequence[int], provenance: Provenance = Provenance.REREAD, *, bad: int = 1, covered: int = FULL
) -> Stretch:
    """Minutes with these good events, and as many bad ones in each."""
    size = len(good)
    return Stretch.of(
        start,
        np.array(good, np.int64),
        np.full(size, bad, np.int64),
        np.full(size, covered, np.int16),
        provenance,
    )


def minutes_of(one: Stretch) -> list[Minute]:
    columns = (one.good, one.bad, one.covered, one.provenance)
    return list(zip(*(values.tolist() for values in columns), strict=True))


def blocks_of(ledger: Ledger, epoch: Epoch, interval: Interval, group: Group = ()) -> list[Stretch]:
    """The blocks as they are stored. No two of them hold the same minute."""
    ids = ledger.series([epoch.id])[epoch.id]
    found = [one for _, one in ledger.blocks([ids[group]], interval)] if group in ids else []
    for earlier, later in pairwise(found):
        assert earlier.end <= later.start, f"blocks {earlier.interval} and {later.interval} overlap"
    return found


def held(ledger: Ledger, epoch: Epoch, interval: Interval, group: Group = ()) -> list[Minute]:
    """What the ledger holds of each minute; its sums must say the same."""
    found = blocks_of(ledger, epoch, interval, group)
    for one, (_, start, size, good, bad, covered, _data) in zip(
        found, _sums(ledger, epoch, interval, group), strict=True
    ):
        assert (start, size) == (one.start, one.good.size)
        assert (good, bad, covered) == (one.good.sum(), one.bad.sum(), one.covered.sum())
    return minutes_of(joined(found, interval))


def _sums(ledger: Ledger, epoch: Epoch, interval: Interval, group: Group) -> list[BlockRow]:
    ids = ledger.series([epoch.id])[epoch.id]
    return list(ledger.sums([ids[group]], interval)) if group in ids else []

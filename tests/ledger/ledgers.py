"""Ledgers for tests, filled with counts that are made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from slo.ledger.store import Epoch, Ledger, Write
from slo.ledger.stretch import FULL, Provenance, Stretch
from slo.objective import Group
from slo.window import Interval

T0 = 29_700_000
"""A minute in 2026, some hours into a day."""


def steady(
    interval: Interval, *, good: int = 10, bad: int = 1, provenance: Provenance = Provenance.REREAD, covered: int = FULL
) -> Stretch:
    """The same events in every minute."""
    size = interval.minutes
    return Stretch.of(
        interval.start, np.full(size, good), np.full(size, bad), np.full(size, covered, np.int16), provenance
    )


def put(ledger: Ledger, epoch: Epoch, stretch: Stretch, group: Group = ()) -> None:
    ledger.write([Write(epoch, {group: stretch})])


def new_ledger(folder: Path, name: str = "slo.db") -> Ledger:
    return Ledger(str(folder / name), create=True)

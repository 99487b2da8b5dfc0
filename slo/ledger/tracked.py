"""What the collector knows of each objective between two cycles."""

from __future__ import annotations

from dataclasses import dataclass

from slo.ledger.checkpoint import Checkpoint
from slo.ledger.store import Epoch, Gap
from slo.objective import Objective


@dataclass(slots=True, eq=False)
class Tracked:
    """One objective: `final` has been read twice and is kept, `live` runs ahead of it and is told meanwhile.

    gap: the uncovered stretch that is still growing.
    """

    objective: Objective
    epoch: Epoch
    final: Checkpoint
    live: Checkpoint | None = None
    gap: Gap | None = None

"""Objectives divided into batches whose second readings are spread over the quarter hour."""

from __future__ import annotations

from collections.abc import Sequence

from slo.ledger.reading import ReadingPlan
from slo.objective import Objective

_SMALL = 200
"""So few objectives are read together: spreading them would only make more queries."""


def batches(objectives: Sequence[Objective]) -> list[set[str]]:
    """Sets of objective ids; objectives that share a query are in one."""
    if len(objectives) <= _SMALL:
        return [{one.id for one in objectives}] if objectives else []
    batch_of: dict[str, set[str]] = {}
    for query in ReadingPlan(objectives).queries:
        together = set(query.objective_ids)
        for id_ in query.objective_ids:
            together |= batch_of.get(id_, set())
        for id_ in together:
            batch_of[id_] = together
    unique = {id(batch): batch for batch in batch_of.values()}
    return sorted(unique.values(), key=min)

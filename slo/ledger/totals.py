"""Whole events out of fractions: cumulatives are rounded at the minutes' edges, so that nothing is ever lost."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from slo.events import Counts, Minutes


class Totals(NamedTuple):
    """Everything counted so far of one series: fractions as summed, whole events as told.

    numerator: bad events, or good ones where those are what is counted.
    """

    numerator: float = 0.0
    total: float = 0.0
    good: int = 0
    bad: int = 0

    def plus(self, other: Totals) -> Totals:
        return Totals(
            self.numerator + other.numerator, self.total + other.total, self.good + other.good, self.bad + other.bad
        )


def whole_minutes(
    totals: Totals, numerator: Minutes, total: Minutes, *, counts_good: bool
) -> tuple[Counts, Counts, Totals]:
    """Good and bad whole events of the minutes that follow the totals, and the totals after them.

    Bad may not pass total: where it runs ahead (their series were read at different instants), total follows.
    """
    numerator_edges = totals.numerator + np.cumsum(numerator)
    total_edges = totals.total + np.cumsum(total)
    bad_edges = total_edges - np.minimum(numerator_edges, total_edges) if counts_good else numerator_edges
    bad = np.maximum.accumulate(np.append(np.int64(totals.bad), np.rint(bad_edges).astype(np.int64)))
    every = np.rint(np.maximum(total_edges, bad_edges)).astype(np.int64)
    good = np.maximum.accumulate(np.append(np.int64(totals.good), every - bad[1:]))
    after = Totals(
        totals.numerator + float(numerator.sum()), totals.total + float(total.sum()), int(good[-1]), int(bad[-1])
    )
    return np.diff(good), np.diff(bad), after

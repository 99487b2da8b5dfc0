"""Amounts over spans of time, laid onto the minutes of a grid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from slo.samples import Times, Values
from slo.units import MINUTE_MS
from slo.window import Interval


def spread(begin: Times, end: Times, amount: Values, grid: Interval) -> Values:
    """Amounts laid evenly over their times (begin, end] onto the minutes of a grid, shape (minutes,).

    What falls outside of the grid is left out. An amount whose begin is its end falls into that one minute.
    """
    per_minute = np.zeros(grid.minutes + 2)  # one cell before the grid and one after it take what lies outside
    zero = grid.start * MINUTE_MS - MINUTE_MS
    first = _within((begin - zero) // MINUTE_MS, grid.minutes + 1)
    last = _within(-((zero - end) // MINUTE_MS) - 1, grid.minutes + 1)
    inside = first >= last
    np.add.at(per_minute, last[inside], amount[inside])
    rest = np.flatnonzero(~inside)
    if rest.size:
        _spread_long(per_minute, zero, begin[rest], end[rest], amount[rest], first[rest], last[rest])
    return per_minute[1:-1]


def _within(cells: npt.NDArray[np.int64], highest: int) -> npt.NDArray[np.int64]:
    """As numpy.clip, which takes four times as long for a few values."""
    return np.minimum(np.maximum(cells, 0), highest)


def _spread_long(
    per_minute: Values,
    zero: int,
    begin: Times,
    end: Times,
    amount: Values,
    first: npt.NDArray[np.int64],
    last: npt.NDArray[np.int64],
) -> None:
    """Amounts that cross at least one minute edge: a part in the first, one in the last, the same in each between."""
    rate = amount / (end - begin)
    head = rate * ((first + 1) * MINUTE_MS + zero - begin)
    tail = rate * (end - zero - last * MINUTE_MS)
    np.add.at(per_minute, first, head)
    np.add.at(per_minute, last, tail)
    between = np.flatnonzero(last - first > 1)
    if between.size:
        steps = np.zeros(per_minute.size + 1)
        np.add.at(steps, first[between] + 1, rate[between] * MINUTE_MS)
        np.subtract.at(steps, last[between], rate[between] * MINUTE_MS)
        per_minute += np.cumsum(steps)[:-1]

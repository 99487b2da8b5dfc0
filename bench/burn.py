"""Burn rates and pages by the minute, from counts: what is compared in bench/ledger_accuracy.py."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench import peers
from bench.collected import WINDOWS, Told
from slo.events import EventSeries
from slo.window import Interval

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def window_counts(events: EventSeries, window: Interval) -> Floats:
    """Bad and total of the windows that end at each minute, of what happened in `window` alone: (minutes, windows, 2).

    Windows do not reach back before it, as nobody has counted there.
    """
    at = slice(window.start - events.start, window.end - events.start + 1)
    edges = np.column_stack([events.bad[at], events.bad[at] + events.good[at]]).astype(np.float64)
    ends = np.arange(1, edges.shape[0])
    return np.stack([edges[ends] - edges[np.maximum(ends - minutes, 0)] for minutes in WINDOWS], axis=1)


def burn_rates(counts: Floats) -> Floats:
    """NaN where nothing happened; shape (minutes, windows)."""
    bad, total = counts[..., 0], counts[..., 1]
    return np.where(total > 0, bad / np.maximum(total, 1), np.nan) / peers.BUDGET_RATIO


def firing(burns: Floats) -> Flags:
    """The workbook's pages at each minute."""
    found = np.zeros(burns.shape[0], np.bool_)
    for pair in peers.SLOTH_PAGES:
        long, short = burns[:, WINDOWS.index(pair.long)], burns[:, WINDOWS.index(pair.short)]
        found |= (long > pair.factor) & (short > pair.factor)
    return found


def told_five_minutes(told: Told, truth: Floats) -> tuple[Floats, Floats]:
    """The 5-minute burn told at each minute of the clock, and the truth of the same five minutes."""
    up = told.newest >= 0
    return burn_rates(told.counts[up].astype(np.float64))[:, 0], truth[told.newest[up], 0]


def told_firing(told: Told) -> Flags:
    """The pages by the clock: from what was told at each minute; none while nobody collects."""
    return firing(burn_rates(told.counts.astype(np.float64))) & (told.newest >= 0)


def rmse(found: Floats, expected: Floats) -> float:
    """Over the minutes in which both are known."""
    both = ~np.isnan(found) & ~np.isnan(expected)
    return float(np.sqrt(np.mean((found[both] - expected[both]) ** 2))) if both.any() else float("nan")


def span(found: Flags) -> tuple[int, int] | None:
    """The first and the last minute in which it fires."""
    at = np.flatnonzero(found)
    return (int(at[0]), int(at[-1])) if at.size else None


def after(found: tuple[int, int] | None, expected: tuple[int, int] | None) -> str:
    """How many minutes later it begins and ends."""
    if found is None or expected is None:
        return "-" if found is expected else "never" if found is None else "only here"
    return f"{found[0] - expected[0]:+d}, {found[1] - expected[1]:+d} min"

"""How much of each minute the scrapes vouch for, so that "no data" never passes for "no errors"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from slo.minutes import spread
from slo.samples import SeriesSamples, TargetCursors, Values, scrape_interval, target_scrapes, targets_after
from slo.units import MINUTE_MS
from slo.window import Interval

JITTER_FACTOR = 1.5
"""Samples further apart than this many scrape intervals have a missed scrape between them."""


class Coverage(NamedTuple):
    """Time that scrapes vouch for, and time in which targets existed: milliseconds for each minute of a grid."""

    seen: Values
    expected: Values


def count_coverage(
    samples: Sequence[SeriesSamples], targets: TargetCursors, grid: Interval
) -> tuple[Coverage, TargetCursors]:
    """What the scrapes since the cursors cover: each vouches for one scrape interval before it.

    A target is expected from its first to its last scrape. One that never returns has gone, which is no gap.
    """
    scrapes = target_scrapes(samples)
    starts, intervals, parts = [], [], []
    for target, times in scrapes.items():
        known = targets.get(target)
        fresh = times if known is None or times[0] > known.last else times[times.searchsorted(known.last, "right") :]
        if fresh.size:
            interval = scrape_interval(times) or (known.interval if known else 0) or MINUTE_MS
            starts.append(known.expected_from if known else int(fresh[0]) - interval)
            intervals.append(interval)
            parts.append(fresh)
    after = targets_after(scrapes, targets)
    if not parts:
        return Coverage(np.zeros(grid.minutes), np.zeros(grid.minutes)), after
    sizes = np.array([part.size for part in parts])
    end, interval_ms = np.concatenate(parts), np.repeat(np.array(intervals, np.int64), sizes)
    before = np.empty_like(end)
    before[1:] = end[:-1]
    before[np.cumsum(sizes) - sizes] = starts
    covered = np.where(end - before > JITTER_FACTOR * interval_ms, end - interval_ms, before)
    seen = spread(covered, end, (end - covered).astype(np.float64), grid)
    return Coverage(seen, spread(before, end, (end - before).astype(np.float64), grid)), after


def coverage_ratio(coverage: Coverage) -> Values:
    """The seen share of each minute, in [0, 1]: of the targets' time where any existed, else of the minute."""
    return np.clip(coverage.seen / np.maximum(coverage.expected, MINUTE_MS), 0.0, 1.0)

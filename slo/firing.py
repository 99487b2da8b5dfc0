"""When the alerts of a policy would have fired over a history, as Prometheus would have raised them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from slo.alert_policy import AlertPolicy, WindowPair
from slo.events import EventSeries
from slo.evidence import beyond_chance
from slo.window import Interval

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

_MOST = 2**62
_BLOCK_MINUTES = 30
_NEAR_BLOCKS = 32
"""Blocks no further apart are looked at in one go: fewer calls, for little more arithmetic."""
_MOST_EDGES = 16_384
"""As many edges are looked at in one go as the caches of a processor hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertHistory:
    """One pair of windows and the times in which it fires.

    firings: from the first minute at which it fires to the first at which it does not; one that still fires when the
    history ends, ends with it and makes `still_firing` true.
    """

    severity: str
    long_minutes: int
    short_minutes: int
    factor: float
    for_minutes: int
    firings: tuple[Interval, ...]
    still_firing: bool


def replay_alerts(
    policy: AlertPolicy, events: EventSeries, budget_ratio: Fraction, period_minutes: int, within: Interval
) -> tuple[AlertHistory, ...]:
    """Each pair of a policy, evaluated at every minute of an interval; severities that are not raised are left out.

    Windows that reach back before the history hold what there is. No rounding decides an alert.
    """
    low, high = (min(max(minute - events.start, 0), events.bad.size - 1) for minute in within)
    return tuple(
        _replayed(policy, pair, events, budget_ratio, period_minutes, low, high)
        for pair in policy.pairs
        if policy.notification(pair.severity).enabled
    )


def _replayed(
    policy: AlertPolicy,
    pair: WindowPair,
    events: EventSeries,
    budget_ratio: Fraction,
    period_minutes: int,
    low: int,
    high: int,
) -> AlertHistory:
    raised = policy.notification(pair.severity)
    holding = _holding(pair, events, budget_ratio, period_minutes, low, high, needs_evidence=policy.needs_evidence)
    spans = list(_raised(_runs(holding), raised.for_minutes, raised.keep_firing_for_minutes, high))
    zero = events.start
    return AlertHistory(
        severity=pair.severity,
        long_minutes=pair.long_minutes,
        short_minutes=pair.short_minutes,
        factor=pair.factor(period_minutes),
        for_minutes=raised.for_minutes,
        firings=tuple(Interval(zero + begin, zero + min(end, high)) for begin, end in spans),
        still_firing=bool(spans) and spans[-1][1] > high,
    )


def _holding(
    pair: WindowPair,
    events: EventSeries,
    budget_ratio: Fraction,
    period_minutes: int,
    low: int,
    high: int,
    *,
    needs_evidence: bool,
) -> Integers:
    """The edges from `low` to `high` at which the pair demands an alert."""
    threshold = max(Fraction(1), pair.budget_share * period_minutes / pair.long_minutes) * budget_ratio
    if not 0 < threshold < 1:
        return np.zeros(0, np.int64)
    found = [
        _exceeding(events, pair, threshold, part, min(part + _MOST_EDGES, end))
        for begin, end in _promising(events, pair.long_minutes, threshold, low, high)
        for part in range(begin, end, _MOST_EDGES)
    ]
    if needs_evidence:
        found = [at[_has_evidence(events, pair.long_minutes, budget_ratio, at)] for at in found]
    return np.concatenate([np.zeros(0, np.int64), *found])


def _has_evidence(events: EventSeries, minutes: int, budget_ratio: Fraction, at: Integers) -> Flags:
    bad, good = (_within(edges, minutes, at) for edges in (events.bad, events.good))
    return beyond_chance(bad, bad + good, budget_ratio)


def _within(edges: Integers, minutes: int, at: Integers) -> Integers:
    """The counts of the windows that end at these edges; without a gap between them slices do, which is faster."""
    if at.size and at[0] >= minutes and at[-1] - at[0] + 1 == at.size:
        first, end = int(at[0]), int(at[-1]) + 1
        return edges[first:end] - edges[first - minutes : end - minutes]
    return np.asarray(edges[at] - edges[np.maximum(at - minutes, 0)])


def _promising(
    events: EventSeries, minutes: int, threshold: Fraction, low: int, high: int
) -> Iterator[tuple[int, int]]:
    """Stretches `[begin, end)` of edges outside of which no window of so many minutes can exceed the threshold.

    Among the windows that end in a block, none has more bad events than the block and the window before it together,
    and none has fewer events than what is common to all. In most of a history that rules the whole block out.
    """
    first = np.arange(low, high + 1, _BLOCK_MINUTES)
    last = np.minimum(first + _BLOCK_MINUTES - 1, high)
    begin, common = np.maximum(first - minutes, 0), np.maximum(last - minutes, 0)
    most_bad = events.bad[last] - events.bad[begin]
    least_total = events.good[first] - events.good[common] + events.bad[first] - events.bad[common]
    # The slack covers the rounding of floats; what is let through by it is compared exactly later.
    (blocks,) = np.nonzero(most_bad > (float(threshold) * (1 - 1e-9)) * np.maximum(least_total, 0))
    if not blocks.size:
        return
    (apart,) = np.nonzero(np.diff(blocks) > _NEAR_BLOCKS)
    starts, ends = blocks[np.append(0, apart + 1)], blocks[np.append(apart, blocks.size - 1)]
    yield from zip(first[starts].tolist(), (last[ends] + 1).tolist(), strict=True)


def _exceeding(events: EventSeries, pair: WindowPair, threshold: Fraction, begin: int, end: int) -> Integers:
    """The edges in `[begin, end)` at which both windows exceed the threshold.

    k / n > p / q over a window is "the lead q k - p n is higher than a window ago": no rounding decides.
    """
    start = max(begin - pair.long_minutes, 0)
    lead = _lead(events, threshold, start, end)
    holds = _risen(lead, begin - start, pair.long_minutes) & _risen(lead, begin - start, pair.short_minutes)
    return np.flatnonzero(holds) + begin


def _lead(events: EventSeries, threshold: Fraction, start: int, end: int) -> Integers:
    """q k - p n at the edges `[start, end)`, in Python's integers where 64 bits would not hold it."""
    p, q = threshold.numerator, threshold.denominator
    bad, good = events.bad[start:end], events.good[start:end]
    if q * int(bad[-1]) + p * int(good[-1]) >= _MOST:
        bad, good = bad.astype(object), good.astype(object)
    return bad * (q - p) - good * p


def _risen(lead: Integers, offset: int, minutes: int) -> Flags:
    """From the offset on, whether the lead is higher than so many minutes before, or than at the first edge."""
    now = lead[offset:]
    before = lead[max(offset - minutes, 0) : lead.size - minutes] if lead.size > minutes else lead[:0]
    missing = now.size - before.size
    risen = np.empty(now.size, np.bool_)
    risen[:missing] = now[:missing] > lead[0]
    risen[missing:] = now[missing:] > before
    return risen


def _raised(
    holds: Iterator[tuple[int, int]], for_minutes: int, keep_minutes: int, high: int
) -> Iterator[tuple[int, int]]:
    """The stretches in which the alert fires, as edges; an end after `high` means that it still fires there.

    An alert fires once its condition has held for `for_minutes`, and goes on until it has not held for `keep_minutes`.
    Source: Prometheus, rules/alerting.go, Eval.
    """
    firing: tuple[int, int] | None = None
    for begin, end in holds:
        if firing and begin < firing[1]:
            firing = firing[0], end + keep_minutes
        elif end - begin > for_minutes:
            if firing:
                yield firing
            firing = begin + for_minutes, end + keep_minutes
    if firing:
        yield firing


def _runs(at: Integers) -> Iterator[tuple[int, int]]:
    """Runs of consecutive edges, as `[begin, end)`."""
    if not at.size:
        return
    (apart,) = np.nonzero(np.diff(at) > 1)
    begins, ends = at[np.append(0, apart + 1)], at[np.append(apart, at.size - 1)] + 1
    yield from zip(begins.tolist(), ends.tolist(), strict=True)

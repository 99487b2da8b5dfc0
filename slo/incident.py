"""Incidents: the times in which the budget burned faster than it may, and the bill of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from slo.events import EventSeries
from slo.objective import Group
from slo.window import Interval, Window

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

_FINEST = 10**8
"""Parts of a budget ratio, so that products with the events of a minute fit into 64 bits."""
_ENOUGH_EVENTS = 1.0
"""A pause tells that all is well once so many bad events would have been allowed in it; silence alone does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRule:
    """What counts as an incident: at least so much of the budget, and how long a pause ends it."""

    least_share: Fraction = Fraction(2, 100)
    gap_minutes: int = 30

    def __post_init__(self) -> None:
        if not 0 < self.least_share <= 1 or self.gap_minutes < 1:
            raise ValueError("an incident takes over 0 and at most 100 % of the budget, and ends after whole minutes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident and its bill: every bad event in it, also those that would have happened anyway.

    budget_events: the bad events that the period allows; consumed_ratio: the share of them that the incident took;
    outage_minutes: that share as minutes of total outage at average traffic.
    """

    interval: Interval
    bad_events: int
    total_events: int
    budget_events: float
    consumed_ratio: float
    outage_minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupBill:
    """The part of one group in an incident; share_ratio: of the incident's bad events."""

    group: Group
    bad_events: int
    total_events: int
    share_ratio: float


def find_incidents(
    events: EventSeries,
    budget_ratio: Fraction,
    window: Window,
    within: Interval,
    *,
    rule: IncidentRule = IncidentRule(),
    paid_by: Interval | None = None,
) -> tuple[Incident, ...]:
    """The incidents of an interval, the dearest first. None without events or without a budget.

    An incident begins where the bad events begin to outrun the budget's share of all events, and ends where their lead
    is highest before it is lost again, or before it has not grown for `gap_minutes`. Source: E. S. Page, "Continuous
    Inspection Schemes", Biometrika 41 (1954), on the lead over its last minimum.
    paid_by: the period whose budget pays for all, such as a report's; else each is measured by its own period.
    """
    if not budget_ratio:
        return ()
    low, high = (min(max(minute - events.start, 0), events.bad.size - 1) for minute in within)
    least_bad = _cheapest(events, budget_ratio, window, paid_by, rule)
    spells = _spells(events, budget_ratio, low, high, rule.gap_minutes, least_bad)
    billed = (_incident(events, budget_ratio, window, one, paid_by, rule.least_share) for one in spells)
    found = [incident for incident in billed if incident]
    return tuple(sorted(found, key=lambda one: (-one.consumed_ratio, one.interval.start)))


def bill_by_group(incident: Incident, groups: Mapping[Group, EventSeries]) -> tuple[GroupBill, ...]:
    """What each group had to do with an incident, most bad events first; the whole is left out."""
    bills = []
    for group, events in groups.items():
        counts = events.within(incident.interval)
        if group and counts.bad:
            share = counts.bad / max(incident.bad_events, 1)
            bills.append(GroupBill(group=group, bad_events=counts.bad, total_events=counts.total, share_ratio=share))
    return tuple(sorted(bills, key=lambda bill: (-bill.bad_events, bill.group)))


def budget_events(events: EventSeries, budget_ratio: Fraction, window: Window, at_minute: int) -> Fraction:
    """The bad events that the period allows which a minute closes; one that was seen in part is scaled up to the whole.

    Where the history begins within the period, its first period stands for it.
    """
    seen, period = events.observed, window.period(at_minute)
    if seen is None:
        return Fraction(0)
    start = min(max(period.start, seen.start), seen.end)
    end = min(start + period.minutes, seen.end)
    if end <= start:
        return Fraction(0)
    return budget_ratio * events.within(Interval(start, end)).total * period.minutes / (end - start)


def _incident(
    events: EventSeries,
    budget_ratio: Fraction,
    window: Window,
    spell: Interval,
    paid_by: Interval | None,
    least_share: Fraction,
) -> Incident | None:
    """The spell with its bill, None where that is less than the least share, compared exactly."""
    counts = events.within(spell)
    if paid_by is None:
        allowed, period_minutes = (
            budget_events(events, budget_ratio, window, spell.end),
            window.period(spell.end).minutes,
        )
    else:
        allowed, period_minutes = budget_ratio * events.within(paid_by).total, paid_by.minutes
    if not allowed or counts.bad < least_share * allowed:
        return None
    return Incident(
        interval=spell,
        bad_events=counts.bad,
        total_events=counts.total,
        budget_events=float(allowed),
        consumed_ratio=float(counts.bad / allowed),
        outage_minutes=float(counts.bad / allowed * budget_ratio * period_minutes),
    )


def _cheapest(
    events: EventSeries, budget_ratio: Fraction, window: Window, paid_by: Interval | None, rule: IncidentRule
) -> int:
    """Fewer bad events than this are no incident, by the smallest budget that may have to pay."""
    if paid_by is not None:
        least_total = events.within(paid_by).total
    else:
        # Every period, whatever its calendar, is longer than half the nominal one.
        total, minutes = events.good + events.bad, window.nominal_minutes // 2
        least_total = int((total[minutes:] - total[:-minutes]).min() if 0 < minutes < total.size else total[-1])
    return max(1, int(rule.least_share * budget_ratio * least_total))


def _spells(
    events: EventSeries, budget_ratio: Fraction, low: int, high: int, gap_minutes: int, least_bad: int
) -> Iterator[Interval]:
    """Every interval in which at least `least_bad` events outran the budget, in the order of time."""
    bad = events.bad[low : high + 1]
    total = bad + events.good[low : high + 1]
    allowed: Floats = total * np.float64(budget_ratio)
    lead = bad - allowed
    # In whole numbers: a minute that burns at exactly 1 gains nothing, and rounding would let it.
    ratio = budget_ratio.limit_denominator(_FINEST)
    rising = np.diff(bad) * ratio.denominator > np.diff(total) * ratio.numerator
    if not rising.any():
        return
    starts, ends = _runs(rising)
    back = max(events.slice_minutes - 1, 0)  # a time slice is counted at its end
    for first, last in _promising(lead, bad, starts, ends, least_bad):
        for start, end in _climbs(lead, allowed, starts[first:last], ends[first:last], gap_minutes):
            if bad[end] - bad[start] >= least_bad:
                yield Interval(events.start + low + start - back, events.start + low + end)


def _runs(flags: npt.NDArray[np.bool_]) -> tuple[Places, Places]:
    """Where each run of true begins, and where it has ended."""
    turns = np.flatnonzero(np.diff(flags)) + 1
    edges = np.concatenate([[0] if flags[0] else [], turns, [flags.size] if flags[-1] else []]).astype(np.int64)
    return edges[::2], edges[1::2]


def _promising(
    lead: Floats, bad: npt.NDArray[np.int64], starts: Places, ends: Places, least_bad: int
) -> Iterator[tuple[int, int]]:
    """The runs between two minima of the lead, as intervals of their numbers, that hold enough bad events.

    No incident goes on through a new minimum, as all that was gained before it is lost there.
    """
    lowest = np.minimum.accumulate(lead[starts])
    fresh = np.concatenate([[True], lowest[1:] < lowest[:-1]])
    firsts = np.flatnonzero(fresh)
    lasts = np.append(firsts[1:], starts.size)
    spent = bad[ends[lasts - 1]] - bad[starts[firsts]]
    for place in np.flatnonzero(spent >= least_bad).tolist():
        yield int(firsts[place]), int(lasts[place])


def _climbs(lead: Floats, allowed: Floats, starts: Places, ends: Places, gap_minutes: int) -> Iterator[tuple[int, int]]:
    """The climbs of the lead from a minimum to the maximum before it is lost or has long not grown."""
    begins, stops = starts.tolist(), ends.tolist()
    lows, highs = lead[starts].tolist(), lead[ends].tolist()
    begun, reached = allowed[starts].tolist(), allowed[ends].tolist()
    first = 0
    while first < len(begins):
        top = first
        for number in range(first + 1, len(begins)):
            lost = lows[number] <= lows[first]
            paused = begins[number] - stops[top] > gap_minutes and begun[number] - reached[top] >= _ENOUGH_EVENTS
            if lost or paused:
                break
            if highs[number] > highs[top]:
                top = number
        yield begins[first], stops[top]
        first = top + 1  # what came after the maximum is looked at again, by itself

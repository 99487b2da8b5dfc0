"""Corrections: times whose events do not count against the budget, and why. Stored counts are never touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from fnmatch import fnmatchcase

import numpy as np

from slo.errors import UsageError
from slo.events import Events, EventSeries, WindowCounts
from slo.objective import Objective
from slo.recurrence import Recurrence
from slo.window import Interval


class Category(Enum):
    """What kind of time is excluded."""

    MAINTENANCE = "maintenance"
    DEPLOYMENT = "deployment"
    OUTSIDE_HOURS = "outside-hours"
    PROVIDER = "provider"
    """The fault of somebody whose availability was not promised."""
    TEST = "test"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Events within `when` are left out of every figure of the objectives whose ids match one of `slos`."""

    id: int
    slos: tuple[str, ...]
    when: Interval | Recurrence
    category: Category
    reason: str
    author: str
    made_at: datetime

    def concerns(self, objective: Objective) -> bool:
        """Whether the objective, and with it each of its groups, is corrected."""
        return self.matches(objective.id)

    def matches(self, slo: str) -> bool:
        """As concerns, by the id of the objective."""
        return any(fnmatchcase(slo, glob) for glob in self.slos)

    def within(self, interval: Interval) -> list[Interval]:
        """The excluded times that overlap an interval, cut to it."""
        found = self.when.within(interval) if isinstance(self.when, Recurrence) else [self.when]
        return _overlaps(found, interval)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionEntry:
    """One entry of the history: a correction that was made, or the withdrawal of an earlier one."""

    id: int
    at: datetime
    author: str
    reason: str
    made: Correction | None = None
    withdraws: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedCorrection:
    """What one correction left out of a window. Where corrections overlap, each tells all that it covers."""

    correction: Correction
    minutes: int
    bad_events: int
    total_events: int


_LONGEST_TEXT = 2000
_MOST_GLOBS = 100


def check(one: Correction, *, at_minute: int, is_planned: bool = False) -> None:
    """Refuse what nobody can have meant. is_planned: it may begin after at_minute.

    Raises UsageError with what to write instead.
    """
    for name, text in (("reason", one.reason), ("author", one.author)):
        if not text.strip():
            raise UsageError(
                f"a correction needs {'a reason' if name == 'reason' else 'an author'}: figures change by it"
            )
        if len(text) > _LONGEST_TEXT:
            raise UsageError(f"the {name} has {len(text)} characters; {_LONGEST_TEXT} are the most")
    if not 1 <= len(one.slos) <= _MOST_GLOBS:
        raise UsageError(f"a correction names between one and {_MOST_GLOBS} ids or globs of objectives")
    if isinstance(one.when, Recurrence):
        return
    if one.when.minutes <= 0:
        raise UsageError("a correction ends after its start, by a minute at least")
    if one.when.start >= at_minute and not is_planned:
        raise UsageError(
            "the correction begins in the future, where nothing has happened that could be left out;"
            " say that it is planned if it is an announced maintenance"
        )


class CorrectedEvents:
    """Events without those inside of excluded times, as Events.

    Of an objective by events, good and bad ones are dropped; a time slice that an exclusion touches counts as good,
    since nobody can tell how it would have ended. Excluded minutes count as covered: what happened in them is known
    not to matter. Source: the behaviour of Datadog's and Nobl9's corrections.
    """

    def __init__(self, events: Events, excluded: Sequence[Interval]) -> None:
        self._events = events
        self._excluded = merged(excluded)
        self._concerned = merged(_ends_of_slices(each, events.slice_minutes) for each in excluded)
        self.slice_minutes = events.slice_minutes

    @property
    def observed(self) -> Interval | None:
        """As in Events: excluded times change nothing of what was seen."""
        return self._events.observed

    def within(self, interval: Interval) -> WindowCounts:
        """As in Events."""
        good, bad, covered = self._events.within(interval)
        for inside in _overlaps(self._excluded, interval):
            covered += self._lacking(inside)
        for inside in _overlaps(self._concerned, interval):
            dropped = self._events.within(inside)
            bad -= dropped.bad
            good += dropped.bad if self.slice_minutes else -dropped.good
        return WindowCounts(good, bad, covered)

    def _lacking(self, inside: Interval) -> float:
        """Excluded minutes that were not seen, as far as the observed time reaches."""
        if self.observed is None:
            return 0.0
        known = _overlap(inside, self.observed)
        return known.minutes - self._events.within(known).covered_minutes if known.minutes > 0 else 0.0


def corrected(
    events: Events, corrections: Iterable[Correction], interval: Interval
) -> tuple[Events, tuple[AppliedCorrection, ...]]:
    """The events with the corrections applied within an interval, and what each of them left out there.

    Without an exclusion in the interval the events are given back as they are.
    """
    found = [(each, inside) for each in corrections if (inside := each.within(interval))]
    if not found:
        return events, ()
    excluded = [one for _, inside in found for one in inside]
    return CorrectedEvents(events, excluded), tuple(_applied(events, each, inside) for each, inside in found)


def without(events: EventSeries, corrections: Iterable[Correction]) -> EventSeries:
    """As CorrectedEvents, minute by minute, where a whole history is needed; all of them concern it."""
    whole = Interval(events.start, events.end)
    excluded = [each for one in corrections for each in one.within(whole)]
    if not excluded:
        return events
    good, bad, covered = np.diff(events.good), np.diff(events.bad), np.diff(events.covered)
    for inside in _places(events, merged(_ends_of_slices(each, events.slice_minutes) for each in excluded)):
        good[inside] = good[inside] + bad[inside] if events.slice_minutes else 0
        bad[inside] = 0
    if events.observed is not None:
        for inside in _places(events, _overlaps(merged(excluded), events.observed)):
            covered[inside] = 1
    zero = np.zeros(1, np.int64)
    good, bad, covered = (np.concatenate([zero, np.cumsum(each)]) for each in (good, bad, covered))
    return EventSeries(events.start, good, bad, covered, events.slice_minutes)


def _places(events: EventSeries, intervals: Iterable[Interval]) -> Iterator[slice]:
    for each in _overlaps(intervals, Interval(events.start, events.end)):
        yield slice(each.start - events.start, each.end - events.start)


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same minutes as intervals that neither overlap nor touch, in the order of time."""
    found: list[Interval] = []
    for each in sorted(intervals):
        if found and each.start <= found[-1].end:
            found[-1] = Interval(found[-1].start, max(found[-1].end, each.end))
        else:
            found.append(each)
    return found


def _applied(events: Events, correction: Correction, inside: Sequence[Interval]) -> AppliedCorrection:
    concerned = merged(_ends_of_slices(each, events.slice_minutes) for each in inside)
    counts = [events.within(each) for each in concerned]
    return AppliedCorrection(
        correction=correction,
        minutes=sum(each.minutes for each in merged(inside)),
        bad_events=sum(one.bad for one in counts),
        total_events=sum(one.total for one in counts),
    )


def _ends_of_slices(excluded: Interval, slice_minutes: int) -> Interval:
    """Where the counts lie that an exclusion concerns: slices are counted at their ends."""
    if not slice_minutes:
        return excluded
    last = -(-excluded.end // slice_minutes) * slice_minutes
    return Interval(excluded.start // slice_minutes * slice_minutes, last)


def _overlaps(intervals: Iterable[Interval], with_: Interval) -> list[Interval]:
    return [cut for each in intervals if (cut := _overlap(each, with_)).minutes > 0]


def _overlap(one: Interval, other: Interval) -> Interval:
    return Interval(max(one.start, other.start), min(one.end, other.end))

"""The running count of one objective while its samples are read: minutes by group, coverage, and notes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from slo.count import Increases
from slo.coverage import JITTER_FACTOR, Coverage, count_coverage, coverage_ratio
from slo.events import EventSeries
from slo.minutes import spread
from slo.objective import Group, Objective
from slo.report import Reason
from slo.samples import SeriesSamples, Target, TargetCursors, Values
from slo.source.protocol import Measured
from slo.source.query_plan import Role, uses_of
from slo.units import MINUTE_MS
from slo.window import Interval


class Tally:
    """Adds up what reads bring; `finished` gives the events. Events of each role and group are kept per minute."""

    def __init__(self, objective: Objective, interval: Interval) -> None:
        self.objective = objective
        self.interval = interval
        self.targets: TargetCursors = {}
        self._minutes: dict[tuple[Role, Group], Values] = {}
        self._seen = np.zeros(interval.minutes)
        self._expected = np.zeros(interval.minutes)
        self._roles_found: set[Role] = set()
        self._groups: set[Group] = set()
        self._groups_left_out: set[Group] = set()
        self._uncertain_series = 0

    def add(self, role: Role, samples: Sequence[SeriesSamples], increases: Increases) -> None:
        """Count the increases of this role; `increases.series` are indices into `samples`."""
        if samples:
            self._roles_found.add(role)
        self._uncertain_series += int(increases.uncertain.sum())
        self._spread(role, (), increases)
        if self.objective.group_by:
            groups = [self._group_of(one) for one in samples]
            for group in sorted(set(groups)):
                if self._admits(group):
                    self._spread(role, group, increases.of(np.array([one == group for one in groups])))

    def cover(self, samples: Sequence[SeriesSamples]) -> None:
        """Take note of when targets were scraped."""
        coverage, self.targets = count_coverage(samples, self.targets, self.interval)
        self._add_coverage(coverage)

    def silent_targets(self) -> list[Target]:
        """Targets whose scrapes ended before the interval does: gone, or still there and failing."""
        end = self.interval.end * MINUTE_MS
        return [
            target
            for target, cursor in self.targets.items()
            if isinstance(target, Target) and cursor.last + JITTER_FACTOR * (cursor.interval or MINUTE_MS) < end
        ]

    def miss(self, targets: Collection[Target]) -> None:
        """Take note that these exist, though they were not scraped from their last scrape to the end."""
        begin = np.array([self.targets[target].last for target in self.silent_targets() if target in targets], np.int64)
        end = np.full(begin.size, self.interval.end * MINUTE_MS, np.int64)
        missed = spread(begin, end, (end - begin).astype(np.float64), self.interval)
        self._add_coverage(Coverage(np.zeros(self.interval.minutes), missed))

    def has(self, role: Role) -> bool:
        return role in self._roles_found

    def finished(self) -> Measured:
        """The events as a whole under `()`, then by group, all with the objective's coverage."""
        coverage = coverage_ratio(Coverage(self._seen, self._expected))
        return Measured(
            {group: self._series(group, coverage) for group in [(), *sorted(self._groups)]}, tuple(self._notes())
        )

    def _series(self, group: Group, coverage: Values) -> EventSeries:
        nothing = np.zeros(self.interval.minutes)
        total = self._minutes.get((Role.TOTAL, group), nothing)
        good = self._minutes.get((Role.GOOD, group), nothing)
        bad = self._minutes.get((Role.BAD, group), nothing)
        start = self.interval.start
        if self._counts_good:
            return EventSeries.from_good_minutes(start, good, total, coverage)
        return EventSeries.from_minutes(start, bad, total, coverage)

    @property
    def _counts_good(self) -> bool:
        return any(use.role is Role.GOOD for use in uses_of(self.objective))

    def _spread(self, role: Role, group: Group, increases: Increases) -> None:
        minutes = spread(increases.begin, increases.end, increases.amount, self.interval)
        known = self._minutes.get((role, group))
        if known is None:
            self._minutes[role, group] = minutes
        else:
            known += minutes

    def _add_coverage(self, coverage: Coverage) -> None:
        self._seen += coverage.seen
        self._expected += coverage.expected

    def _group_of(self, one: SeriesSamples) -> Group:
        return tuple((label, one.labels.get(label, "")) for label in self.objective.group_by)

    def _admits(self, group: Group) -> bool:
        if group not in self._groups and len(self._groups) >= self.objective.max_groups:
            self._groups_left_out.add(group)
            return False
        self._groups.add(group)
        return True

    def _notes(self) -> list[Reason]:
        notes = []
        for role in (Role.BAD, Role.GOOD):
            wanted = any(use.role is role for use in uses_of(self.objective))
            if wanted and self.has(Role.TOTAL) and not self.has(role):
                counted = "none is counted" if role is Role.BAD else "all events are counted as bad"
                message = f"no series matches the selector of {role.value} events: {counted}"
                notes.append(Reason(code=f"no_{role.value}_series", message=message))
        if self._groups_left_out:
            found = len(self._groups) + len(self._groups_left_out)
            message = f"{found} groups were found, {len(self._groups)} are shown; the whole counts all of them"
            limit = float(self.objective.max_groups)
            notes.append(Reason(code="max_groups", message=message, observed=float(found), threshold=limit))
        if self._uncertain_series:
            message = (
                f"{self._uncertain_series} series appeared without a known start: what they counted before is left out"
            )
            notes.append(Reason(code="uncertain_start", message=message, observed=float(self._uncertain_series)))
        return notes

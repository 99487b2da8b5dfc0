"""The running count of one objective while its samples are read: minutes by group, and coverage."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import MappingProxyType

import numpy as np

from slo.count import Increases
from slo.coverage import JITTER_FACTOR, Coverage, count_coverage, coverage_ratio
from slo.events import EventSeries
from slo.minutes import spread
from slo.objective import Group, Objective
from slo.samples import SeriesSamples, Target, TargetCursors, Values
from slo.source.data_notes import data_notes
from slo.source.protocol import Measured
from slo.source.query_plan import Role, counts_good
from slo.units import MINUTE_MS
from slo.window import Interval


class Tally:
    """Adds up what reads bring; `finished` gives the events.

    targets, groups: known from an earlier tally, which this one continues. minutes: events of each role and group.
    """

    def __init__(
        self,
        objective: Objective,
        interval: Interval,
        *,
        targets: TargetCursors = MappingProxyType({}),
        groups: Collection[Group] = (),
    ) -> None:
        self.objective = objective
        self.interval = interval
        self.targets = targets
        self.minutes: dict[tuple[Role, Group], Values] = {}
        self._seen = np.zeros(interval.minutes)
        self._expected = np.zeros(interval.minutes)
        self._roles_found: set[Role] = set()
        self._groups = set(groups)
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

    def silent_targets(self, *, since_minute: int = 0) -> dict[Target, int]:
        """Targets whose scrapes ended before the interval does, gone or failing, with their last scrape.

        since_minute: those that had gone by then are not asked after again.
        """
        end, since = self.interval.end * MINUTE_MS, since_minute * MINUTE_MS
        silent = {}
        for target, cursor in self.targets.items():
            patience = JITTER_FACTOR * (cursor.interval or MINUTE_MS)
            if isinstance(target, Target) and since - patience <= cursor.expected_from < end - patience:
                silent[target] = cursor.last
        return silent

    def miss(self, targets: Collection[Target]) -> None:
        """Take note that these exist, though they were not scraped from their last scrape to the end."""
        until = self.interval.end * MINUTE_MS
        known = {target: self.targets[target] for target in targets if target in self.targets}
        begin = np.array([cursor.expected_from for cursor in known.values()], np.int64)
        end = np.full(begin.size, until, np.int64)
        missed = spread(begin, end, (end - begin).astype(np.float64), self.interval)
        self._add_coverage(Coverage(np.zeros(self.interval.minutes), missed))
        self.targets = {**self.targets, **{t: cursor._replace(missed_until=until) for t, cursor in known.items()}}

    @property
    def coverage(self) -> Coverage:
        """Time seen and time expected, in milliseconds of each minute."""
        return Coverage(self._seen, self._expected)

    @property
    def groups(self) -> frozenset[Group]:
        return frozenset(self._groups)

    @property
    def groups_left_out(self) -> int:
        return len(self._groups_left_out)

    @property
    def uncertain_series(self) -> int:
        return self._uncertain_series

    @property
    def roles_found(self) -> frozenset[Role]:
        return frozenset(self._roles_found)

    def has(self, role: Role) -> bool:
        return role in self._roles_found

    def finished(self) -> Measured:
        """The events as a whole under `()`, then by group, all with the objective's coverage."""
        coverage = coverage_ratio(self.coverage)
        return Measured(
            {group: self._series(group, coverage) for group in [(), *sorted(self._groups)]},
            data_notes(
                self.objective, self._roles_found, len(self._groups), len(self._groups_left_out), self._uncertain_series
            ),
        )

    def _series(self, group: Group, coverage: Values) -> EventSeries:
        nothing = np.zeros(self.interval.minutes)
        total = self.minutes.get((Role.TOTAL, group), nothing)
        good = self.minutes.get((Role.GOOD, group), nothing)
        bad = self.minutes.get((Role.BAD, group), nothing)
        start = self.interval.start
        if counts_good(self.objective):
            return EventSeries.from_good_minutes(start, good, total, coverage)
        return EventSeries.from_minutes(start, bad, total, coverage)

    def _spread(self, role: Role, group: Group, increases: Increases) -> None:
        minutes = spread(increases.begin, increases.end, increases.amount, self.interval)
        known = self.minutes.get((role, group))
        if known is None:
            self.minutes[role, group] = minutes
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

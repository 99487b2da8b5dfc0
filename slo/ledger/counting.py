"""One objective's count, step by step: samples in, complete minutes out, every sample used once. Pure.

A step counts the samples after the checkpoint's horizon. Minutes are complete once every target that is still
scraped has had its next scrape; the rest stays open. What a gap or a late first sample adds to minutes that were
complete before comes as amendments.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from slo.births import Births, Origins
from slo.count import Increases, count_increases, count_observations
from slo.coverage import Coverage, coverage_ratio
from slo.events import Counts, Minutes
from slo.ledger.checkpoint import Checkpoint
from slo.ledger.stretch import FULL, Provenance, Stretch
from slo.ledger.totals import Totals, whole_minutes
from slo.objective import Group, Objective
from slo.samples import Cursors, SeriesSamples, Target, Values, place_of
from slo.source.probe import is_good
from slo.source.query_plan import Role, counts_good
from slo.source.tally import Tally
from slo.units import MINUTE_MS
from slo.window import Interval

_EXPIRES_MS = 24 * 60 * MINUTE_MS
_LONGEST_SCRAPE_MINUTES = 5


class Late(Enum):
    """What becomes of events of minutes that were complete before the step: added to them, counted in the first open
    minute, or left out because they have been counted before."""

    AMEND = "amend"
    FOLD = "fold"
    DROP = "drop"


class Found(NamedTuple):
    """What was read of one objective's series, and which of them count for each of its roles."""

    samples: Sequence[SeriesSamples]
    roles: Mapping[Role, npt.NDArray[np.bool_]]
    undefined: int = 0
    """Samples left out because they are NaN or infinite."""


class Counted(NamedTuple):
    """The minutes that a step completed, and what it adds to minutes completed before; by group."""

    complete: Mapping[Group, Stretch]
    amendments: Mapping[Group, Stretch]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """The samples of one step counted, but not yet its minutes closed."""

    before: Checkpoint
    cursors: Cursors
    tally: Tally

    @property
    def silent_targets(self) -> dict[Target, int]:
        """Targets that stopped being scraped in this step: is `up` still there for them?"""
        return self.tally.silent_targets(since_minute=self.before.horizon)


def unexplained_births(found: Found, before: Checkpoint) -> dict[Target, int]:
    """Targets whose first values need to be explained by `Origins`, as in slo/births.py."""
    if all(one.key in before.cursors.series for one in found.samples):
        return {}
    return Births(found.samples, before.cursors, Origins()).unexplained()


def count_step(objective: Objective, before: Checkpoint, found: Found, origins: Origins, until: int) -> Step:
    """Count the samples between the checkpoint's horizon and `until` (a minute)."""
    if Role.OBSERVATION in found.roles:
        increases, values, cursors = count_observations(found.samples, before.cursors)
        parts = {Role.TOTAL: increases, Role.BAD: increases.where(~is_good(objective, values))}
        everything = np.ones(len(found.samples), np.bool_)
        roles = {Role.TOTAL: everything, Role.BAD: everything}
    else:
        increases, cursors = count_increases(found.samples, before.cursors, origins)
        parts, roles = dict.fromkeys(found.roles, increases), dict(found.roles)
    tally = Tally(
        objective, _grid(before, increases, until), targets=before.targets, groups=before.totals.keys() - {()}
    )
    for role, wanted in roles.items():
        chosen = [one for one, is_wanted in zip(found.samples, wanted.tolist(), strict=True) if is_wanted]
        if role is Role.TOTAL:
            tally.cover(chosen)
        tally.add(role, chosen, parts[role].of(wanted))
    return Step(before, cursors, tally)


def close_step(
    step: Step, lost: Collection[Target], provenance: Provenance, late_events: Late
) -> tuple[Checkpoint, Counted]:
    """The checkpoint after a step, and its minutes.

    lost: silent targets that are still there.
    """
    before, tally = step.before, step.tally
    tally.miss(set(lost).intersection(step.silent_targets))
    late = before.edge - tally.interval.start
    minutes = _with_open(tally, before, late)
    if late and late_events is not Late.AMEND:
        for values in minutes.values():
            values[late] += values[:late].sum() if late_events is Late.FOLD else 0.0
            values[:late] = 0.0
    opened = before.open_coverage.seen.size
    coverage = Coverage(*(values[late:].copy() for values in tally.coverage))
    for values, known in zip(coverage, before.open_coverage, strict=True):
        values[:opened] += known
    edge = max(before.edge, tally.interval.end - _scrape_minutes(tally))
    closed = edge - before.edge
    covered = np.rint(coverage_ratio(coverage)[:closed] * FULL).astype(np.int16)
    complete: dict[Group, Stretch] = {}
    amendments: dict[Group, Stretch] = {}
    totals = dict(before.totals)
    for group in [(), *sorted(tally.groups)]:
        ours = _Numbers.of(tally.objective, minutes, group, tally.interval.minutes)
        so_far = totals.get(group, Totals())
        if ours.part(0, late).any():
            good, bad, added = ours.part(0, late).whole(Totals())
            nothing = np.zeros(late, np.int16)
            amendments[group] = Stretch.of(tally.interval.start, good, bad, nothing, Provenance.NONE)
            so_far = so_far.plus(added)
        good, bad, totals[group] = ours.part(late, late + closed).whole(so_far)
        of_whole = np.zeros(closed, np.int16) if group else covered
        complete[group] = Stretch.of(before.edge, good, bad, of_whole, provenance)
    after = Checkpoint(
        horizon=tally.interval.end,
        edge=edge,
        cursors=_without_expired(step.cursors, tally.interval.end),
        targets={t: c for t, c in tally.targets.items() if not _is_expired(c.expected_from, tally.interval.end)},
        open={place: values[late + closed :] for place, values in minutes.items() if values[late + closed :].any()},
        open_coverage=Coverage(coverage.seen[closed:], coverage.expected[closed:]),
        totals=totals,
        roles_found=before.roles_found | tally.roles_found,
        uncertain=_uncertain(before, tally),
        groups_left_out=max(before.groups_left_out, tally.groups_left_out),
    )
    return after, Counted(complete, amendments)


class _Numbers(NamedTuple):
    """Fractional events of one group's minutes: what its objective counts, and all."""

    numerator: Minutes
    total: Minutes
    counts_good: bool

    @classmethod
    def of(
        cls, objective: Objective, minutes: Mapping[tuple[Role, Group], Values], group: Group, size: int
    ) -> _Numbers:
        good = counts_good(objective)
        nothing = np.zeros(size)
        role = Role.GOOD if good else Role.BAD
        return cls(minutes.get((role, group), nothing), minutes.get((Role.TOTAL, group), nothing), good)

    def part(self, low: int, high: int) -> _Numbers:
        return _Numbers(self.numerator[low:high], self.total[low:high], self.counts_good)

    def any(self) -> bool:
        return bool(self.numerator.any() or self.total.any())

    def whole(self, known: Totals) -> tuple[Counts, Counts, Totals]:
        return whole_minutes(known, self.numerator, self.total, counts_good=self.counts_good)


def _grid(before: Checkpoint, increases: Increases, until: int) -> Interval:
    """From the first minute that an increase reaches back to; never before the count began."""
    earliest = int(increases.begin.min(initial=before.edge * MINUTE_MS)) // MINUTE_MS
    return Interval(min(before.edge, max(earliest, before.cursors.since // MINUTE_MS)), until)


def _with_open(tally: Tally, before: Checkpoint, late: int) -> dict[tuple[Role, Group], Values]:
    """The tally's minutes, and what was open before on top."""
    minutes = dict(tally.minutes)
    for place, values in before.open.items():
        whole = minutes.setdefault(place, np.zeros(tally.interval.minutes))
        whole[late : late + values.size] += values
    return minutes


def _scrape_minutes(tally: Tally) -> int:
    """How long to wait for the next scrape of every target: the longest interval of those scraped lately."""
    recent = (tally.interval.end - 2 * _LONGEST_SCRAPE_MINUTES) * MINUTE_MS
    longest = max((cursor.interval for cursor in tally.targets.values() if cursor.last > recent), default=0)
    return min(max(-(-longest // MINUTE_MS), 1), _LONGEST_SCRAPE_MINUTES)


def _is_expired(last: int, at_minute: int) -> bool:
    return last < at_minute * MINUTE_MS - _EXPIRES_MS


def _without_expired(cursors: Cursors, at_minute: int) -> Cursors:
    """Without the series of targets that are long gone: under churn there would be millions.

    A series that is absent while its target lives is kept: it may be back with the counts that it had.
    """
    alive = {target: cursor for target, cursor in cursors.targets.items() if not _is_expired(cursor.last, at_minute)}
    if len(alive) == len(cursors.targets):
        return cursors
    series = {key: cursor for key, cursor in cursors.series.items() if place_of(key) in alive}
    restarts = {target: at for target, at in cursors.restarts.items() if target in alive}
    return replace(cursors, series=series, targets=alive, restarts=restarts)


def _uncertain(before: Checkpoint, tally: Tally) -> Mapping[int, int]:
    """Series without a known start, by day."""
    if not tally.uncertain_series:
        return before.uncertain
    day = tally.interval.end // 1440
    return {**before.uncertain, day: before.uncertain.get(day, 0) + tally.uncertain_series}

"""Which series the objectives need, and the fewest queries that bring them all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from slo.objective import LatencySLI, Objective, ProbeSLI
from slo.promql.le import le_spellings
from slo.selector import Matcher, MatchOp, Selector
from slo.window import Interval


class Role(Enum):
    """What the events of a selector are to an objective."""

    TOTAL = "total"
    BAD = "bad"
    GOOD = "good"
    OBSERVATION = "observation"


@dataclass(frozen=True, slots=True)
class Use:
    """One objective's need of one selector."""

    objective: Objective
    role: Role
    selector: Selector


@dataclass(frozen=True, slots=True)
class Query:
    """One set of series to read once, over all the time that any of its uses needs."""

    selector: Selector
    interval: Interval
    uses: tuple[Use, ...]

    @property
    def is_gauge(self) -> bool:
        return self.uses[0].role is Role.OBSERVATION


def uses_of(objective: Objective) -> tuple[Use, ...]:
    """The selectors that an objective's events are counted from."""
    sli = objective.sli
    if isinstance(sli, ProbeSLI):
        return (Use(objective, Role.OBSERVATION, sli.series),)
    if isinstance(sli, LatencySLI):
        bucket = sli.histogram.renamed(f"{sli.histogram.metric}_bucket")
        return (
            Use(objective, Role.TOTAL, sli.histogram.renamed(f"{sli.histogram.metric}_count")),
            Use(objective, Role.GOOD, bucket.where("le", MatchOp.REGEX, le_spellings(sli.threshold))),
        )
    numerator = Use(objective, Role.BAD, sli.bad) if sli.bad else None
    if sli.good:
        numerator = Use(objective, Role.GOOD, sli.good)
    assert numerator is not None
    return (Use(objective, Role.TOTAL, sli.total), numerator)


def counts_good(objective: Objective) -> bool:
    """Whether good events are counted and bad ones are the rest, instead of bad ones themselves."""
    return any(use.role is Role.GOOD for use in uses_of(objective))


def plan_queries(needs: Iterable[tuple[Objective, Interval]]) -> list[Query]:
    """Queries such that each use's series are among its query's, and no query's are all among another's."""
    intervals: dict[str, Interval] = {}
    uses: list[Use] = []
    for objective, interval in needs:
        intervals[objective.id] = interval
        uses += uses_of(objective)
    served: dict[tuple[Selector, bool], list[Use]] = {}
    covers: dict[tuple[str, bool, Matcher | None], list[Selector]] = {}
    for use in sorted(uses, key=lambda use: len(use.selector.matchers)):
        is_gauge = use.role is Role.OBSERVATION
        cover = _cover(use.selector, is_gauge, covers)
        if cover is None:
            cover = use.selector
            covers.setdefault((cover.metric, is_gauge, min(cover.matchers, default=None)), []).append(cover)
        served.setdefault((cover, is_gauge), []).append(use)
    return [
        Query(selector, _hull(intervals[use.objective.id] for use in users), tuple(users))
        for (selector, _), users in served.items()
    ]


def _cover(
    selector: Selector, is_gauge: bool, covers: dict[tuple[str, bool, Matcher | None], list[Selector]]
) -> Selector | None:
    """A chosen selector that covers this one; each stands under one of its matchers, so few are looked at."""
    for matcher in (None, *sorted(selector.matchers)):
        for cover in covers.get((selector.metric, is_gauge, matcher), ()):
            if cover.covers(selector):
                return cover
    return None


def _hull(intervals: Iterable[Interval]) -> Interval:
    every = list(intervals)
    return Interval(min(one.start for one in every), max(one.end for one in every))

"""What one step reads for many objectives at once: few queries, each series handed to the objectives it counts for."""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from slo.births import Origins
from slo.errors import SourceError
from slo.ledger.counting import Found
from slo.objective import Objective
from slo.promql.match import matches
from slo.samples import SeriesKey, SeriesSamples, Target
from slo.selector import Matcher, MatchOp, Selector
from slo.source.buckets import canonical_buckets
from slo.source.protocol import SampleReader
from slo.source.query_plan import Query, Role, Use, plan_queries, uses_of
from slo.source.targets import read_origins
from slo.window import Interval

_NO_TIMES, _NO_VALUES = np.zeros(0, np.int64), np.zeros(0)
_MERGED_AT_MOST = 100
"""Selectors that one query stands for: with thirty series each it answers with 3,000."""


@dataclass(slots=True, eq=False)
class MergedQuery:
    """One question for the series of many uses. by_value: the uses by the value of the label that tells them apart."""

    selector: Selector
    label: str | None
    by_value: Mapping[str, Sequence[Use]]
    _series: dict[SeriesKey, tuple[SeriesSamples, tuple[tuple[str, int], ...]]]

    @property
    def objective_ids(self) -> set[str]:
        return {use.objective.id for uses in self.by_value.values() for use in uses}

    def forget_if_over(self, limit: int) -> None:
        """Under churn most series that were ever seen are gone."""
        if len(self._series) > limit:
            self._series.clear()

    def shares_of(self, one: SeriesSamples) -> tuple[tuple[str, int], ...]:
        """The objectives that a series counts for, each with the roles that it has there, as bits."""
        known = self._series.get(one.key)
        if known is None:
            asked = self.by_value.get(one.labels.get(self.label, "") if self.label else "", ())
            shares = _shares(use for use in asked if matches(use.selector, one.labels))
            first = SeriesSamples(
                {sys.intern(name): sys.intern(value) for name, value in one.labels.items()}, _NO_TIMES, _NO_VALUES
            )
            known = self._series[first.key] = (first, shares)
        # Every answer brings the labels anew: cursors are to keep one copy of them, not one for each.
        one.identify_as(known[0])
        return known[1]


class ReadingPlan:
    """The queries for a set of objectives, and what their answers mean to each."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self.objectives = {objective.id: objective for objective in objectives}
        self.queries = merged(plan_queries((objective, Interval(0, 0)) for objective in objectives))

    def fetch(self, reader: SampleReader, interval: Interval, executor: Executor) -> dict[str, Found | SourceError]:
        """What was found for each objective; where one of its queries failed, why."""
        futures = [executor.submit(reader.read, query.selector, interval) for query in self.queries]
        samples: dict[str, list[SeriesSamples]] = {id_: [] for id_ in self.objectives}
        roles: dict[str, list[int]] = {id_: [] for id_ in self.objectives}
        failures: dict[str, SourceError] = {}
        for query, future in zip(self.queries, futures, strict=True):
            try:
                answer = canonical_buckets(future.result())
            except SourceError as error:
                failures |= dict.fromkeys(query.objective_ids, error)
                continue
            query.forget_if_over(4 * len(answer) + 1000)
            for one in answer:
                for id_, mask in query.shares_of(one):
                    samples[id_].append(one)
                    roles[id_].append(mask)
        return {id_: failures.get(id_) or self._found(id_, samples[id_], roles[id_]) for id_ in self.objectives}

    def origins(
        self, reader: SampleReader, born: Mapping[str, Mapping[Target, int]], interval: Interval
    ) -> dict[str, Origins]:
        """What else is known of the targets on which series appeared, by objective."""
        found = {id_: Origins() for id_ in born}
        for query in self.queries:
            concerned = query.objective_ids & born.keys()
            targets: dict[Target, int] = {}
            for id_ in concerned:
                for target, at in born[id_].items():
                    targets[target] = min(at, targets.get(target, at))
            if targets:
                known = read_origins(reader, query.selector, targets, interval)
                for id_ in concerned:
                    found[id_] = _with(found[id_], known)
        return found

    def _found(self, id_: str, samples: list[SeriesSamples], masks: list[int]) -> Found:
        """Left out is what is no number: one such sample would otherwise stop the count for good."""
        bits = np.array(masks, np.int64)
        defined = _defined(samples)
        undefined = 0
        if defined is not samples:
            undefined = sum(one.times.size for one in samples) - sum(one.times.size for one in defined)
        roles = {use.role: bits & _BIT[use.role] > 0 for use in uses_of(self.objectives[id_])}
        return Found(defined, roles, undefined)


_BIT = {role: 1 << position for position, role in enumerate(Role)}


def _shares(uses: Iterable[Use]) -> tuple[tuple[str, int], ...]:
    masks: dict[str, int] = {}
    for use in uses:
        masks[use.objective.id] = masks.get(use.objective.id, 0) | _BIT[use.role]
    return tuple(masks.items())


def merged(queries: Iterable[Query]) -> list[MergedQuery]:
    """Queries that differ in one label's value only, a hundred to a question.

    Source: range vectors cannot be joined by `or`, but matchers can: {service=~"a|b"}.
    """
    every = list(queries)
    popular = Counter(key for query in every for key in _keys(query))
    groups: dict[tuple[Selector, bool, str], list[tuple[str, Query]]] = defaultdict(list)
    single = []
    for query in every:
        keys = _keys(query)
        best = max(keys, key=lambda key: (popular[key], key[2]), default=None)
        if best is None or popular[best] < 2:
            single.append(query)
        else:
            groups[best].append((keys[best], query))
    found = [MergedQuery(query.selector, None, {"": query.uses}, {}) for query in single]
    for (rest, _, label), members in groups.items():
        members.sort(key=lambda member: member[0])
        for low in range(0, len(members), _MERGED_AT_MOST):
            part = dict(members[low : low + _MERGED_AT_MOST])
            selector = rest.where(label, MatchOp.REGEX, "|".join(re.escape(value) for value in part))
            found.append(MergedQuery(selector, label, {value: query.uses for value, query in part.items()}, {}))
    return found


def _keys(query: Query) -> dict[tuple[Selector, bool, str], str]:
    """What is left of a query's selector without one of its equality matchers, and the value of that."""
    return {
        (Selector(query.selector.metric, query.selector.matchers - {one}), query.is_gauge, one.label): one.value
        for one in query.selector.matchers
        if isinstance(one, Matcher) and one.op is MatchOp.EQUAL and one.value
    }


def _defined(samples: list[SeriesSamples]) -> list[SeriesSamples]:
    if not samples or np.isfinite(np.concatenate([one.values for one in samples])).all():
        return samples
    masks = [np.isfinite(one.values) for one in samples]
    return [
        SeriesSamples(one.labels, one.times[mask], one.values[mask]) for one, mask in zip(samples, masks, strict=True)
    ]


def _with(first: Origins, second: Origins) -> Origins:
    return Origins(
        {**first.started, **second.started}, {**first.created, **second.created}, {**first.scraped, **second.scraped}
    )

"""Series that an indicator's selectors match, made up for tests: one that counts, or several that do together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from slo.objective import Comparison, LatencySLI, Objective, ProbeSLI, RatioSLI
from slo.promql.match import matches
from slo.selector import Matcher, MatchOp, Selector

_PLAIN_VALUES = ("", "a", "ok", "200", "500", "GET", "0")


@dataclass(frozen=True, slots=True)
class Example:
    """A series, and which events it counts. failing, passing: the values of a gauge, where it is one."""

    metric: str
    labels: tuple[tuple[str, str], ...]
    counts_good: bool
    counts_bad: bool
    passing: float | None = None
    failing: float | None = None


def example_series(objective: Objective) -> list[Example]:
    """Series from which the objective is counted; every group label has a value.

    Raises ValueError where no value is found that a selector matches.
    """
    sli = objective.sli
    groups = _one_group(objective)
    if isinstance(sli, ProbeSLI):
        passing, failing = _values(sli)
        labels = _labels([sli.series], groups)
        return [Example(sli.series.metric, labels, True, True, passing, failing)]
    if isinstance(sli, LatencySLI):
        labels = _labels([sli.histogram], groups)
        bucket = (*labels, ("le", f"{float(sli.threshold):.15g}"))
        metric = sli.histogram.metric
        return [Example(f"{metric}_count", labels, True, True), Example(f"{metric}_bucket", bucket, True, False)]
    return list(_of_ratio(sli, groups))


def _one_group(objective: Objective) -> list[Matcher]:
    """The group that all the series belong to: a value of each label that every selector allows."""
    sli = objective.sli
    if isinstance(sli, RatioSLI):
        selectors = [one for one in (sli.total, sli.bad, sli.good) if one]
    else:
        selectors = [sli.histogram if isinstance(sli, LatencySLI) else sli.series]
    wanted = [matcher for selector in selectors for matcher in selector.matchers if matcher.label in objective.group_by]
    found = _solved([*wanted, *(Matcher(label, MatchOp.NOT_EQUAL, "") for label in objective.group_by)])
    return [Matcher(label, MatchOp.EQUAL, value) for label, value in found.items()]


def _of_ratio(sli: RatioSLI, groups: Sequence[Matcher]) -> Iterator[Example]:
    """Where the numerator's series are some of the total's, two that add up; else one for each."""
    part = sli.bad or sli.good
    assert part is not None
    if part.metric == sli.total.metric:
        yield Example(part.metric, _labels([part, sli.total], groups), sli.bad is None, sli.bad is not None)
        yield Example(part.metric, _labels([sli.total], groups, but=part), sli.bad is not None, sli.bad is None)
        return
    yield Example(part.metric, _labels([part], groups), sli.bad is None, sli.bad is not None)
    yield Example(sli.total.metric, _labels([sli.total], groups), True, True)


def _labels(
    selectors: Sequence[Selector], more: Sequence[Matcher], but: Selector | None = None
) -> tuple[tuple[str, str], ...]:
    """Labels that satisfy all selectors, and not the one in `but`."""
    wanted = [matcher for selector in selectors for matcher in selector.matchers] + list(more)
    if but is None:
        return tuple(sorted(_solved(wanted).items()))
    for refused in sorted(but.matchers):
        try:
            found = _solved(wanted, refused)
        except ValueError:
            continue
        if not matches(but, found):
            return tuple(sorted(found.items()))
    raise ValueError("no labels were found that the selector of all events matches, and that of some does not")


def _solved(wanted: Sequence[Matcher], refused: Matcher | None = None) -> dict[str, str]:
    labels = {}
    names = {matcher.label for matcher in wanted} | ({refused.label} if refused else set())
    for name in sorted(names):
        own = [matcher for matcher in wanted if matcher.label == name]
        candidates = [value for matcher in (*own, *([refused] if refused else [])) for value in _candidates(matcher)]
        for value in (*candidates, *_PLAIN_VALUES):
            is_refused = refused is not None and refused.label == name and _holds(refused, value)
            if all(_holds(matcher, value) for matcher in own) and not is_refused:
                labels[name] = value
                break
        else:
            raise ValueError(f"no value was found for the label {name} that {own[0].value!r} matches")
    return {name: value for name, value in labels.items() if value}


def _holds(matcher: Matcher, value: str) -> bool:
    return matches(Selector("any", frozenset([matcher])), {matcher.label: value} if value else {})


def _candidates(matcher: Matcher) -> Iterable[str]:
    """Values that may fit: the text itself, and for a pattern what is left of each alternative without its signs."""
    if matcher.op in (MatchOp.EQUAL, MatchOp.NOT_EQUAL):
        return [matcher.value] if matcher.op is MatchOp.EQUAL else []
    plain = matcher.value.strip("^$")
    alternatives = [plain, *re.split(r"\|", plain)]
    return [_without_signs(text) for text in alternatives]


def _without_signs(pattern: str) -> str:
    text = re.sub(r"\(\?[a-z:]*|[()^$]", "", pattern)
    text = re.sub(r"\[\^?(\\.|[^\]])[^\]]*\]", r"\1", text)
    text = re.sub(r"\\d", "0", text)
    text = re.sub(r"\\w", "a", text)
    text = text.replace(".*", "").replace(".+", "x")
    text = re.sub(r"(?<!\\)\.", "0", text)
    text = re.sub(r"\{\d+(,\d*)?\}|(?<!\\)[*+?]", "", text)
    return re.sub(r"\\(.)", r"\1", text)


def _values(probe: ProbeSLI) -> tuple[float, float]:
    """A value of the gauge that is good, and one that is not."""
    compare: dict[Comparison, Any] = {
        Comparison.EQUAL: lambda value: value == probe.value,
        Comparison.NOT_EQUAL: lambda value: value != probe.value,
        Comparison.LESS: lambda value: value < probe.value,
        Comparison.LESS_OR_EQUAL: lambda value: value <= probe.value,
        Comparison.GREATER: lambda value: value > probe.value,
        Comparison.GREATER_OR_EQUAL: lambda value: value >= probe.value,
    }
    is_good = compare[probe.comparison]
    candidates = [1.0, 0.0, probe.value, probe.value + 1, probe.value - 1]
    return next(filter(is_good, candidates)), next(value for value in candidates if not is_good(value))

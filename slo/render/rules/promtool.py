"""Tests of the generated rules for `promtool test rules`: what the alerts must do, by theory and not by the rules.

Theory: while everything fails, t minutes into it a window of W minutes has the error ratio t / W, so that a pair's
alert begins after W f b, and ends S (1 - f b) after the failure with the short window S. The rules may be three
minutes later: they sum five-minute counts, once a minute, from samples of the minute before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import yaml

from slo.alert_policy import WindowPair
from slo.binomial import binomial_tail
from slo.generated import GeneratedFile
from slo.objective import Objective, ProbeSLI, RatioSLI
from slo.promql.text import selector_text
from slo.render.rules.alerts import LEAST_CHANCE, can_fire
from slo.render.rules.example import Example, example_series
from slo.render.rules.files import MADE_BY
from slo.render.rules.ratios import window_text
from slo.selector import Matcher, MatchOp, Selector

LATER_MINUTES = 3
_BUSY = 600
"""Events a minute."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Minutes of equal traffic: good and bad events in each; None while there are no samples."""

    minutes: int
    good: float | None
    bad: float = 0.0


def render_tests(objectives: Sequence[Objective]) -> list[GeneratedFile]:
    """A test file for each service, beside the plain rule files: tests/SERVICE.yaml."""
    files = []
    for service, run in groupby(sorted(objectives, key=lambda one: one.service), key=lambda one: one.service):
        tests: list[dict[str, Any]] = []
        remarks: list[str] = []
        for objective in run:
            if objective.time_slices:
                continue
            try:
                tests += _tests_of(objective)
            except ValueError as error:
                remarks.append(f"# {objective.id} has no tests: {error}\n")
        document = {"rule_files": [f"../{service}.yaml"], "evaluation_interval": "1m", "tests": tests}
        text = yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=110)
        files.append(GeneratedFile(f"tests/{service}.yaml", (MADE_BY, *remarks, text)))
    return files


def _tests_of(objective: Objective) -> Iterator[dict[str, Any]]:
    series = example_series(objective)
    yield from _outage(objective, series)
    if isinstance(objective.sli, ProbeSLI):
        return
    quiet = "stays silent"
    yield _silent(objective, f"without traffic it {quiet}", series, [Stretch(90, 0)])
    single = [Stretch(40, 0), Stretch(1, 0, 1), Stretch(60, 0)]
    yield _silent(objective, f"with one request, which fails, it {quiet}", series, single)
    if isinstance(objective.sli, RatioSLI) and objective.sli.bad:
        only_good = [one for one in series if one.counts_good]
        yield _silent(objective, f"without error series it {quiet}", only_good, [Stretch(90, _BUSY)], ratio=0)
    yield _silent(objective, f"through a counter reset it {quiet}", series, [Stretch(90, _BUSY)], reset_at=45)
    yield _silent(objective, f"through a change of pods it {quiet}", series, [Stretch(90, _BUSY)], swap_at=45)
    gap = [Stretch(45, _BUSY), Stretch(6, None), Stretch(45, _BUSY)]
    yield _silent(objective, f"through a gap it {quiet}", series, gap)


def _outage(objective: Objective, series: Sequence[Example]) -> Iterator[dict[str, Any]]:
    """The first pair that is raised begins and ends when theory says."""
    policy = objective.alert_policy
    pairs = [pair for pair in policy.pairs if policy.notification(pair.severity).enabled and can_fire(objective, pair)]
    if not pairs:
        return
    pair, raised = pairs[0], policy.notification(pairs[0].severity)
    events = 1 if isinstance(objective.sli, ProbeSLI) else _BUSY
    begins = _begins(objective, pair, events) + raised.for_minutes
    before = pair.long_minutes + 10
    fails = math.ceil(begins) + 30
    over = before + fails
    threshold = pair.factor(objective.window.nominal_minutes) * float(objective.budget_ratio)
    ends = pair.short_minutes * (1 - threshold)
    stretches = [Stretch(before, events), Stretch(fails, 0, events), Stretch(math.ceil(ends) + 15, events)]
    firing = _alerts(objective, pair)
    checks = [
        _check(firing, before + max(math.floor(begins) - 1, 0), None),
        _check(firing, before + math.ceil(begins) + LATER_MINUTES, 1),
        _check(firing, over + max(math.floor(ends) - 1, 0), 1),
        _check(firing, over + math.ceil(ends) + LATER_MINUTES + raised.keep_firing_for_minutes, None),
    ]
    name = (
        f"{objective.id}: everything fails for {fails} minutes: {pair.severity} over {window_text(pair.long_minutes)}"
    )
    yield _test(name, objective, series, stretches, checks)


def _begins(objective: Objective, pair: WindowPair, events: int) -> float:
    """Minutes into a total outage until the long window burns fast enough, and chance no longer explains it."""
    share = float(objective.budget_ratio)
    burns = pair.long_minutes * pair.factor(objective.window.nominal_minutes) * share
    if not objective.alert_policy.needs_evidence:
        return burns
    total = events * pair.long_minutes
    bad = next(bad for bad in range(2, total + 1) if binomial_tail(bad, total, share) < float(LEAST_CHANCE))
    return max(burns, bad / events)


def _silent(
    objective: Objective,
    name: str,
    series: Sequence[Example],
    stretches: Sequence[Stretch],
    *,
    ratio: float | None = None,
    reset_at: int = 0,
    swap_at: int = 0,
) -> dict[str, Any]:
    minutes = sum(stretch.minutes for stretch in stretches)
    any_alert = f'count(ALERTS{{alertstate="firing",slo="{objective.id}"}}) > bool 0'
    checks = [_check(any_alert, at, None) for at in range(40, minutes, 6)]
    if ratio is not None:
        checks.append(_check(f'max(slo:error_ratio:5m{{slo="{objective.id}"}})', minutes - 1, ratio))
    return _test(f"{objective.id}: {name}", objective, series, stretches, checks, reset_at=reset_at, swap_at=swap_at)


def _alerts(objective: Objective, pair: WindowPair) -> str:
    labels = {
        "alertname": "ErrorBudgetBurn",
        "alertstate": "firing",
        "slo": objective.id,
        "severity": pair.severity,
        "long_window": window_text(pair.long_minutes),
    }
    matchers = frozenset(Matcher(name, MatchOp.EQUAL, value) for name, value in labels.items())
    return f"count({selector_text(Selector('ALERTS', matchers))}) > bool 0"


def _check(expr: str, at_minute: int, value: float | None) -> dict[str, Any]:
    samples = [] if value is None else [{"labels": "{}", "value": value}]
    return {"expr": expr, "eval_time": f"{at_minute}m", "exp_samples": samples}


def _test(
    name: str,
    objective: Objective,
    series: Sequence[Example],
    stretches: Sequence[Stretch],
    checks: Sequence[dict[str, Any]],
    *,
    reset_at: int = 0,
    swap_at: int = 0,
) -> dict[str, Any]:
    """swap_at: the minute from which other pods do the work; reset_at: the minute in which counters begin again."""
    minutes = sum(stretch.minutes for stretch in stretches)
    inputs = []
    pods = [("a", 0, swap_at or minutes)] + ([("b", swap_at, minutes)] if swap_at else [])
    for pod, begin, end in pods:
        target = {"job": "test", "instance": pod}
        for one in series:
            values = _samples(one, stretches, reset_at)
            shown = [*["_"] * begin, *(_from_zero(values[begin:end]) if begin else values[:end])]
            inputs.append({"series": _series_text(one, {**target, **dict(one.labels)}), "values": _notation(shown)})
        up = [*["_"] * begin, *["1"] * (end - begin)]
        inputs.append({"series": f'up{{instance="{pod}",job="test"}}', "values": _notation(up)})
    return {"name": name, "interval": "1m", "input_series": inputs, "promql_expr_test": list(checks)}


def _samples(one: Example, stretches: Sequence[Stretch], reset_at: int) -> list[str]:
    """A sample a minute: what a counter has come to, or what a gauge shows."""
    value, found = 0.0, []
    for stretch in stretches:
        for _ in range(stretch.minutes):
            if stretch.good is None:
                found.append("_")
                continue
            if one.passing is not None:
                found.append(f"{one.failing if stretch.bad else one.passing:g}")
                continue
            if reset_at and len(found) == reset_at:
                value = 0.0
            value += stretch.good * one.counts_good + stretch.bad * one.counts_bad
            found.append(f"{value:.15g}")
    return found


def _from_zero(values: Sequence[str]) -> list[str]:
    """What a counter shows that began with the first of these."""
    first = next((float(value) for value in values if value != "_"), 0.0)
    return [value if value == "_" else f"{float(value) - first:.15g}" for value in values]


def _series_text(one: Example, labels: dict[str, str]) -> str:
    matchers = frozenset(Matcher(name, MatchOp.EQUAL, value) for name, value in labels.items() if value)
    return selector_text(Selector(one.metric, matchers))


def _notation(values: Sequence[str]) -> str:
    """promtool's shorthand: runs of equal steps as `first+stepxcount`."""
    parts, at = [], 0
    while at < len(values):
        run = at + 1
        if values[at] == "_":
            while run < len(values) and values[run] == "_":
                run += 1
            parts.append(f"_x{run - at}")
        else:
            step = float(values[run]) - float(values[at]) if run < len(values) and values[run] != "_" else 0.0
            while run < len(values) and values[run] != "_" and float(values[run]) - float(values[run - 1]) == step:
                run += 1
            sign = "-" if step < 0 else "+"
            parts.append(f"{values[at]}{sign}{abs(step):.15g}x{run - at - 1}")
        at = run
    return " ".join(parts)

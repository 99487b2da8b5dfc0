"""The base of all other rules: bad and total events of five minutes, recorded every minute from raw series.

Every window is then a ratio of sums over these counts. They overlap five times, so that each event is counted in five
evaluations whatever its second: counts that merely adjoin lose what happens between the last sample of one interval
and the first of the next, which for errors that come with the clock is all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from slo.objective import Comparison, LatencySLI, Objective, ProbeSLI
from slo.promql.le import le_spellings
from slo.promql.text import selector_text
from slo.render.rules.rule import Rule
from slo.selector import MatchOp, Selector

TOTAL, BAD = "slo:total_events:increase5m", "slo:bad_events:increase5m"
OVERLAP = 5
"""In so many evaluations each event is counted: minutes of the increase over minutes between evaluations."""

_OPPOSITE = {
    Comparison.EQUAL: Comparison.NOT_EQUAL,
    Comparison.NOT_EQUAL: Comparison.EQUAL,
    Comparison.LESS: Comparison.GREATER_OR_EQUAL,
    Comparison.GREATER_OR_EQUAL: Comparison.LESS,
    Comparison.GREATER: Comparison.LESS_OR_EQUAL,
    Comparison.LESS_OR_EQUAL: Comparison.GREATER,
}


def count_rules(objective: Objective) -> Iterator[Rule]:
    """Total and bad events: of the objective as a whole and, in the same rule, of each group."""
    for record, expr in ((TOTAL, _total), (BAD, _bad)):
        parts = [expr(objective, grouped=True)] if objective.group_by else []
        yield Rule(record=record, expr="\nor\n".join([*parts, expr(objective, grouped=False)]))


def _total(objective: Objective, *, grouped: bool) -> str:
    sli = objective.sli
    if isinstance(sli, ProbeSLI):
        return _summed(objective, f"count_over_time({_text(objective, sli.series, grouped)}[5m])", grouped)
    total = sli.histogram.renamed(f"{sli.histogram.metric}_count") if isinstance(sli, LatencySLI) else sli.total
    return _summed(objective, _increase(_narrowed(objective, total, grouped)), grouped)


def _bad(objective: Objective, *, grouped: bool) -> str:
    sli = objective.sli
    total = _summed(objective, _recorded_total(objective, grouped), grouped)
    if isinstance(sli, ProbeSLI):
        return _summed(objective, _failed_observations(objective, sli, grouped), grouped)
    if isinstance(sli, LatencySLI):
        # A histogram has all its buckets from the beginning: without this one there is no data, not no good events.
        bucket = sli.histogram.renamed(f"{sli.histogram.metric}_bucket")
        good = bucket.where("le", MatchOp.REGEX, le_spellings(sli.threshold))
        return f"{total}\n-\n{_summed(objective, _increase(_narrowed(objective, good, grouped)), grouped)}"
    if sli.bad is not None:
        bad = _summed(objective, _increase(_narrowed(objective, sli.bad, grouped)), grouped)
        return f"{bad}\nor\n0 * {total}"
    assert sli.good is not None
    good_events = _summed(objective, _increase(_narrowed(objective, sli.good, grouped)), grouped)
    return f"{total}\n-\n(\n{_indented(good_events)}\nor\n  0 * {total}\n)"


def _failed_observations(objective: Objective, probe: ProbeSLI, grouped: bool) -> str:
    """PromQL cannot count samples by their value: the share of time times the number of samples does."""
    series = _text(objective, probe.series, grouped)
    failed = f"{series} {_OPPOSITE[probe.comparison].value} bool {probe.value:.17g}"
    return f"  count_over_time({series}[5m])\n*\n  avg_over_time(({failed})[5m:15s])"


def _increase(selector: Selector) -> str:
    """Events of the last five minutes of every series.

    A series that was there five minutes ago is a plain difference, to which nothing is extrapolated; one that is new
    on a target that was scraped then, or whose process started since, counts from zero, and so does one that has
    fallen; the rest (resets within the five minutes, targets that are new or were away) is what increase() makes of it.
    """
    series = selector_text(selector)
    target = _target_matchers(selector)
    return f"""\
  (
      last_over_time({series}[5m]) - {series} offset 5m >= 0
    unless
      resets({series}[5m]) > 0
  )
or
  (
      {series}
    unless
      {series} offset 5m
    and on (job, instance)
      (up{target} offset 5m == 1 or process_start_time_seconds{target} > time() - 300)
  )
or
  (
      {series} < {series} offset 5m
    unless
      resets({series}[5m]) > 0
  )
or
  increase({series}[5m])"""


def _target_matchers(selector: Selector) -> str:
    """Only these labels are on `up` for certain."""
    matchers = frozenset(one for one in selector.matchers if one.label in ("job", "instance"))
    return selector_text(Selector("up", matchers)).removeprefix("up")


def _summed(objective: Objective, expr: str, grouped: bool) -> str:
    by = f" by ({', '.join(objective.group_by)}) " if grouped else ""
    if "\n" not in expr:
        return f"sum{by}({expr})"
    return f"sum{by}(\n{_indented(expr)}\n)"


def _recorded_total(objective: Objective, grouped: bool) -> str:
    matchers = [f'slo="{objective.id}"', *(f'{label}{"!=" if grouped else "="}""' for label in objective.group_by)]
    return f"{TOTAL}{{{','.join(matchers)}}}"


def _narrowed(objective: Objective, selector: Selector, grouped: bool) -> Selector:
    """What has no value for a label of the groups belongs to the whole alone."""
    for label in objective.group_by if grouped else ():
        selector = selector.where(label, MatchOp.NOT_EQUAL, "")
    return selector


def _text(objective: Objective, selector: Selector, grouped: bool) -> str:
    return selector_text(_narrowed(objective, selector, grouped))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))

"""Alerts on the recorded ratios: one for each pair of windows, and one for events that are no longer measured.

Source: SRE Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

from slo.alert_policy import Notification, WindowPair
from slo.objective import Objective
from slo.render.rules.counts import TOTAL
from slo.render.rules.ratios import budget_text, window_text
from slo.render.rules.rule import Rule
from slo.window import RollingWindow

LEAST_CHANCE = "0.0001"
"""An alert needs so many bad events that chance brings them less often than this while the objective is kept."""


def alert_rules(objective: Objective) -> Iterator[Rule]:
    """The alerts of an objective, most urgent first, each after the evidence that it needs."""
    policy = objective.alert_policy
    pairs = [pair for pair in policy.pairs if policy.notification(pair.severity).enabled and can_fire(objective, pair)]
    if policy.needs_evidence:
        for minutes in sorted({pair.long_minutes for pair in pairs}):
            name, remark = (
                f"slo:by_chance:ratio{window_text(minutes)}",
                "P(so many bad events), were the objective kept",
            )
            yield Rule(record=name, expr=_by_chance(objective, minutes), remark=remark)
    for pair in pairs:
        yield _burn_alert(objective, pair)
    if policy.absent.enabled:
        yield _absent_alert(objective)


def can_fire(objective: Objective, pair: WindowPair) -> bool:
    """Whether the pair's threshold is below 1: a target of 90 % can not burn 14.4 times too fast."""
    factor = Fraction(pair.factor(objective.window.nominal_minutes))
    return 0 < factor * objective.budget_ratio < 1


def notices_on_alerts(objective: Objective) -> Iterator[str]:
    """What the alerts cannot do, and where a factor is not that of the policy."""
    if not objective.budget_ratio:
        yield "a target of 100 % has no budget that could burn: there are no burn-rate alerts"
        return
    period = objective.window.nominal_minutes
    for pair in objective.alert_policy.pairs:
        name = f"the {pair.severity} alert over {window_text(pair.long_minutes)}"
        factor = f"{pair.factor(period):.4g}"
        if not can_fire(objective, pair):
            target = f"{(objective.target_ratio * 100).normalize():f} %"
            yield f"{name} is left out: at a target of {target} not even a total outage burns {factor} times too fast"
        elif pair.budget_share * period < pair.long_minutes:
            share = f"{float(pair.budget_share * 100):.3g} %"
            scaled = float(pair.budget_share * period / pair.long_minutes)
            below = f"{share} of the budget would be {scaled:.3g}, while the objective is kept"
            yield f"{name} fires at a burn rate of 1: {below}"


def _burn_alert(objective: Objective, pair: WindowPair) -> Rule:
    policy, slo = objective.alert_policy, f'{{slo="{objective.id}"}}'
    raised = policy.notification(pair.severity)
    long, short = window_text(pair.long_minutes), window_text(pair.short_minutes)
    threshold = f"{pair.factor(objective.window.nominal_minutes):.15g} * {budget_text(objective)}"
    conditions = [f"slo:error_ratio:{name}{slo} > {threshold}" for name in (long, short)]
    if policy.needs_evidence:
        conditions.append(f"slo:by_chance:ratio{long}{slo} < {LEAST_CHANCE}")
    return Rule(
        alert="ErrorBudgetBurn",
        expr="\nand\n".join(conditions),
        labels={
            **policy.labels,
            **raised.labels,
            "severity": pair.severity,
            "long_window": long,
            "short_window": short,
        },
        annotations={**_annotations(objective, pair), **policy.annotations, **raised.annotations},
        for_minutes=raised.for_minutes,
        keep_firing_for_minutes=raised.keep_firing_for_minutes,
    )


def _by_chance(objective: Objective, minutes: int) -> str:
    """The binomial tail P(X >= k) of k bad among n events at the budget's ratio b, where k >= 2 and k > b n.

    P(X >= k) <= p(k) / (1 - q) with q = (n - k) b / ((k + 1) (1 - b)), the ratio of the next term to this one (Feller,
    An Introduction to Probability Theory, volume 1, VI.3); p(k) with Gosper's form of Stirling's n!. Within 3 % of the
    exact tail, and defined where all events are bad. PromQL has no other way: it can neither loop nor name a value.
    """
    name, slo, b = window_text(minutes), f'{{slo="{objective.id}"}}', budget_text(objective)
    kept = f"{objective.target_ratio.normalize():f}"
    bad, events = f"slo:error_ratio:{name}{slo}", f"slo:total_events:sum{name}{slo}"
    good = f"clamp_min(1 - {bad}, 1e-12)"
    return f"""\
exp(
  - {events}
    * (
      {bad} * ln({bad} / {b})
      + {good}
      * ln({good} / {kept})
    )
  - 0.5 * ln(
    {math.tau:.6g}
    * ({events} * {bad} + 1 / 6)
    * ({events} * {good} + 1 / 6)
    / ({events} + 1 / 6)
  )
  - ln(
    1 - {good}
    * {b} / {kept} / ({bad} + 1 / {events})
  )
)
and
{bad} > {b}
and
slo:bad_events:sum{name}{slo} > 1.5"""


def _annotations(objective: Objective, pair: WindowPair) -> dict[str, str]:
    """What a person needs at night: what burns, how fast, what is left and how long that lasts."""
    long = window_text(pair.long_minutes)
    factor = f"{pair.factor(objective.window.nominal_minutes):.4g}"
    period = objective.window.nominal_minutes
    name = _subject(objective.group_by)
    allowed = float(objective.budget_ratio * 100)
    lines = [
        f"{{{{ $value | humanizePercentage }}}} of the events of the last {long} were bad; {allowed:.6g}% may be.",
        f"The budget burns {_query(objective, f'slo:burn_rate:{long}{_OF}', 'humanize')} times as fast as it may.",
    ]
    if isinstance(objective.window, RollingWindow):
        left = f"clamp_min(slo:budget_remaining:ratio{_OF}, 0)"
        seconds = f"{left} / slo:burn_rate:{long}{_OF} * {period * 60}"
        lines.append(
            f"{_query(objective, left, 'humanizePercentage')} of it is left;"
            f" at this speed that lasts {_query(objective, seconds, 'humanizeDuration')}."
        )
    if objective.description:
        lines.append(f"Promised: {inert(objective.description)}")
    found = {
        "summary": f"{name} burns its error budget over {factor} times too fast",
        "description": " ".join(lines),
    }
    return {**found, **_links(objective)}


def _absent_alert(objective: Objective) -> Rule:
    policy = objective.alert_policy
    raised: Notification = policy.absent
    annotations = {
        "summary": f"{objective.id} is no longer measured",
        "description": (
            "For over 10 minutes there are no series of its total events: nobody knows whether the objective is kept,"
            " and no burn-rate alert can fire. Check its targets, its selectors and Prometheus' rules."
        ),
        **_links(objective),
    }
    return Rule(
        alert="SLOMetricAbsent",
        expr=f'absent_over_time({TOTAL}{{slo="{objective.id}"}}[10m])',
        labels={**policy.labels, **raised.labels, "severity": "ticket"},
        annotations={**annotations, **policy.annotations, **raised.annotations},
        for_minutes=raised.for_minutes,
        keep_firing_for_minutes=raised.keep_firing_for_minutes,
    )


def _links(objective: Objective) -> dict[str, str]:
    policy = objective.alert_policy
    links = {"runbook_url": policy.runbook, "dashboard_url": policy.dashboard}
    return {name: inert(link) for name, link in links.items() if link}


def inert(text: str) -> str:
    """Text in which Prometheus' templates find nothing to run."""
    return text.replace("{{", '{{ "{{" }}')


def _subject(group_by: Sequence[str]) -> str:
    groups = "".join(f"{{{{ with $labels.{label} }}}} {label}={{{{ . }}}}{{{{ end }}}}" for label in group_by)
    return f"{{{{ $labels.slo }}}}{groups}"


_OF = "%[1]s"


def _query(objective: Objective, expr: str, form: str) -> str:
    """A template that shows one value of the alert's own objective and group, or nothing where there is none."""
    labels = ["slo", *objective.group_by]
    matchers = ",".join(f"{label}=%q" for label in labels)
    values = " ".join(f"$labels.{label}" for label in labels)
    of = f'(printf "{{{matchers}}}" {values})'
    return f'{{{{ with printf "{expr}" {of} | query }}}}{{{{ . | first | value | {form} }}}}{{{{ end }}}}'

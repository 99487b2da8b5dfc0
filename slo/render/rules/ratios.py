"""Rules on top of the recorded counts: ratios and burn rates of every window, and the budget of the period.

Everything here depends on an objective through its id, target, window and policy alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slo.objective import Objective
from slo.render.rules.counts import BAD, OVERLAP, TOTAL
from slo.render.rules.rule import Rule
from slo.units import format_duration
from slo.window import RollingWindow

HOUR, DAY = 60, 1440
COVERAGE = "slo:coverage:ratio1h"


def window_text(minutes: int) -> str:
    """As in the names of series: 5m, 1h, 3d."""
    return format_duration(minutes * 60)


def budget_text(objective: Objective) -> str:
    """The budget as a person would write it: `(1 - 0.999)`."""
    return f"(1 - {objective.target_ratio.normalize():f})"


def window_rules(objective: Objective) -> Iterator[Rule]:
    """Sums, error ratios and burn rates of all windows, every minute."""
    slo = f'{{slo="{objective.id}"}}'
    yield from _sum_rules(5, slo)
    summed = summed_windows(objective)
    for minutes in summed:
        yield from _sum_rules(minutes, slo)
    for minutes in objective.alert_policy.window_minutes:
        yield Rule(record=f"slo:error_ratio:{window_text(minutes)}", expr=_ratio(minutes, summed, slo))
    if objective.budget_ratio:
        for minutes in objective.alert_policy.window_minutes:
            name = window_text(minutes)
            expr = f"slo:error_ratio:{name}{slo} / {budget_text(objective)}"
            yield Rule(record=f"slo:burn_rate:{name}", expr=expr)
    yield Rule(record=COVERAGE, expr=f"clamp_max(count_over_time({TOTAL}{_whole(objective)}[1h]) / 60, 1)")
    yield Rule(record="slo:target:ratio", expr=f"vector({objective.target_ratio.normalize():f})")
    yield Rule(record="slo_info", expr="vector(1)", labels=_info(objective))


def period_rules(objective: Objective) -> Iterator[Rule]:
    """The budget of a rolling window, every five minutes; there are none for a calendar's."""
    window = objective.window
    if not isinstance(window, RollingWindow):
        return
    slo, period = f'{{slo="{objective.id}"}}', window_text(window.minutes)
    bad, total = (
        f"sum_over_time({name}{slo}[{period}:5m])" for name in ("slo:bad_events:sum5m", "slo:total_events:sum5m")
    )
    yield Rule(record="slo:error_ratio:period", expr=_share(bad, total))
    if objective.budget_ratio:
        remaining = f"1 - slo:error_ratio:period{slo} / {budget_text(objective)}"
        minutes = f"slo:budget_remaining:ratio{slo} * {window.minutes} * {budget_text(objective)}"
        yield Rule(record="slo:budget_remaining:ratio", expr=remaining)
        yield Rule(record="slo:budget_remaining:minutes", expr=minutes)
    hours = f"{window.minutes / HOUR:.15g}"
    covered = f"sum_over_time({COVERAGE}{_whole(objective)}[{period}:1h])"
    yield Rule(record="slo:period_coverage:ratio", expr=f"clamp_max({covered} / {hours}, 1)")


def summed_windows(objective: Objective) -> Sequence[int]:
    """The windows whose sums are recorded besides 5m: those alerts take counts of, and the hour for longer sums."""
    policy = objective.alert_policy
    long = {pair.long_minutes for pair in policy.pairs} if policy.needs_evidence else set()
    hour = {HOUR} if max(policy.window_minutes, default=0) > DAY else set()
    return sorted(minutes for minutes in long | hour if minutes > 5)


def _sum_rules(minutes: int, slo: str) -> Iterator[Rule]:
    for name, base in (("slo:total_events", TOTAL), ("slo:bad_events", BAD)):
        yield Rule(record=f"{name}:sum{window_text(minutes)}", expr=_sum(name, base, minutes, slo))


def _sum(name: str, base: str, minutes: int, slo: str) -> str:
    """Events of a window: to a day from every minute, beyond it by hours.

    The steps of a subquery lie on whole hours, so that by hours a fresh outage shows after up to an hour.
    """
    if minutes <= DAY:
        return f"sum_over_time({base}{slo}[{window_text(minutes)}]) / {OVERLAP}"
    step = "1h" if minutes % HOUR == 0 else "5m"
    return f"sum_over_time({name}:sum{step}{slo}[{window_text(minutes)}:{step}])"


def _ratio(minutes: int, summed: Sequence[int], slo: str) -> str:
    """Never NaN: without events there is no ratio."""
    name = window_text(minutes)
    has_hours = HOUR in summed
    if minutes in summed:
        bad, total = f"slo:bad_events:sum{name}{slo}", f"slo:total_events:sum{name}{slo}"
    elif minutes <= OVERLAP:
        bad, total = f"{BAD}{slo}", f"{TOTAL}{slo}"
    elif minutes == 2 * HOUR and has_hours:
        bad, total = (_two_hours(f"slo:{of}_events:sum1h{slo}") for of in ("bad", "total"))
    elif minutes <= DAY:
        bad, total = (f"sum_over_time({base}{slo}[{name}])" for base in (BAD, TOTAL))
    else:
        bad, total = (
            _sum(of, base, minutes, slo) for of, base in (("slo:bad_events", BAD), ("slo:total_events", TOTAL))
        )
    return _share(bad, total)


def _two_hours(hour: str) -> str:
    """Two sums that are there already, where there was an hour before this one."""
    return f"({hour} + ({hour} offset 1h or 0 * {hour}))"


def _share(bad: str, total: str) -> str:
    return f"clamp(\n    {bad}\n  /\n    ({total} > 0),\n  0, 1\n)"


def _whole(objective: Objective) -> str:
    """A group is covered when its objective is."""
    return "{" + ",".join([f'slo="{objective.id}"', *(f'{label}=""' for label in objective.group_by)]) + "}"


def _info(objective: Objective) -> dict[str, str]:
    window = objective.window
    period = (
        window_text(window.minutes) if isinstance(window, RollingWindow) else f"{window.unit.value} {window.time_zone}"
    )
    return {"target": f"{(objective.target_ratio * 100).normalize():f}%", "period": period}

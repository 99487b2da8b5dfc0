"""The queries of the dashboards: a figure from the service's exact series where they are scraped, else as recorded.

Never both at once: `or` takes the recorded one only where an objective has no exact one. The target is there for the
objective as a whole alone, and so tells it from its groups, whatever their labels are.
"""

from __future__ import annotations

from collections.abc import Sequence

CHOSEN = 'slo=~"$slo"'
"""The matcher by the variable of the objectives; ids hold nothing that would need escaping."""

KNOWN = '__name__=~"slo_info|slo_target_ratio"'
"""The matcher of series that are there of every objective, from the rules or from the service."""

START = "min_over_time(vector(time())[1m:1m] @ start())"
"""When the time range begins, as a vector: PromQL has no function for it."""


def availability(chosen: str) -> str:
    return _exact_first(
        _whole("slo_availability_ratio", chosen), f"1 - ({_recorded_whole('slo:error_ratio:period', chosen)})"
    )


def budget_remaining(chosen: str) -> str:
    return _figure("slo_budget_remaining_ratio", "slo:budget_remaining:ratio", chosen)


def minutes_remaining(chosen: str) -> str:
    return _figure("slo_budget_remaining_minutes", "slo:budget_remaining:minutes", chosen)


def coverage(chosen: str) -> str:
    return _figure("slo_coverage_ratio", "slo:period_coverage:ratio", chosen)


def target(chosen: str) -> str:
    return f"max by (slo) (slo_target_ratio{{{chosen}}})\nor\nmax by (slo) (slo:target:ratio{{{chosen}}} @ end())"


def burn_rate(window: str, chosen: str) -> str:
    exact = f'slo_burn_rate{{{chosen},window="{window}"}} and ignoring (window) slo_target_ratio{{{chosen}}}'
    return _exact_first(exact, _recorded_whole(f"slo:burn_rate:{window}", chosen))


def error_ratio(window: str, chosen: str) -> str:
    exact = f'slo_burn_rate{{{chosen},window="{window}"}} * ignoring (window) (1 - slo_target_ratio{{{chosen}}})'
    return _exact_first(exact, _recorded_whole(f"slo:error_ratio:{window}", chosen))


def allowed_error_ratio(chosen: str) -> str:
    return f"1 - (\n{_indented(target(chosen))}\n)"


def events_per_minute(kind: str, chosen: str) -> str:
    """kind: bad or total."""
    exact = f"60 * rate(slo_{kind}_events_total{{{chosen}}}[$__rate_interval]) and slo_target_ratio{{{chosen}}}"
    return _exact_first(exact, f"({_recorded_whole(f'slo:{kind}_events:increase5m', chosen)}) / 5")


def state(chosen: str) -> str:
    """-1 no data, 0 ok, 1 an alert fires, 2 the budget is gone; without a budget, whether anything was bad."""
    left, target_ratio = _in_brackets(budget_remaining(chosen)), _in_brackets(target(chosen))
    firing = f'max by (slo) (ALERTS{{alertname="ErrorBudgetBurn",alertstate="firing",{chosen}}})'
    return (
        f"clamp_max(2 * ({left} <= bool 0) + ({firing} or 0 * {left}), 2)\n"
        f"or\n2 * ({_in_brackets(availability(chosen))} < bool 1)\n"
        f"or\n0 * {target_ratio} - 1"
    )


def burn_down() -> str:
    """What was left at each time of what the whole range allows, which is the period: from all of it to the rest.

    Events of five minutes are added up from where the range begins; the last point is the budget remaining. Of what is
    younger than the range, what was left at each time as it was known then.
    """
    exact = f"1 - ({_counter('bad')} - {_counter('bad', ' @ start()')}) / {_exact_budget()}"
    since_start = f"({_five_minutes('bad')}) and on () (vector(time()) > {START})"
    recorded = f"1 - max by (slo) (sum_over_time(({since_start})[$__range:5m])) / {_recorded_budget()}"
    known = f"({_exact_budget()} or {_recorded_budget()})"
    return f"{exact}\nor\n{recorded}\nor\n{_in_brackets(budget_remaining(CHOSEN))} unless {known}"


def even_spend() -> str:
    """From the whole budget to none over the time range."""
    return f"1 - (vector(time()) - {START}) / $__range_s"


def dearest_hours() -> str:
    """The share of the period's budget that went in each hour with bad events."""
    exact = f"({_counter('bad')} - {_counter('bad', ' offset 1h')}) / {_exact_budget()} > 0"
    recorded = f"max by (slo) (sum_over_time(({_five_minutes('bad')})[1h:5m])) / {_recorded_budget()} > 0"
    return f"{exact}\nor\n{recorded}"


def firing(chosen: str) -> str:
    return f'max by (slo, severity, long_window) (ALERTS{{alertname="ErrorBudgetBurn",alertstate="firing",{chosen}}})'


def factor(lines: Sequence[tuple[str, float]]) -> str:
    """The burn rate from which a pair alerts, by matchers of the objectives that it holds for."""

    def there(matchers: str) -> str:
        return f"slo_target_ratio{{{CHOSEN}{matchers}}} or slo_info{{{CHOSEN}{matchers}}} @ end()"

    return "\nor\n".join(f"{value:.15g} * group by (slo) ({there(matchers)})" for matchers, value in lines)


def by_group(exact: str, recorded: str, labels: Sequence[str]) -> str:
    """A figure of each group; `window` is told in `exact` where it has one."""
    by = f"max by (slo, {', '.join(labels)})"
    ignoring = " ignoring (window)" if "window=" in exact else ""
    return (
        f"{by} ({exact} unless{ignoring} slo_target_ratio{{{CHOSEN}}})\n"
        f"or\n{by} ({recorded} unless slo:target:ratio{{{CHOSEN}}} @ end())"
    )


def _counter(kind: str, at: str = "") -> str:
    return f"max by (slo) (slo_{kind}_events_total{{{CHOSEN}}}{at} and slo_target_ratio{{{CHOSEN}}}{at})"


def _five_minutes(kind: str) -> str:
    return _recorded_whole(f"slo:{kind}_events:sum5m", CHOSEN)


def _exact_budget() -> str:
    """The bad events that the range allows, where it allows any and the counters go back to its start."""
    held = f"({_counter('total', ' @ end()')} - {_counter('total', ' @ start()')})"
    return f"({held} * (1 - max by (slo) (slo_target_ratio{{{CHOSEN}}} @ end())) > 0)"


def _recorded_budget() -> str:
    """The same of the rules."""
    held = f"max by (slo) (sum_over_time(({_five_minutes('total')})[$__range:5m] @ end()))"
    return f"({held} * (1 - max by (slo) (slo:target:ratio{{{CHOSEN}}} @ end())) > 0)"


def _figure(exact: str, recorded: str, chosen: str) -> str:
    return _exact_first(_whole(exact, chosen), _recorded_whole(recorded, chosen))


def _exact_first(exact: str, recorded: str) -> str:
    return f"max by (slo) ({exact})\nor\nmax by (slo) ({recorded})"


def _whole(metric: str, chosen: str) -> str:
    return f"{metric}{{{chosen}}} and slo_target_ratio{{{chosen}}}"


def _recorded_whole(metric: str, chosen: str) -> str:
    """The target as it is now: rules may be younger than the history that was filled in for them."""
    return f"{metric}{{{chosen}}} and slo:target:ratio{{{chosen}}} @ end()"


def _in_brackets(query: str) -> str:
    return f"(\n{_indented(query)}\n)"


def _indented(query: str) -> str:
    return "\n".join(f"  {line}" for line in query.split("\n"))

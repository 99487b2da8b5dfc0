"""How figures look to people. Everything is rounded towards the danger: never a missed target into a met one."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from slo.report import ObjectiveReport, State
from slo.units import format_duration

STATE_WORDS = {
    State.OK: "ok",
    State.BURNING: "burning",
    State.EXHAUSTED: "exhausted",
    State.NO_DATA: "no data",
    State.NO_TRAFFIC: "no traffic",
    State.INSUFFICIENT_DATA: "too little data",
}
MINUTES_NOTE = "Minutes are minutes of total outage at average traffic."
SIMULATED_NOTE = "SIMULATED DATA: these figures describe no real service"
UNDEFINED = "-"

WORST_FIRST = (
    State.EXHAUSTED,
    State.BURNING,
    State.INSUFFICIENT_DATA,
    State.NO_DATA,
    State.NO_TRAFFIC,
    State.OK,
)


def worst_first(entries: tuple[ObjectiveReport, ...]) -> list[ObjectiveReport]:
    """By state, then by what is left of the budget, then by name."""
    return sorted(entries, key=danger)


def danger(entry: ObjectiveReport) -> tuple[int, float, str]:
    """What is worst comes first in this order."""
    return order_of(entry.state, entry.budget.remaining_ratio, entry.slo)


def order_of(state: State, remaining_ratio: float | None, slo: str) -> tuple[int, float, str]:
    """The same order, from the figures that it looks at."""
    return WORST_FIRST.index(state), 1.0 if remaining_ratio is None else remaining_ratio, slo


def target_percent(entry: ObjectiveReport) -> str:
    """The target, exactly as promised: 99.9%."""
    return f"{_plain(entry.target_ratio * 100)}%"


def availability_percent(entry: ObjectiveReport) -> str:
    """Floored from the whole counts, two digits finer than the target: 99.8996% of 99.9% shows as 99.899%."""
    counts = entry.counts
    if not counts.total:
        return UNDEFINED
    digits = _decimals(entry.target_ratio * 100) + 2
    scaled = 100 * 10**digits * counts.good // counts.total
    whole, part = divmod(scaled, 10**digits)
    return f"{whole}.{part:0{digits}d}%" if scaled != 100 * 10**digits else "100%"


def remaining_percent(ratio: float | None) -> str:
    """What is left of the budget, floored to a tenth of a percent; negative once overspent."""
    if ratio is None:
        return UNDEFINED
    return f"{_rounded(Decimal(repr(ratio)) * 100, 1, ROUND_FLOOR)}%"


def share_percent(ratio: float) -> str:
    """A share of time, floored to whole percents, or tenths below ten."""
    percent = Decimal(repr(ratio)) * 100
    return f"{_rounded(percent, 0 if percent >= 10 or not percent else 1, ROUND_FLOOR)}%"


def consumed_percent(ratio: float) -> str:
    """A share of the budget that was spent, rounded up to a tenth of a percent."""
    return f"{_rounded(Decimal(repr(ratio)) * 100, 1, ROUND_CEILING)}%"


def minutes(value: float | None) -> str:
    """Minutes floored to a tenth."""
    return UNDEFINED if value is None else _rounded(Decimal(repr(value)), 1, ROUND_FLOOR)


def burn_rate(entry: ObjectiveReport, window_minutes: int) -> str:
    """The burn rate of a window with about three digits, rounded up; `-` where it is undefined or not measured."""
    for burn in entry.burn_rates:
        if burn.window_minutes == window_minutes:
            return speed(burn.burn_rate)
    return UNDEFINED


def speed(burn_rate: float | None) -> str:
    """A burn rate with about three digits, rounded up."""
    if burn_rate is None:
        return UNDEFINED
    return _rounded(Decimal(repr(burn_rate)), 2 if burn_rate < 10 else 1 if burn_rate < 100 else 0, ROUND_CEILING)


def alert_sentence(entry: ObjectiveReport) -> str | None:
    """The most urgent of the firing alerts in plain words, and how many more there are."""
    firing = [alert for alert in entry.alerts if alert.firing]
    if not firing:
        return None
    alert, more = firing[0], len(firing) - 1
    long, short = (
        format_duration(alert.long_minutes * 60),
        format_duration(alert.short_minutes * 60),
    )
    rates = burn_rate(entry, alert.long_minutes), burn_rate(entry, alert.short_minutes)
    return (
        f"{alert.severity} alert: the budget burns at {rates[0]} times the sustainable speed over {long}"
        f" and {rates[1]} times over {short}; the limit is {alert.factor:.4g}"
        + (f" (and {more} more {'alert' if more == 1 else 'alerts'})" if more else "")
    )


def _rounded(value: Decimal, digits: int, rounding: str) -> str:
    # Any float fits in 400 digits; the default context would refuse those over 28.
    rounded = value.quantize(Decimal(1).scaleb(-digits), rounding=rounding, context=Context(prec=400))
    return f"{rounded.copy_abs() if rounded.is_zero() else rounded:f}"


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"

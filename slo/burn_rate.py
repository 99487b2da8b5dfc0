"""How fast the budget burns over a window, and which alerts that sets off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from slo.alert_policy import AlertPolicy, WindowPair
from slo.events import WindowCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnRate:
    """The speed of spending over one window; None without events or without a budget."""

    window_minutes: int
    burn_rate: float | None
    bad_events: int
    total_events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """Whether one pair of windows demands an alert at this moment."""

    severity: str
    long_minutes: int
    short_minutes: int
    factor: float
    firing: bool


def burn_rate_of(counts: WindowCounts, budget_ratio: Fraction) -> float | None:
    """Speed of budget spend, e / b; 1.0 spends it exactly over the period.

    Source: SRE Workbook, chapter 5, "Alerting on SLOs", section "Alert on Burn Rate".
    """
    allowed = budget_ratio.numerator * counts.total
    return budget_ratio.denominator * counts.bad / allowed if allowed else None


def burns_faster_than(pair: WindowPair, counts: WindowCounts, budget_ratio: Fraction, period_minutes: int) -> bool:
    """k / n > factor * b, multiplied out into integers: no rounding decides an alert.

    False without events or without a budget. The factor is max(1, f P / W), so both bounds must be passed.
    """
    allowed = budget_ratio.numerator * counts.total
    if not allowed or not counts.bad:
        return False
    spent = budget_ratio.denominator * counts.bad
    share = pair.budget_share
    return (
        spent > allowed and spent * share.denominator * pair.long_minutes > allowed * share.numerator * period_minutes
    )


def alert_states(
    policy: AlertPolicy, counts: Mapping[int, WindowCounts], budget_ratio: Fraction, period_minutes: int
) -> tuple[AlertState, ...]:
    """The state of each pair: firing when the long and the short window both burn faster than its factor.

    counts: by window length in minutes. Source: SRE Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts".
    """
    return tuple(
        AlertState(
            severity=pair.severity,
            long_minutes=pair.long_minutes,
            short_minutes=pair.short_minutes,
            factor=pair.factor(period_minutes),
            firing=all(
                burns_faster_than(pair, counts[minutes], budget_ratio, period_minutes)
                for minutes in (pair.long_minutes, pair.short_minutes)
            ),
        )
        for pair in policy.pairs
    )

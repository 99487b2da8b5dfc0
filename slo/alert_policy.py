"""Which pairs of windows warn of a burning budget, and how fast it must burn for that.

Source: Google SRE Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts"; the numbers are in windows/*.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPair:
    """Alert when `budget_share` of the budget would be gone within the long window; the short one ends it soon."""

    severity: str
    long_minutes: int
    short_minutes: int
    budget_share: Fraction

    def factor(self, period_minutes: int) -> float:
        """The burn rate that spends `budget_share` in the long window, never below 1.

        f * P / W; below 1 the alert would fire while the objective is being kept, so it is raised to 1.
        """
        share = self.budget_share
        return max(1.0, share.numerator * period_minutes / (share.denominator * self.long_minutes))


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """The pairs, most urgent first, and the burn-rate windows that a report shows."""

    name: str
    pairs: tuple[WindowPair, ...]
    runbook: str = ""
    window_minutes: tuple[int, ...] = field(init=False, compare=False)
    """Every window of the pairs, shortest first."""

    def __post_init__(self) -> None:
        windows = {minutes for pair in self.pairs for minutes in (pair.short_minutes, pair.long_minutes)}
        object.__setattr__(self, "window_minutes", tuple(sorted(windows)))

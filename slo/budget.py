"""The error budget of a period, in exact integer arithmetic until the last division."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from slo.events import WindowCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much may go wrong, and how much of it is left. None where no event or no budget makes it undefined.

    Minutes are minutes of total outage at average traffic. Remaining values are negative once overspent.
    """

    total_events: float
    consumed_ratio: float | None
    remaining_ratio: float | None
    total_minutes: float
    remaining_minutes: float | None


def error_ratio(counts: WindowCounts) -> float | None:
    """e = k / n, the pooled ratio of a window; None without events.

    Source: SRE Workbook, chapter 2, "SLIs: the ratio of good events to total events".
    """
    return counts.bad / counts.total if counts.total else None


def availability_ratio(counts: WindowCounts) -> float | None:
    """1 - e, divided once so that nothing is lost by subtraction; None without events."""
    return counts.good / counts.total if counts.total else None


def budget_of(counts: WindowCounts, budget_ratio: Fraction, period_minutes: int) -> Budget:
    """The budget of a period from the events counted in it.

    B = b n events and b P minutes; C = k / (b n); R = 1 - C, not clamped; R b P minutes remain.
    Source: SRE Workbook, chapter 2 ("error budget") and appendix B (error budget policy).
    """
    share, whole = budget_ratio.numerator, budget_ratio.denominator
    total_minutes = share * period_minutes / whole
    allowed, consumed = share * counts.total, whole * counts.bad
    if not allowed:
        return Budget(
            total_events=0.0,
            consumed_ratio=None,
            remaining_ratio=None,
            total_minutes=total_minutes,
            remaining_minutes=None,
        )
    return Budget(
        total_events=allowed / whole,
        consumed_ratio=consumed / allowed,
        remaining_ratio=(allowed - consumed) / allowed,
        total_minutes=total_minutes,
        remaining_minutes=(allowed - consumed) * share * period_minutes / (allowed * whole),
    )


def is_exhausted(counts: WindowCounts, budget_ratio: Fraction) -> bool:
    """Whether nothing is left: k >= b n, compared exactly; with no budget at all, one bad event suffices."""
    return counts.bad > 0 and budget_ratio.denominator * counts.bad >= budget_ratio.numerator * counts.total

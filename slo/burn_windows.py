"""What the windows before one moment hold, and how that compares with limits on the burn rate."""

from __future__ import annotations

from fractions import Fraction

from slo.burn_rate import burn_rate_of
from slo.events import Events, WindowCounts
from slo.gate import BurnLimit
from slo.window import Interval

_ENOUGH = 3
"""Were each event bad with probability p, at least one of 3 / p would be with 95 %. Source: the "rule of three",
Hanley and Lippman-Hand, JAMA 249 (1983), 1743."""


class Windows:
    """The windows of one objective that end at a minute, each counted once. Comparisons are of whole numbers: no
    rounding decides, and fractions are slow."""

    __slots__ = ("_at_minute", "_budget_ratio", "_counted", "_events")

    def __init__(self, events: Events, budget_ratio: Fraction, at_minute: int) -> None:
        self._events = events
        self._budget_ratio = budget_ratio
        self._at_minute = at_minute
        self._counted: dict[int, WindowCounts] = {}

    def counts(self, minutes: int) -> WindowCounts:
        """What happened in the last minutes."""
        found = self._counted.get(minutes)
        if found is None:
            found = self._counted[minutes] = self._events.within(Interval(self._at_minute - minutes, self._at_minute))
        return found

    def coverage(self, minutes: int) -> float:
        """The seen share of a window, as far as the objective has been observed: how old data are is judged apart."""
        seen = self._events.observed
        if seen is None:
            return 0.0
        length = min(seen.end, self._at_minute) - max(seen.start, self._at_minute - minutes)
        return self.counts(minutes).covered_minutes / length if length > 0 else 0.0

    def burn_rate(self, minutes: int) -> float | None:
        """As in a report."""
        return burn_rate_of(self.counts(minutes), self._budget_ratio)

    def is_over(self, limit: BurnLimit) -> bool:
        """Whether each window of a limit burns faster."""
        short = limit.short_minutes
        return self.exceeds(limit.long_minutes, limit) and (short is None or self.exceeds(short, limit))

    def exceeds(self, minutes: int, limit: BurnLimit) -> bool:
        """k / n > BR b."""
        counts, (bad, of) = self.counts(minutes), self._allowed(limit)
        return counts.bad * of > bad * counts.total

    def has_enough(self, minutes: int, limit: BurnLimit) -> bool:
        """n >= 3 / (BR b), so that a window which keeps the limit tells something; where none may be bad, any event."""
        total, (bad, of) = self.counts(minutes).total, self._allowed(limit)
        return bad * total >= _ENOUGH * of if bad else total > 0

    def _allowed(self, limit: BurnLimit) -> tuple[int, int]:
        """BR b: so many bad events of so many."""
        rate, budget = limit.max_burn_ratio, self._budget_ratio
        return rate.numerator * budget.numerator, rate.denominator * budget.denominator

"""Which pairs of windows warn of a burning budget, and how fast it must burn for that.

Source: Google SRE Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts"; the numbers are in windows/*.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType

_NOTHING: Mapping[str, str] = MappingProxyType({})


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
class Notification:
    """How the alerts of one severity are raised by Prometheus: whether at all, for how long, and what they say."""

    enabled: bool = True
    labels: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    annotations: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    for_minutes: int = 0
    keep_firing_for_minutes: int = 0


ABSENT = Notification(for_minutes=5)
"""Of the alert that events are no longer measured: longer than a deployment takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """The pairs, most urgent first, and the burn-rate windows that a report shows.

    labels, annotations: of every alert; page, ticket: by severity; absent: where the events are no longer measured.
    needs_evidence: alert only where chance alone would hardly explain so many bad events; keeps low traffic quiet.
    """

    name: str
    pairs: tuple[WindowPair, ...]
    runbook: str = ""
    dashboard: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    annotations: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    page: Notification = Notification()
    ticket: Notification = Notification()
    absent: Notification = ABSENT
    needs_evidence: bool = True
    window_minutes: tuple[int, ...] = field(init=False, compare=False)
    """Every window of the pairs, shortest first."""

    def __post_init__(self) -> None:
        windows = {minutes for pair in self.pairs for minutes in (pair.short_minutes, pair.long_minutes)}
        object.__setattr__(self, "window_minutes", tuple(sorted(windows)))

    def notification(self, severity: str) -> Notification:
        """How the pairs of a severity are raised."""
        return self.page if severity == "page" else self.ticket

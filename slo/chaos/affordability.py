"""What a chaos run may cost at worst, and whether the budget that is left can bear it. Pure.

A run spoils at most all requests of the share that it affects, from its start until it is seen and stopped:
bad events = rate * affected share * (duration + polling * attempts + grace).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

LEAST_RUNS = 3
_MARGIN = 2
_LEAST_SHARE = Fraction(1, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How long, and how much of the traffic, a run can spoil. polling_seconds, attempts: how often it is looked at, and
    after how many looks in vain it is stopped; grace_seconds: from there until it is gone."""

    affected_ratio: Fraction
    duration_seconds: int
    polling_seconds: int
    attempts: int
    grace_seconds: int

    @property
    def seconds(self) -> int:
        return self.duration_seconds + self.polling_seconds * self.attempts + self.grace_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of one objective's budget at one time.

    bad_ever: bad events since a moment that is the same for a whole run; busiest_per_second: events, in the busiest of
    the report's windows; budget_events: how many may be bad in the period; bad_events: how many were. data_until: a
    minute. state: of the report.
    """

    slo: str
    bad_events: int
    bad_ever: int
    budget_events: Fraction
    busiest_per_second: Fraction
    data_until: int | None
    state: str

    @property
    def remaining_events(self) -> Fraction:
        return self.budget_events - self.bad_events


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """worst_events: whatever happens; expected_events: what past runs say, never more. allowed_events: how many of what
    is left one run may cost. refusal: "" where it is affordable."""

    slo: str
    worst_events: int
    expected_events: int
    allowed_events: int
    remaining_events: int
    runs: int
    refusal: str


def busiest_per_second(windows: Sequence[tuple[int, int]]) -> Fraction:
    """The highest rate among windows of (minutes, events)."""
    return max((Fraction(events, minutes * 60) for minutes, events in windows if minutes > 0), default=Fraction(0))


def estimate(
    standing: Standing, exposure: Exposure, max_share_ratio: Decimal, spent_ratios: Sequence[float] = ()
) -> Estimate:
    """Whether a run is affordable. spent_ratios: of past runs of the same engine, spent events over the worst case."""
    worst = math.ceil(standing.busiest_per_second * exposure.affected_ratio * exposure.seconds)
    expected = math.ceil(worst * _expected_share(spent_ratios))
    remaining = math.floor(standing.remaining_events)
    allowed = max(0, math.floor(standing.remaining_events * Fraction(max_share_ratio)))
    return Estimate(
        slo=standing.slo,
        worst_events=worst,
        expected_events=expected,
        allowed_events=allowed,
        remaining_events=remaining,
        runs=len(spent_ratios),
        refusal=_refusal(standing, expected, remaining, allowed, max_share_ratio),
    )


def _expected_share(spent_ratios: Sequence[float]) -> Fraction:
    """Twice the dearest of past runs, once there are enough; at least a tenth, and never more than the worst case."""
    if len(spent_ratios) < LEAST_RUNS:
        return Fraction(1)
    dearest = Fraction(max(spent_ratios)).limit_denominator(1_000_000)
    return min(Fraction(1), max(_LEAST_SHARE, _MARGIN * dearest))


def _refusal(standing: Standing, expected: int, remaining: int, allowed: int, share: Decimal) -> str:
    if standing.data_until is None or standing.state == "no_data":
        return f"{standing.slo}: there are no data, so nobody knows what chaos would cost"
    if not standing.busiest_per_second:
        return f"{standing.slo}: there is no traffic, so nobody would see what chaos does"
    if remaining <= 0:
        return f"{standing.slo}: nothing is left of the budget"
    if expected > allowed:
        percent = f"{(share * 100).normalize():f} %"
        return (
            f"{standing.slo}: the run may cost {expected} bad events, and {percent} of the {remaining} that are left"
            f" are {allowed}"
        )
    return ""


def is_overspent(before: Standing, now: Standing, reserved_events: int) -> bool:
    """Whether a run has cost more than was reserved for it; counted since before it began."""
    return now.bad_ever - before.bad_ever > reserved_events

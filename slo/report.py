"""The report on an objective: one pure function from counted events to every figure and a state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction

from slo.budget import Budget, availability_ratio, budget_of, error_ratio, is_exhausted
from slo.burn_rate import AlertState, BurnRate, alert_states, burn_rate_of
from slo.correction import AppliedCorrection, Correction, corrected
from slo.events import Events, EventSeries, WindowCounts
from slo.objective import Group, Objective, group_id
from slo.time_slices import to_slices
from slo.units import format_duration
from slo.window import CalendarWindow, Interval, datetime_of, minute_of

STALE_AFTER_MINUTES = 60
"""Data that ended longer ago than the shortest long window of the alerts cannot tell whether anything burns."""


class State(Enum):
    """What the figures amount to; the first that applies, in this order."""

    NO_DATA = "no_data"
    INSUFFICIENT_DATA = "insufficient_data"
    NO_TRAFFIC = "no_traffic"
    EXHAUSTED = "exhausted"
    BURNING = "burning"
    OK = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a state is what it is, or what to know about the figures. `code` is stable, `message` is for people."""

    code: str
    message: str
    observed: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveReport:
    """Every figure of one objective, or of one of its groups, at one time.

    window: the minutes that were evaluated; for a calendar window they end now, and the whole period at `period_end`.
    projected_budget: calendar windows only, the whole period if traffic goes on and nothing more fails.
    """

    slo: str
    service: str
    group: Group
    target_ratio: Decimal
    window_kind: str
    window: Interval
    period_end: int
    counts: WindowCounts
    availability_ratio: float | None
    error_ratio: float | None
    budget: Budget
    projected_budget: Budget | None
    burn_rates: tuple[BurnRate, ...]
    alerts: tuple[AlertState, ...]
    coverage_ratio: float
    observed_ratio: float
    data_until: int | None
    state: State
    reasons: tuple[Reason, ...]
    corrections: tuple[AppliedCorrection, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All objectives at one time; `simulated` marks figures that describe no real service."""

    at: datetime
    objectives: tuple[ObjectiveReport, ...]
    simulated: bool = False


def needed_interval(objective: Objective, at_minute: int) -> Interval:
    """What an evaluation looks at: the period and the longest alert window, from the beginning of a time slice."""
    longest = max(objective.alert_policy.window_minutes, default=0)
    start = min(objective.window.period(at_minute).start, at_minute - longest)
    if objective.time_slices:
        start -= start % objective.time_slices.minutes
    return Interval(start, at_minute)


def counted(
    objective: Objective, events: Events, corrections: Sequence[Correction], at_minute: int
) -> tuple[Events, tuple[AppliedCorrection, ...]]:
    """The events that count for an evaluation: time slices where the objective has them, without what is excluded."""
    if objective.time_slices and isinstance(events, EventSeries) and not events.slice_minutes:
        events = to_slices(events, objective.time_slices)
    concerned = [each for each in corrections if each.concerns(objective)]
    return corrected(events, concerned, needed_interval(objective, at_minute))


def evaluate(
    objective: Objective,
    events: Events,
    *,
    at: datetime,
    group: Group = (),
    reasons: Sequence[Reason] = (),
    corrections: Sequence[Correction] = (),
) -> ObjectiveReport:
    """The report on one objective (or on one group of it) at an aware time, floored to the minute.

    reasons: what the source has to say about the data, passed on. Raises UsageError for a time without a zone.
    """
    at_minute = minute_of(at)
    events, applied = counted(objective, events, corrections, at_minute)
    period = objective.window.period(at_minute)
    window = Interval(period.start, at_minute)
    counts = events.within(window)
    budget_ratio = objective.budget_ratio
    policy = objective.alert_policy
    window_counts = {
        minutes: events.within(Interval(at_minute - minutes, at_minute)) for minutes in policy.window_minutes
    }
    alerts = alert_states(policy, window_counts, budget_ratio, objective.window.nominal_minutes)
    seen = events.observed
    coverage, observed = _coverage(seen, window, counts)
    doubts = _doubts(objective, seen, window, coverage, observed)
    notes = (*reasons, *(note for note, _ in doubts), *_zero_budget(budget_ratio), *_corrections(applied))
    return ObjectiveReport(
        slo=group_id(objective.id, group),
        service=objective.service,
        group=group,
        target_ratio=objective.target_ratio,
        window_kind="calendar" if isinstance(objective.window, CalendarWindow) else "rolling",
        window=window,
        period_end=period.end,
        counts=counts,
        availability_ratio=availability_ratio(counts),
        error_ratio=error_ratio(counts),
        budget=budget_of(counts, budget_ratio, period.minutes),
        projected_budget=_projected(objective, counts, period, window),
        burn_rates=tuple(
            BurnRate(
                window_minutes=minutes,
                burn_rate=burn_rate_of(of_window, budget_ratio),
                bad_events=of_window.bad,
                total_events=of_window.total,
            )
            for minutes, of_window in window_counts.items()
        ),
        alerts=alerts,
        coverage_ratio=coverage,
        observed_ratio=observed,
        data_until=seen.end if seen else None,
        state=_state(counts, budget_ratio, alerts, insufficient=any(fatal for _, fatal in doubts)),
        reasons=notes,
        corrections=applied,
    )


def unavailable(objective: Objective, error: Exception, *, at: datetime) -> ObjectiveReport:
    """The report on an objective whose data could not be had: no figures, state `no_data`, the failure as reason."""
    nothing = evaluate(objective, EventSeries.empty(), at=at)
    kept = tuple(reason for reason in nothing.reasons if reason.code != "no_data")
    return replace(nothing, reasons=(Reason(code="source_error", message=str(error)), *kept))


def failure(report: ObjectiveReport) -> str | None:
    """Why its data could not be had, where that is so."""
    return next((reason.message for reason in report.reasons if reason.code == "source_error"), None)


def _coverage(seen: Interval | None, window: Interval, counts: WindowCounts) -> tuple[float, float]:
    """Counted share of the time since the first observation, and that time's share of the window."""
    if seen is None or seen.start >= window.end:
        return 0.0, 0.0
    minutes = window.end - max(window.start, seen.start)
    return counts.covered_minutes / minutes, minutes / window.minutes


def _doubts(
    objective: Objective, seen: Interval | None, window: Interval, coverage: float, observed: float
) -> list[tuple[Reason, bool]]:
    """What limits trust in the figures, each with whether it makes them insufficient."""
    if seen is None:
        return [(Reason(code="no_data", message="no data were found"), False)]
    doubts = []
    if observed < 1:
        minimum = float(objective.min_observed_ratio)
        seconds, whole = round(observed * window.minutes) * 60, window.minutes * 60
        doubts.append(
            (
                Reason(code="young", message=f"{_of_days(seconds, whole)} seen", observed=observed, threshold=minimum),
                observed < minimum,
            )
        )
    if coverage < objective.min_coverage_ratio:
        minimum = float(objective.min_coverage_ratio)
        seen_percent = math.floor(coverage * 1000) / 10  # towards the danger: 89.99 % is not 90 %
        message = (
            f"{seen_percent:g} % of the time since the first observation was seen, {minimum * 100:g} % is required"
        )
        doubts.append((Reason(code="coverage", message=message, observed=coverage, threshold=minimum), True))
    behind = window.end - seen.end
    if behind > STALE_AFTER_MINUTES:
        end = f"{datetime_of(seen.end):%Y-%m-%d %H:%M} UTC"
        message = f"the data end at {end}, {format_duration(behind * 60)} before"
        doubts.append((Reason(code="stale", message=message, observed=behind, threshold=STALE_AFTER_MINUTES), True))
    return doubts


def _of_days(seen_seconds: int, whole_seconds: int) -> str:
    """ "2 of 30 days" where that says it, else durations to the minute."""
    days = round(seen_seconds / 86_400, 1)
    if whole_seconds % 86_400 or not 1 <= days < whole_seconds // 86_400:
        return f"{format_duration(seen_seconds)} of {format_duration(whole_seconds)}"
    return f"{days:g} of {whole_seconds // 86_400} days"


def _zero_budget(budget_ratio: Fraction) -> tuple[Reason, ...]:
    if budget_ratio:
        return ()
    return (Reason(code="zero_budget", message="a target of 100 % leaves no budget: one bad event exhausts it"),)


def _corrections(applied: Sequence[AppliedCorrection]) -> tuple[Reason, ...]:
    """One line for each, so that no figure is corrected in silence."""
    return tuple(
        Reason(
            code="corrected",
            message=f"{format_duration(one.minutes * 60)} do not count, with {one.bad_events} bad of"
            f" {one.total_events} events: {one.correction.reason} ({one.correction.category.value},"
            f" {one.correction.author}, correction {one.correction.id})",
        )
        for one in applied
    )


def _projected(objective: Objective, counts: WindowCounts, period: Interval, window: Interval) -> Budget | None:
    """The budget at the end of a calendar period if traffic goes on as so far and nothing more fails."""
    if not isinstance(objective.window, CalendarWindow) or not window.minutes:
        return None
    total = round(counts.total * period.minutes / window.minutes)
    whole_period = WindowCounts(total - counts.bad, counts.bad, counts.covered_minutes)
    return budget_of(whole_period, objective.budget_ratio, period.minutes)


def _state(counts: WindowCounts, budget_ratio: Fraction, alerts: Sequence[AlertState], *, insufficient: bool) -> State:
    if not counts.covered_minutes:
        return State.NO_DATA
    if insufficient:
        return State.INSUFFICIENT_DATA
    if not counts.total:
        return State.NO_TRAFFIC
    if is_exhausted(counts, budget_ratio):
        return State.EXHAUSTED
    return State.BURNING if any(alert.firing for alert in alerts) else State.OK

"""What a gate finds of one objective: a pure function of its report and its events.

Where there are few events, chance decides what a ratio is. A gate that needs evidence therefore holds a high ratio of
few events against an objective only where chance alone would hardly explain it, and a low one for it only where there
were enough events for bad ones to show; else it looks at a longer window.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from slo.binomial import binomial_tail
from slo.burn_windows import Windows
from slo.decision import GateReason, Outcome, Verdict, worst_of
from slo.events import Events, WindowCounts
from slo.gate import BurnLimit, Gate
from slo.objective import Objective
from slo.report import ObjectiveReport, State
from slo.units import format_duration
from slo.window import minute_of

MOST_CHANCE = 1e-4
"""What happens less often by chance alone is evidence; the same as for alerts."""


def judge(gate: Gate, objective: Objective, report: ObjectiveReport, events: Events, *, at: datetime) -> Verdict:
    """The verdict on an objective, or on one of its groups; events: those that count (slo.report.counted), of which
    the report was evaluated at the same time.

    How old the data are is not judged here: that depends on when the gate is asked.
    """
    finding = _Judging(gate, objective, report, Windows(events, objective.budget_ratio, minute_of(at)))
    reasons = tuple(finding.reasons())
    return Verdict(
        gate=gate.name,
        slo=report.slo,
        outcome=worst_of(reason.outcome for reason in reasons),
        reasons=reasons,
        data_until=report.data_until,
    )


@dataclass(frozen=True, slots=True)
class _Judging:
    gate: Gate
    objective: Objective
    report: ObjectiveReport
    windows: Windows

    def reasons(self) -> Iterator[GateReason]:
        if self.report.state is State.NO_DATA:
            yield self._no_data()
            return
        doubts = list(self._doubts())
        yield from doubts
        yield from self._budget()
        for limit in self.gate.max_burn_rate:
            yield from self._burning(limit, doubted=bool(doubts))
        yield from self._warnings()

    def _no_data(self) -> GateReason:
        told = [reason.message for reason in self.report.reasons if reason.code in ("source_error", "no_data")]
        message = told[0] if told else "there are no data of the period"
        return self._unknown("state", "no_data", message)

    def _doubts(self) -> Iterator[GateReason]:
        """What makes the figures of the whole period unfit to allow anything; they may still deny."""
        least = self._least_coverage()
        if self.report.observed_ratio < 1 and self.report.observed_ratio < self.objective.min_observed_ratio:
            for reason in self.report.reasons:
                if reason.code == "young":
                    yield self._unknown("state", "young", reason.message, reason.observed, reason.threshold)
        if self.report.coverage_ratio < least:
            yield self._uncovered(self.report.coverage_ratio, least, "the time since the first observation")
        if not self.report.counts.total:
            yield self._unknown("state", "no_traffic", "there were no events in the period")

    def _least_coverage(self) -> Decimal:
        of_gate, of_objective = self.gate.min_coverage_ratio, self.objective.min_coverage_ratio
        return of_objective if of_gate is None else max(of_gate, of_objective)

    def _uncovered(self, coverage: float, least: Decimal, of: str, window: int | None = None) -> GateReason:
        message = f"{_percent(coverage)} of {of} was seen, {_exact(least)} is required"
        return self._unknown("coverage", "coverage", message, coverage, float(least), window)

    def _budget(self) -> Iterator[GateReason]:
        floor = self.gate.min_budget_remaining_ratio
        if floor is None or not self._is_below(floor):
            return
        if self._is_proven(self.report.counts):
            yield self._left(floor, Outcome.DENY)
        else:
            yield self._left(floor, Outcome.UNKNOWN, f" ({self._by_chance(self.report.counts)})")

    def _is_below(self, floor: Decimal) -> bool:
        """R < floor, that is k > (1 - floor) b n, exactly; without any budget, one bad event is below every floor."""
        counts, budget = self.report.counts, self.objective.budget_ratio
        kept, whole = floor.as_integer_ratio()
        spendable = (whole - kept) * budget.numerator * counts.total
        return counts.bad > 0 and counts.bad * whole * budget.denominator > spendable

    def _is_proven(self, counts: WindowCounts) -> bool:
        """Whether the period's counts speak for themselves: a budget of at least one event, or too many for chance."""
        budget = self.objective.budget_ratio
        has_budget = budget.numerator * counts.total >= budget.denominator
        return has_budget or not self.gate.needs_evidence or self._is_beyond_chance(counts)

    def _is_beyond_chance(self, counts: WindowCounts) -> bool:
        return binomial_tail(counts.bad, counts.total, float(self.objective.budget_ratio)) <= MOST_CHANCE

    def _by_chance(self, counts: WindowCounts) -> str:
        return f"{counts.bad} bad of {counts.total} events, which chance may explain"

    def _left(self, floor: Decimal, outcome: Outcome, note: str = "") -> GateReason:
        left = self.report.budget.remaining_ratio
        told = f"{_percent(left)} of the budget is left" if left is not None else "a target of 100 % was missed"
        return GateReason(
            slo=self.report.slo,
            check="min_budget_remaining",
            outcome=outcome,
            cause="insufficient" if outcome is Outcome.UNKNOWN else "",
            message=f"{told}, {_exact(floor)} is required{note}",
            observed=left,
            threshold=float(floor),
        )

    def _burning(self, limit: BurnLimit, *, doubted: bool) -> Iterator[GateReason]:
        minutes = limit.long_minutes
        is_pair, is_over = limit.short_minutes is not None, self.windows.is_over(limit)
        enough = self.windows.has_enough(minutes, limit)
        is_proven = not self.gate.needs_evidence or (enough and not is_pair)
        if is_over and (is_proven or self._is_beyond_chance(self.windows.counts(minutes))):
            yield self._too_fast(limit, Outcome.DENY)
        elif is_over and enough:
            yield self._too_fast(limit, Outcome.WARN, f" ({self._by_chance(self.windows.counts(minutes))})")
        elif not doubted and self.gate.needs_evidence:
            yield from self._evidence(limit)
        elif not doubted:
            yield from self._emptiness(minutes)

    def _emptiness(self, minutes: int) -> Iterator[GateReason]:
        """Whether there is nothing to compare, for a gate that compares whatever there is."""
        least = self.gate.min_coverage_ratio
        if not self.windows.counts(minutes).total:
            message = f"there were no events within {_span(minutes)}"
            yield self._unknown("max_burn_rate", "no_traffic", message, window=minutes)
        elif least and self.windows.coverage(minutes) < least:
            yield self._window_uncovered(minutes, least)

    def _evidence(self, limit: BurnLimit) -> Iterator[GateReason]:
        """Whether enough was seen to say that the budget does not burn too fast: else what is missing."""
        minutes, least = limit.long_minutes, self._least_coverage()
        for wide in self._widths(minutes):
            if self.windows.has_enough(wide, limit) and self.windows.coverage(wide) >= least:
                if wide > minutes and self.windows.exceeds(wide, limit):
                    speed = _speed(self.windows.burn_rate(wide))
                    yield self._too_few(
                        limit, minutes, Outcome.UNKNOWN, f", and over {_span(wide)} it burns at {speed}"
                    )
                return
        if self.windows.coverage(wide) < least:
            yield self._window_uncovered(wide, least)
        elif self._is_below(self.gate.min_budget_remaining_ratio or Decimal(0)):
            yield self._too_few(limit, minutes, Outcome.UNKNOWN, ", and too little of it is left")
        else:
            yield self._too_few(limit, wide, Outcome.WARN, "; what is left of it decides")

    def _widths(self, minutes: int) -> Iterator[int]:
        """The window, the longer ones of the alerts, and all of the period: for these the counts are at hand."""
        yield minutes
        wider = {*self.objective.alert_policy.window_minutes, self.report.window.minutes}
        yield from sorted(one for one in wider if one > minutes)

    def _warnings(self) -> Iterator[GateReason]:
        """What is no reason to deny but to take care; exact counts, as a warning too many stops nobody."""
        floor = self.gate.warn.min_budget_remaining_ratio
        denied = self.gate.min_budget_remaining_ratio
        if floor is not None and self._is_below(floor) and not (denied is not None and self._is_below(denied)):
            yield self._left(floor, Outcome.WARN)
        for limit in self.gate.warn.max_burn_rate:
            if self.windows.is_over(limit) and not any(
                _same_windows(limit, one) and self.windows.is_over(one) for one in self.gate.max_burn_rate
            ):
                yield self._too_fast(limit, Outcome.WARN)

    def _too_fast(self, limit: BurnLimit, outcome: Outcome, note: str = "") -> GateReason:
        minutes, short = limit.long_minutes, limit.short_minutes
        speeds = f"{_speed(self.windows.burn_rate(minutes))} times the sustainable speed over {_span(minutes)}"
        if short:
            speeds += f" and {_speed(self.windows.burn_rate(short))} over {_span(short)}"
        message = f"the budget burns at {speeds}, {_number(limit.max_burn_rate)} is the limit{note}"
        if not self.objective.budget_ratio:
            bad = self.windows.counts(minutes).bad
            events = "event" if bad == 1 else "events"
            message = f"{bad} bad {events} within {_span(minutes)}, a target of 100 % allows none"
        return self._burn_reason(limit, minutes, outcome, message)

    def _too_few(self, limit: BurnLimit, minutes: int, outcome: Outcome, note: str) -> GateReason:
        events = f"{self.windows.counts(minutes).total} events within {_span(minutes)}"
        told = f"{events} are too few to tell whether the budget burns faster than {_number(limit.max_burn_rate)}"
        return self._burn_reason(limit, minutes, outcome, f"{told}{note}")

    def _burn_reason(self, limit: BurnLimit, minutes: int, outcome: Outcome, message: str) -> GateReason:
        return GateReason(
            slo=self.report.slo,
            check="max_burn_rate",
            outcome=outcome,
            cause="insufficient" if outcome is Outcome.UNKNOWN else "",
            message=message,
            observed=self.windows.burn_rate(minutes),
            threshold=float(limit.max_burn_rate),
            window_minutes=minutes,
        )

    def _window_uncovered(self, minutes: int, least: Decimal) -> GateReason:
        return self._uncovered(self.windows.coverage(minutes), least, f"the last {_span(minutes)}", minutes)

    def _unknown(
        self,
        check: str,
        cause: str,
        message: str,
        observed: float | None = None,
        threshold: float | None = None,
        window: int | None = None,
    ) -> GateReason:
        return GateReason(
            slo=self.report.slo,
            check=check,
            outcome=Outcome.UNKNOWN,
            cause=cause,
            message=message,
            observed=observed,
            threshold=threshold,
            window_minutes=window,
        )


def _speed(rate: float | None) -> str:
    """Three digits, rounded up, as towards the danger."""
    rate = rate or 0.0
    digits = 2 if rate < 10 else 1 if rate < 100 else 0
    return f"{math.ceil(rate * 10**digits) / 10**digits:.{digits}f}"


def _same_windows(one: BurnLimit, other: BurnLimit) -> bool:
    return (one.long_minutes, one.short_minutes) == (other.long_minutes, other.short_minutes)


def _span(minutes: int) -> str:
    return format_duration(minutes * 60)


def _percent(ratio: float) -> str:
    """Floored to a tenth of a percent, towards the danger: 24.99 % of 25 % is not 25 %."""
    tenths = math.floor(Decimal(repr(ratio)) * 1000)
    return f"{Decimal(tenths).scaleb(-1):.1f}".removesuffix(".0") + " %"


def _exact(ratio: Decimal) -> str:
    return f"{_number(ratio * 100)} %"


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"

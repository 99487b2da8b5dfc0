"""What a gate finds of one objective: a pure function of its report and its events.

Where there are few events, chance decides what a ratio is. A gate that needs evidence therefore holds a high ratio of
few events against an objective only where chance alone would hardly explain it, and a low one for it only where there
were enough events for bad ones to show; else it looks at a longer window. With b = 1 - target and a limit BR, a window
has enough events from n = 3 / (BR b) on: were each bad with probability BR b, at least one of them would be with 95 %
("rule of three": Hanley and Lippman-Hand, JAMA 249, 1983).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from slo.binomial import binomial_tail
from slo.burn_rate import burn_rate_of
from slo.decision import GateReason, Outcome, Verdict, worst_of
from slo.events import Events, WindowCounts
from slo.gate import BurnLimit, Gate
from slo.objective import Objective
from slo.report import ObjectiveReport, State
from slo.units import format_duration
from slo.window import Interval, minute_of

MOST_CHANCE = 1e-4
"""What happens less often by chance alone is evidence; the same as for alerts."""
_ENOUGH = 3


def judge(gate: Gate, objective: Objective, report: ObjectiveReport, events: Events, *, at: datetime) -> Verdict:
    """The verdict on an objective, or on one of its groups; events: those that count (slo.report.counted), of which
    the report was evaluated at the same time.

    How old the data are is not judged here: that depends on when the gate is asked.
    """
    finding = _Judging(gate, objective, report, events, minute_of(at))
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
    events: Events
    at_minute: int

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
        least = max(self.gate.min_coverage_ratio or Decimal(0), self.objective.min_coverage_ratio)
        if self.report.observed_ratio < self.objective.min_observed_ratio:
            for reason in self.report.reasons:
                if reason.code == "young":
                    yield self._unknown("state", "young", reason.message, reason.observed, reason.threshold)
        if self.report.coverage_ratio < least:
            yield self._uncovered(self.report.coverage_ratio, least, "the time since the first observation")
        if not self.report.counts.total:
            yield self._unknown("state", "no_traffic", "there were no events in the period")

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
        return counts.bad > 0 and counts.bad > (1 - Fraction(floor)) * budget * counts.total

    def _is_proven(self, counts: WindowCounts) -> bool:
        """Whether the period's counts speak for themselves: a budget of at least one event, or too many for chance."""
        budget = self.objective.budget_ratio
        return not self.gate.needs_evidence or budget * counts.total >= 1 or self._is_beyond_chance(counts)

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
        counts = self._counts(limit.long_minutes)
        is_pair = limit.short_minutes is not None
        is_over = self._is_over(limit)
        enough = self._has_enough(counts, limit)
        if is_over and (not self.gate.needs_evidence or (enough and not is_pair) or self._is_beyond_chance(counts)):
            yield self._too_fast(limit, counts, Outcome.DENY)
        elif is_over and enough:
            yield self._too_fast(limit, counts, Outcome.WARN, f" ({self._by_chance(counts)})")
        elif not doubted:
            yield from self._evidence(limit, counts)

    def _evidence(self, limit: BurnLimit, counts: WindowCounts) -> Iterator[GateReason]:
        """Whether enough was seen to say that the budget does not burn too fast: else what is missing."""
        minutes = limit.long_minutes
        if not self.gate.needs_evidence:
            if not counts.total:
                message = f"there were no events within {_span(minutes)}"
                yield self._unknown("max_burn_rate", "no_traffic", message, window=minutes)
            elif self.gate.min_coverage_ratio and self._coverage(minutes, counts) < self.gate.min_coverage_ratio:
                yield self._window_uncovered(minutes, counts, self.gate.min_coverage_ratio)
            return
        least = max(self.gate.min_coverage_ratio or Decimal(0), self.objective.min_coverage_ratio)
        for wide in self._widths(minutes):
            seen = self._counts(wide)
            if self._has_enough(seen, limit) and self._coverage(wide, seen) >= least:
                if wide > minutes and self._exceeds(seen, limit):
                    yield self._unproven(
                        limit, counts, f"over {_span(wide)} it burns at {_speed(self._burn_rate(seen))}"
                    )
                return
        if self._coverage(wide, seen) < least:
            yield self._window_uncovered(wide, seen, least)
        elif self._is_below(self.gate.min_budget_remaining_ratio or Decimal(0)):
            yield self._unproven(limit, counts, "the budget is not what it must be")
        else:
            yield self._few(limit, seen, wide)

    def _widths(self, minutes: int) -> Iterator[int]:
        """The window, the longer ones of the alerts, and all of the period: for these the counts are at hand."""
        period = self.report.window.minutes
        wider = {*self.objective.alert_policy.window_minutes, period}
        return iter([minutes, *sorted(one for one in wider if one > minutes)])

    def _warnings(self) -> Iterator[GateReason]:
        """What is no reason to deny but to take care; exact counts, as a warning too many stops nobody."""
        floor = self.gate.warn.min_budget_remaining_ratio
        denied = self.gate.min_budget_remaining_ratio
        if floor is not None and self._is_below(floor) and not (denied is not None and self._is_below(denied)):
            yield self._left(floor, Outcome.WARN)
        over = {(one.long_minutes, one.short_minutes) for one in self.gate.max_burn_rate if self._is_over(one)}
        for limit in self.gate.warn.max_burn_rate:
            if (limit.long_minutes, limit.short_minutes) not in over and self._is_over(limit):
                yield self._too_fast(limit, self._counts(limit.long_minutes), Outcome.WARN)

    def _counts(self, minutes: int) -> WindowCounts:
        return self.events.within(Interval(self.at_minute - minutes, self.at_minute))

    def _is_over(self, limit: BurnLimit) -> bool:
        windows = (limit.long_minutes, limit.short_minutes or limit.long_minutes)
        return all(self._exceeds(self._counts(minutes), limit) for minutes in windows)

    def _exceeds(self, counts: WindowCounts, limit: BurnLimit) -> bool:
        """k / n > BR b, exactly."""
        return counts.bad > limit.max_burn_ratio * self.objective.budget_ratio * counts.total

    def _has_enough(self, counts: WindowCounts, limit: BurnLimit) -> bool:
        """n >= 3 / (BR b); where nothing at all may be bad, any event tells."""
        allowed = limit.max_burn_ratio * self.objective.budget_ratio
        return allowed * counts.total >= _ENOUGH if allowed else counts.total > 0

    def _coverage(self, minutes: int, counts: WindowCounts) -> float:
        """The seen share of a window, as far as the objective has been observed: how old data are is judged apart."""
        seen = self.events.observed
        if seen is None:
            return 0.0
        length = min(seen.end, self.at_minute) - max(seen.start, self.at_minute - minutes)
        return counts.covered_minutes / length if length > 0 else 0.0

    def _too_fast(self, limit: BurnLimit, counts: WindowCounts, outcome: Outcome, note: str = "") -> GateReason:
        message = f"{self._burns(limit, counts)}, {_number(limit.max_burn_rate)} is the limit{note}"
        if not self.objective.budget_ratio:
            events = "event" if counts.bad == 1 else "events"
            message = f"{counts.bad} bad {events} within {_span(limit.long_minutes)}, a target of 100 % allows none"
        return self._burn_reason(limit, counts, outcome, message)

    def _burns(self, limit: BurnLimit, counts: WindowCounts) -> str:
        rate, short = _speed(self._burn_rate(counts)), limit.short_minutes
        burns = f"the budget burns at {rate} times the sustainable speed over {_span(limit.long_minutes)}"
        return f"{burns} and {_speed(self._burn_rate(self._counts(short)))} over {_span(short)}" if short else burns

    def _unproven(self, limit: BurnLimit, counts: WindowCounts, why: str) -> GateReason:
        message = f"{self._too_few(limit, counts, limit.long_minutes)}, and {why}"
        return self._burn_reason(limit, counts, Outcome.UNKNOWN, message)

    def _few(self, limit: BurnLimit, counts: WindowCounts, minutes: int) -> GateReason:
        message = f"{self._too_few(limit, counts, minutes)}; what is left of it decides"
        return self._burn_reason(limit, counts, Outcome.WARN, message)

    def _too_few(self, limit: BurnLimit, counts: WindowCounts, minutes: int) -> str:
        events = f"{counts.total} events within {_span(minutes)}"
        return f"{events} are too few to tell whether the budget burns faster than {_number(limit.max_burn_rate)}"

    def _burn_reason(self, limit: BurnLimit, counts: WindowCounts, outcome: Outcome, message: str) -> GateReason:
        return GateReason(
            slo=self.report.slo,
            check="max_burn_rate",
            outcome=outcome,
            cause="insufficient" if outcome is Outcome.UNKNOWN else "",
            message=message,
            observed=self._burn_rate(counts),
            threshold=float(limit.max_burn_rate),
            window_minutes=limit.long_minutes,
        )

    def _window_uncovered(self, minutes: int, counts: WindowCounts, least: Decimal) -> GateReason:
        return self._uncovered(self._coverage(minutes, counts), least, f"the last {_span(minutes)}", minutes)

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

    def _burn_rate(self, counts: WindowCounts) -> float | None:
        return burn_rate_of(counts, self.objective.budget_ratio)


def _speed(rate: float | None) -> str:
    """Three digits, rounded up, as towards the danger."""
    rate = rate or 0.0
    digits = 2 if rate < 10 else 1 if rate < 100 else 0
    return f"{math.ceil(rate * 10**digits) / 10**digits:.{digits}f}"


def _span(minutes: int) -> str:
    return format_duration(minutes * 60)


def _percent(ratio: float) -> str:
    """Floored to a tenth of a percent, towards the danger: 24.99 % of 25 % is not 25 %."""
    return f"{math.floor(Decimal(repr(ratio)) * 1000) / 10:g} %"


def _exact(ratio: Decimal) -> str:
    return f"{_number(ratio * 100)} %"


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"

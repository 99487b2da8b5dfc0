"""Readings of a gate and of budgets from a ledger and the objective files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slo.chaos.affordability import Standing, busiest_per_second
from slo.chaos.reading import Reading
from slo.decision import fold
from slo.errors import LedgerError, UsageError
from slo.gate import Gate, concerns, id_matches, longest_window_minutes, matches
from slo.objective import Objective
from slo.opening import DataChoice, opened
from slo.report import failure
from slo.reporting import Evaluation, evaluations
from slo.verdict import judge
from slo.veto import VetoFinding
from slo.window import Interval, minute_of

Hear = Callable[[Sequence[Gate], datetime], Mapping[str, Sequence[VetoFinding]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalBudget:
    """Objective files over a ledger (or, to plan with, over any source). since_minute: what bad_ever counts from."""

    gate: Gate
    objectives: tuple[Objective, ...]
    slos: tuple[str, ...]
    choice: DataChoice
    hear: Hear
    now: Callable[[], datetime]
    since_minute: int
    at: datetime | None = None

    def read(self, told: Mapping[str, Any] | None = None) -> Reading:
        """As in BudgetSource. Each time from the beginning: whatever was lost meanwhile is seen to be."""
        concerned = [one for one in self.objectives if self._is_concerned(one)]
        with opened(self.choice, concerned, self.at) as (source, at):
            longest = max(longest_window_minutes(self.gate), minute_of(at) - self.since_minute)
            found = list(evaluations(concerned, source, at=at, progress=lambda _: None, longest_window_minutes=longest))
        failed = [f"{one.report.slo}: {message}" for one in found if (message := failure(one.report))]
        if failed:
            raise LedgerError(failed[0])
        verdicts = [
            judge(self.gate, one.objective, one.report, one.events, at=at) for one in found if self._is_asked(one)
        ]
        asked_at = at if self.at or self.choice.ledger is None else self.now()
        heard = self.hear([self.gate], asked_at).get(self.gate.name, ())
        decision = fold(self.gate, verdicts, at=asked_at, vetoes=heard)
        return Reading(
            at=asked_at,
            allowed=decision.allowed,
            outcome=decision.outcome.value,
            message=decision.reasons[decision.decisive].message if decision.decisive is not None else "",
            decision_id=decision.id,
            standings={one.report.slo: self._standing(one, at) for one in found if one.report.slo in self.slos},
        )

    def tell(self, faults: Sequence[str]) -> None:
        """Nobody looks at files."""

    def _is_concerned(self, objective: Objective) -> bool:
        return objective.id in self.slos or concerns(self.gate, objective.id, objective.labels)

    def _is_asked(self, one: Evaluation) -> bool:
        named = any(id_matches(slo, one.report.slo) for slo in self.slos)
        return matches(self.gate, one.report.slo, one.objective.labels) and named

    def _standing(self, one: Evaluation, at: datetime) -> Standing:
        report, minute = one.report, minute_of(at)
        since = Interval(min(self.since_minute, minute), minute)
        return Standing(
            slo=report.slo,
            bad_events=report.counts.bad,
            bad_ever=one.everything.within(since).bad,
            budget_events=one.objective.budget_ratio * report.counts.total,
            busiest_per_second=busiest_per_second(
                [(burn.window_minutes, burn.total_events) for burn in report.burn_rates]
            ),
            data_until=report.data_until,
            state=report.state.value,
        )


def named_objectives(gate: Gate, objectives: Sequence[Objective], asked: Sequence[str]) -> tuple[str, ...]:
    """The ids that a run spends from: those asked for, else all that the gate names. Raises UsageError."""
    named = [one.id for one in objectives if concerns(gate, one.id, one.labels)]
    for slo in asked:
        if slo not in named:
            raise UsageError(
                f"the gate {gate.name!r} names no objective {slo!r}; it names: {', '.join(named[:20]) or 'none'}"
            )
    if not asked and not named:
        raise UsageError(f"the gate {gate.name!r} names no objective that there is")
    return tuple(dict.fromkeys(asked)) or tuple(named)

"""Gates, objectives and histories for the tests of decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from slo.decision import Decision, GateReason, Outcome, Override, Verdict, fold, worst_of
from slo.events import EventSeries
from slo.gate import BurnLimit, Gate
from slo.objective import Objective
from slo.report import evaluate
from slo.verdict import judge
from slo.window import minute_of
from tests.arithmetic.objectives import objective as lab_objective

AT = datetime(2026, 11, 1, tzinfo=UTC)
NOW = minute_of(AT)
PERIOD = 30 * 1440


def limits(**rates: str) -> tuple[BurnLimit, ...]:
    """limits(h1="14.4", h6="6")"""
    return tuple(
        BurnLimit(long_minutes=int(name[1:]) * 60, max_burn_rate=Decimal(rate)) for name, rate in rates.items()
    )


def gate(**changes: Any) -> Gate:
    """A gate that demands a quarter of the budget, unless told otherwise."""
    values: dict[str, Any] = {
        "name": "deploy",
        "objectives": ("cloudshop/*",),
        "min_budget_remaining_ratio": Decimal("0.25"),
        "max_data_age_seconds": 300,
        "on_unknown": {"default": "deny"},
    }
    return Gate(**(values | changes))


def history(
    minutes: int = PERIOD, *, total: float = 100, bad: Mapping[int, float] | None = None, coverage: float = 1.0
) -> EventSeries:
    """The same traffic in every minute up to now; bad: events by how many minutes ago they ended."""
    bad_minutes = np.zeros(minutes)
    for ago, events in (bad or {}).items():
        bad_minutes[minutes - 1 - ago] = events
    return EventSeries.from_minutes(NOW - minutes, bad_minutes, np.full(minutes, total), np.full(minutes, coverage))


def verdict(of: Gate, events: EventSeries, objective: Objective | None = None, *, at: datetime = AT) -> Verdict:
    """The verdict on a history."""
    objective = objective or lab_objective()
    return judge(of, objective, evaluate(objective, events, at=at), events, at=at)


def given(slo: str, *reasons: GateReason, data_until: int | None = NOW) -> Verdict:
    """A verdict that says these reasons."""
    outcome = worst_of(reason.outcome for reason in reasons)
    return Verdict(gate="deploy", slo=slo, outcome=outcome, reasons=reasons, data_until=data_until)


def reason(slo: str, outcome: Outcome, check: str = "min_budget_remaining", **fields: Any) -> GateReason:
    """A reason of some outcome; one that is unknown has a cause."""
    cause = "insufficient" if outcome is Outcome.UNKNOWN else ""
    values: dict[str, Any] = {"slo": slo, "check": check, "outcome": outcome, "message": check, "cause": cause}
    return GateReason(**(values | fields))


def override(**changes: Any) -> Override:
    """An override of everything by Alice, over the first of November."""
    values: dict[str, Any] = {
        "id": 1,
        "gate": "deploy",
        "slos": (),
        "by": "alice",
        "reason": "hotfix",
        "start": AT,
        "until": datetime(2026, 11, 2, tzinfo=UTC),
    }
    return Override(**(values | changes))


def decided(of: Gate, *verdicts: Verdict, at: datetime = AT, overrides: Sequence[Override] = ()) -> Decision:
    """What the gate says."""
    return fold(of, verdicts, at=at, overrides=overrides)

"""Decisions for tests of the record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from slo.decision import Decision, GateReason, Outcome, Override
from slo.record import CallerEntry, DecisionChange

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def reason(slo: str = "shop/a", outcome: Outcome = Outcome.DENY) -> GateReason:
    return GateReason(
        slo=slo,
        check="min_budget_remaining",
        outcome=outcome,
        message="12 % of the budget is left, 25 % is required",
        observed=0.12,
        threshold=0.25,
    )


def decision(outcome: Outcome = Outcome.DENY, *, gate: str = "deploy", override: Override | None = None) -> Decision:
    return Decision(
        id="d-1",
        gate=gate,
        at=AT,
        outcome=outcome,
        allowed=outcome in (Outcome.ALLOW, Outcome.WARN) or override is not None,
        dry_run=False,
        data_age_seconds=31.0,
        expires_at=AT + timedelta(minutes=1),
        reasons=() if outcome is Outcome.ALLOW else (reason(outcome=outcome),),
        decisive=None if outcome is Outcome.ALLOW else 0,
        reasons_total=0 if outcome is Outcome.ALLOW else 1,
        overridden_by=override,
    )


def call(number: int = 0, *, body: bytes = b"{}", caller: str = "token ci") -> CallerEntry:
    return CallerEntry(
        at=AT + timedelta(seconds=number), caller=caller, route="post", body=body, decision=decision(), slos=("shop/a",)
    )


def change(
    outcome: Outcome = Outcome.DENY, *, gate: str = "deploy", slo: str = "", at: datetime = AT
) -> DecisionChange:
    return DecisionChange(gate=gate, slo=slo, at=at, outcome=outcome, reasons=(reason(),))

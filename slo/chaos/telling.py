"""A plan as text and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slo.chaos.precheck import Plan
from slo.units import format_duration

SCHEMA = "slo.chaos_plan/v1"


def plan_document(plan: Plan, refusals: Sequence[str]) -> dict[str, Any]:
    engine, exposure = plan.engine, plan.exposure
    return {
        "schema": SCHEMA,
        "gate": plan.gate,
        "decision": plan.reading.outcome,
        "decision_id": plan.reading.decision_id,
        "engine": {"namespace": engine.namespace, "name": engine.name, "faults": list(engine.wish.faults)},
        "duration_seconds": exposure.duration_seconds,
        "affected_ratio": float(exposure.affected_ratio),
        "exposed_seconds": exposure.seconds,
        "budgets": [
            {
                "slo": slo,
                "worst": one.worst_events,
                "estimated": one.expected_events,
                "past_runs": one.runs,
                "allowed": one.allowed_events,
                "remaining": one.remaining_events,
            }
            for slo, one in plan.estimates.items()
        ],
        "may_start": not refusals,
        "refusals": list(refusals),
    }


def plan_text(plan: Plan, refusals: Sequence[str], *, looked: bool) -> str:
    engine, exposure = plan.engine, plan.exposure
    share = f"{float(exposure.affected_ratio) * 100:g} %"
    lines = [
        f"{engine.namespace}/{engine.name}: {', '.join(engine.wish.faults)} for"
        f" {format_duration(exposure.duration_seconds)}, at worst {share} of the requests of"
        f" {format_duration(exposure.seconds)}"
    ]
    for slo, one in plan.estimates.items():
        past = f", after {one.runs} runs {one.expected_events}" if one.expected_events != one.worst_events else ""
        lines.append(
            f"  {slo}: at worst {one.worst_events} bad events{past}; {one.remaining_events} are left,"
            f" and a run may cost {one.allowed_events}"
        )
    if not looked:
        lines.append("  the cluster was not looked at; give --kubeconfig FILE")
    lines += [f"refused: {line}" for line in refusals] or [f"gate {plan.gate}: it may start"]
    return "".join(f"{line}\n" for line in lines)

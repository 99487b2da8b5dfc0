"""A gate's decision as JSON, schema `slo.decision/v1`: what pipelines and other programs read."""

from __future__ import annotations

import json
from typing import Any

from slo.clock import format_time
from slo.decision import Decision, GateReason, Override
from slo.units import format_duration

SCHEMA = "slo.decision/v1"


def render_decision_json(decision: Decision) -> str:
    """The decision, indented, with a final newline."""
    return json.dumps(decision_document(decision), allow_nan=False, indent=2) + "\n"


def decision_document(decision: Decision) -> dict[str, Any]:
    """The decision as plain values. `dry_run` and `override` are there only where they hold."""
    reasons = enumerate(decision.reasons)
    override = decision.overridden_by
    return {
        "schema": SCHEMA,
        "id": decision.id,
        "gate": decision.gate,
        "at": format_time(decision.at),
        "decision": decision.outcome.value,
        "allowed": decision.allowed,
        **({"dry_run": True} if decision.dry_run else {}),
        **({"override": _override(override)} if override else {}),
        "data_age_seconds": decision.data_age_seconds,
        "expires_at": format_time(decision.expires_at),
        "reasons": [_reason(reason, decisive=index == decision.decisive) for index, reason in reasons],
        "more_reasons": decision.reasons_total - len(decision.reasons),
    }


def _reason(reason: GateReason, *, decisive: bool) -> dict[str, Any]:
    window = reason.window_minutes
    return {
        "slo": reason.slo,
        "check": reason.check,
        "decision": reason.outcome.value,
        "decisive": decisive,
        **({"cause": reason.cause} if reason.cause else {}),
        **({"window": format_duration(window * 60)} if window else {}),
        "observed": reason.observed,
        "threshold": reason.threshold,
        "message": reason.message,
    }


def _override(override: Override) -> dict[str, Any]:
    return {
        "id": override.id,
        "by": override.by,
        "reason": override.reason,
        "slos": list(override.slos),
        "start": format_time(override.start),
        "until": format_time(override.until),
    }

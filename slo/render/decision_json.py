"""A gate's decision as JSON, schema `slo.decision/v1`: what pipelines and other programs read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from slo.clock import format_time, parse_time
from slo.decision import Decision, GateReason, Outcome, Override
from slo.errors import UsageError
from slo.units import format_duration, parse_duration

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


def read_decision(document: Mapping[str, Any]) -> Decision:
    """The decision that a document tells. Raises ValueError for one that is not of the schema."""
    try:
        override = document.get("override")
        reasons = [_read_reason(one) for one in document["reasons"]]
        allowed, dry_run = document["allowed"], document.get("dry_run", False)
        if not isinstance(allowed, bool) or not isinstance(dry_run, bool):
            raise ValueError("allowed and dry_run are true or false")
        return Decision(
            id=str(document["id"]),
            gate=str(document["gate"]),
            at=parse_time(document["at"]),
            outcome=Outcome(document["decision"]),
            allowed=allowed,
            dry_run=dry_run,
            data_age_seconds=_number(document["data_age_seconds"]),
            expires_at=parse_time(document["expires_at"]),
            reasons=tuple(reasons),
            decisive=next((index for index, one in enumerate(document["reasons"]) if one["decisive"]), None),
            reasons_total=len(reasons) + int(document["more_reasons"]),
            overridden_by=_read_override(override, str(document["gate"])) if override else None,
        )
    except (KeyError, TypeError, AttributeError, ValueError, UsageError) as error:
        raise ValueError(f"this is no decision of {SCHEMA}: {type(error).__name__} {error}") from None


def _read_reason(one: Mapping[str, Any]) -> GateReason:
    window = one.get("window")
    return GateReason(
        slo=str(one["slo"]),
        check=str(one["check"]),
        outcome=Outcome(one["decision"]),
        message=str(one["message"]),
        cause=str(one.get("cause", "")),
        observed=_number(one["observed"]),
        threshold=_number(one["threshold"]),
        window_minutes=int(parse_duration(window)) // 60 if window is not None else None,
    )


def _read_override(one: Mapping[str, Any], gate: str) -> Override:
    return Override(
        id=int(one["id"]),
        gate=gate,
        slos=tuple(str(slo) for slo in one["slos"]),
        by=str(one["by"]),
        reason=str(one["reason"]),
        start=parse_time(one["start"]),
        until=parse_time(one["until"]),
    )


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("a number is expected")
    return float(value)

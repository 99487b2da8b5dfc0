"""Rules on chaos as a service tells them to guards elsewhere, there and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from slo.governance import ChaosRules, Hours

SCHEMA = "slo.chaos_rules/v1"


def rules_document(gate: str, rules: ChaosRules | None) -> dict[str, Any]:
    """rules: null where the gate has none."""
    return {"schema": SCHEMA, "gate": gate, "rules": None if rules is None else _plain(rules)}


def rules_of(document: Mapping[str, Any]) -> ChaosRules | None:
    """Raises ValueError for what are no rules: chaos is not run by rules that are not understood."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA or "rules" not in document:
        raise ValueError("answers something that is no rules on chaos")
    plain = document["rules"]
    if plain is None:
        return None
    try:
        return ChaosRules(
            faults=tuple(plain["faults"]),
            namespaces=tuple(plain["namespaces"]),
            labels=tuple(frozenset(labels.items()) for labels in plain["labels"]),
            service_accounts=tuple(plain["service_accounts"]),
            hours=tuple(
                Hours(days=tuple(one["days"]), start_minute=one["start_minute"], end_minute=one["end_minute"])
                for one in plain["hours"]
            ),
            time_zone=plain["time_zone"],
            max_duration_seconds=plain["max_duration_seconds"],
            max_budget_share_ratio=Decimal(plain["max_budget_share_ratio"]),
            cool_down_minutes=plain["cool_down_minutes"],
            cool_down_after_halt_minutes=plain["cool_down_after_halt_minutes"],
        )
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"answers rules on chaos that cannot be read: {type(error).__name__}") from None


def _plain(rules: ChaosRules) -> dict[str, Any]:
    return {
        "faults": list(rules.faults),
        "namespaces": list(rules.namespaces),
        "labels": [dict(sorted(labels)) for labels in rules.labels],
        "service_accounts": list(rules.service_accounts),
        "hours": [
            {"days": list(one.days), "start_minute": one.start_minute, "end_minute": one.end_minute}
            for one in rules.hours
        ],
        "time_zone": rules.time_zone,
        "max_duration_seconds": rules.max_duration_seconds,
        "max_budget_share_ratio": str(rules.max_budget_share_ratio),
        "cool_down_minutes": rules.cool_down_minutes,
        "cool_down_after_halt_minutes": rules.cool_down_after_halt_minutes,
    }

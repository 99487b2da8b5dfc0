"""What guards of chaos tell a gate when they begin, and how that is known again in the record of decisions. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

RUN_CALLER, TOOLKIT_CALLER = "slo chaos run", "chaostoolkit"


def run_told(run: str, engine: str, by: str) -> dict[str, str]:
    """By `slo chaos run`. engine: its namespace and name; by: whoever runs it."""
    return {"caller": RUN_CALLER, "run": run, "engine": engine, "by": by}


def experiment_told(run: str, experiment: str, by: str) -> dict[str, str]:
    """By the control of Chaos Toolkit. experiment: its title."""
    return {"caller": TOOLKIT_CALLER, "run": run, "experiment": experiment, "by": by}


def chaos_told(body: str) -> str:
    """What a recorded body says of chaos, for people: "run R of NAMESPACE/NAME", "experiment TITLE"; "" for none.

    A body is what its caller says of itself, and may be cut; whose token it came with is said beside it.
    """
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(told, Mapping):
        return ""
    if told.get("caller") == RUN_CALLER:
        return f"run {_text(told, 'run')} of {_text(told, 'engine')}"
    return f"experiment {_text(told, 'experiment')}" if told.get("caller") == TOOLKIT_CALLER else ""


def _text(told: Mapping[str, Any], key: str) -> str:
    return str(told.get(key, "?"))[:200]

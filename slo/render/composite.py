"""A composite of budgets, for people and for programs."""

from __future__ import annotations

import json
from datetime import datetime

from slo.clock import format_time
from slo.composite import CompositeReport
from slo.render.figures import SIMULATED_NOTE, STATE_WORDS, remaining_percent
from slo.render.incidents import percent
from slo.render.text import columns, printable
from slo.units import format_duration

SCHEMA = "slo.composite/v1"
_TITLES = ("objective", "share", "state", "budget left")


def render_table(made: CompositeReport, at: datetime, *, simulated: bool) -> str:
    """Each part with its share of the weight, then what they come to."""
    total = sum(part.weight for part in made.parts)
    rows = [
        (
            printable(part.report.slo),
            percent(float(part.weight / total)),
            STATE_WORDS[part.report.state],
            remaining_percent(part.report.budget.remaining_ratio),
        )
        for part in made.parts
    ]
    whole = ("together", "", STATE_WORDS[made.state], remaining_percent(made.remaining_ratio))
    burns = ", ".join(
        f"{format_duration(minutes * 60)} {'-' if rate is None else f'{rate:.3g}'}" for minutes, rate in made.burn_rates
    )
    lines = [SIMULATED_NOTE] if simulated else []
    lines += [f"Composite at {format_time(at)}", *columns([_TITLES, *rows, whole], right={1, 3})]
    lines.append(f"burn rates: {burns}")
    return "".join(f"{line}\n" for line in lines)


def render_json(made: CompositeReport, at: datetime, *, simulated: bool) -> str:
    """The composite as a document of schema `slo.composite/v1`. Undefined values are null."""
    document = {
        "schema": SCHEMA,
        "at": format_time(at),
        **({"simulated": True} if simulated else {}),
        "state": made.state.value,
        "consumed_ratio": made.consumed_ratio,
        "remaining_ratio": made.remaining_ratio,
        "burn_rates": [
            {"window": format_duration(minutes * 60), "burn_rate": rate} for minutes, rate in made.burn_rates
        ],
        "parts": [
            {
                "slo": part.report.slo,
                "weight": float(part.weight),
                "state": part.report.state.value,
                "consumed_ratio": part.report.budget.consumed_ratio,
            }
            for part in made.parts
        ],
    }
    return json.dumps(document, allow_nan=False, indent=2) + "\n"

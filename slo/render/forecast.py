"""Forecasts of budgets, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from slo.clock import format_time
from slo.forecast import Band, Forecast, Scenario
from slo.forecast_band import BAND_RATIO
from slo.objective import Objective
from slo.render.figures import SIMULATED_NOTE, remaining_percent
from slo.render.incidents import percent, short_time
from slo.render.text import columns, printable
from slo.units import format_duration
from slo.window import CalendarWindow, datetime_of

SCHEMA = "slo.forecast/v1"
_TITLES = ("if it goes on", "error ratio", "left at the end", "exhausted", "")
_WORDS = {
    "now": "as in the last 6h",
    "lately": "as in the last 3d",
    "usual": "as usual",
    "quiet": "without any bad event",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """The forecast of one objective; None without a budget or without events in its period."""

    objective: Objective
    at: int
    forecast: Forecast | None


def render_table(found: Sequence[Foreseen], *, simulated: bool) -> str:
    """For each objective its scenarios, the band, and how often such bands held the truth."""
    lines = [SIMULATED_NOTE] if simulated else []
    for one in found:
        lines += ["", *_lines(one)] if lines else _lines(one)
    return "".join(f"{line}\n" for line in lines)


def render_json(found: Sequence[Foreseen], *, simulated: bool) -> str:
    """The forecasts as a document of schema `slo.forecast/v1`. What is not defined, or does not come, is null."""
    document = {
        "schema": SCHEMA,
        **({"simulated": True} if simulated else {}),
        "objectives": [_document(one) for one in found],
    }
    return json.dumps(document, allow_nan=False, indent=2) + "\n"


def _lines(one: Foreseen) -> Iterator[str]:
    name, made = printable(one.objective.id), one.forecast
    if made is None:
        why = (
            "a target of 100 % has no budget" if not one.objective.budget_ratio else "there are no events in the period"
        )
        yield f"{name}: no forecast, as {why}"
        return
    left, until = remaining_percent(made.remaining_ratio), short_time(made.until)
    is_calendar = isinstance(one.objective.window, CalendarWindow)
    end = f"the period ends {until} UTC" if is_calendar else f"looking ahead to {until} UTC"
    yield f"{name} at {short_time(made.at)} UTC: {left} of the budget is left; {end}"
    yield from columns([_TITLES, *(_cells(scenario, made) for scenario in made.scenarios)], right={1, 2})
    yield _band_line(made.band, made)
    yield _coverage_line(made)


def _cells(scenario: Scenario, made: Forecast) -> tuple[str, ...]:
    back = f"something is left again {short_time(scenario.recovered_at)}" if scenario.recovered_at else ""
    is_gone = scenario.exhausted_at == made.at
    return (
        _WORDS[scenario.name],
        f"{scenario.error_ratio * 100:.3g} %",
        remaining_percent(scenario.remaining[-1]),
        "already" if is_gone else _date(scenario.exhausted_at),
        back or ("stays so for the period" if is_gone else ""),
    )


def _band_line(band: Band | None, made: Forecast) -> str:
    if band is None:
        return "no band: the history is too short to say how much days differ"
    end = made.at + band.step_minutes * len(band.low)
    low, high = remaining_percent(band.low[-1]), remaining_percent(band.high[-1])
    gone = ""
    if made.remaining_ratio > 0 and band.exhausted_from is None:
        gone = "; not exhausted until then"
    elif made.remaining_ratio > 0:
        latest = "" if band.exhausted_by is None else f", {short_time(band.exhausted_by)} at the latest"
        gone = f"; exhausted {_date(band.exhausted_from)} at the earliest{latest}"
    return f"with {BAND_RATIO * 100:.0f} %: between {low} and {high} left at {short_time(end)}{gone}"


def _coverage_line(made: Forecast) -> str:
    if not made.coverage:
        return "how often such bands held the truth cannot be told from so short a history"
    parts = [
        f"{percent(one.covered / one.made)} of {one.made} bands {format_duration(one.horizon_minutes * 60)} ahead"
        for one in made.coverage
    ]
    return f"made in the past, each from what was known then, {', '.join(parts)} held the truth"


def _date(minute: int | None) -> str:
    return "not within the period" if minute is None else short_time(minute)


def _document(one: Foreseen) -> dict[str, Any]:
    made = one.forecast
    if made is None:
        return {"slo": one.objective.id, "at": format_time(datetime_of(one.at)), "forecast": None}
    return {
        "slo": one.objective.id,
        "at": format_time(datetime_of(made.at)),
        "forecast": {
            "until": format_time(datetime_of(made.until)),
            "remaining_ratio": made.remaining_ratio,
            "projected_remaining_ratio": made.projected_ratio,
            "scenarios": [_scenario_document(scenario) for scenario in made.scenarios],
            "band": _band_document(made.band) if made.band else None,
            "coverage": [
                {
                    "horizon": format_duration(each.horizon_minutes * 60),
                    "covered_ratio": each.covered / each.made,
                    "forecasts": each.made,
                }
                for each in made.coverage
            ],
        },
    }


def _scenario_document(scenario: Scenario) -> dict[str, Any]:
    return {
        "scenario": scenario.name,
        "error_ratio": scenario.error_ratio,
        "exhausted_at": _time(scenario.exhausted_at),
        "recovered_at": _time(scenario.recovered_at),
        "remaining_ratio_by_hour": list(scenario.remaining),
    }


def _band_document(band: Band) -> dict[str, Any]:
    return {
        "probability_ratio": BAND_RATIO,
        "step": format_duration(band.step_minutes * 60),
        "low": list(band.low),
        "high": list(band.high),
        "exhausted_from": _time(band.exhausted_from),
        "exhausted_by": _time(band.exhausted_by),
    }


def _time(minute: int | None) -> str | None:
    return None if minute is None else format_time(datetime_of(minute))

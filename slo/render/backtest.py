"""Scores of alert policies, side by side, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from slo.backtest import AlertScore, Backtest, Detection, Significant
from slo.incident import IncidentRule
from slo.objective import Objective
from slo.render.figures import SIMULATED_NOTE
from slo.render.incidents import interval_document, percent, short_time
from slo.render.text import columns, printable
from slo.units import format_duration
from slo.window import Interval

SCHEMA = "slo.backtest/v1"
_MOST_LISTED = 10
_TITLES = (
    "policy",
    "alert",
    "fired",
    "a month",
    "precision",
    "recall",
    "found after",
    "budget gone",
    "over after",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One objective, what happened to it, and what each policy would have made of it."""

    objective: Objective
    within: Interval
    significant: tuple[Significant, ...]
    results: tuple[Backtest, ...]


def render_table(tested: Sequence[Tested], rule: IncidentRule | None, *, simulated: bool) -> str:
    """A table for each objective, then what each policy missed and what it fired for without an event.

    rule: how the events were found, None where people labelled them.
    """
    lines = [SIMULATED_NOTE] if simulated else []
    for one in tested:
        lines += ["", *_lines(one, rule)] if lines else _lines(one, rule)
    if tested:
        lines += ["", "Found after, budget gone and over after are medians of the events that were found."]
    return "".join(f"{line}\n" for line in lines)


def render_json(tested: Sequence[Tested], rule: IncidentRule | None, *, simulated: bool) -> str:
    """The scores as a document of schema `slo.backtest/v1`. Undefined values are null."""
    document = {
        "schema": SCHEMA,
        **({"simulated": True} if simulated else {}),
        "incident_share": float(rule.least_share) if rule else None,
        "objectives": [_document(one) for one in tested],
    }
    return json.dumps(document, allow_nan=False, indent=2) + "\n"


def alert_name(score: AlertScore) -> str:
    """The windows of one alert, or the severity as a whole."""
    if score.long_minutes is None or score.short_minutes is None:
        return f"every {score.severity}"
    windows = "/".join(format_duration(minutes * 60) for minutes in (score.long_minutes, score.short_minutes))
    return f"{score.severity} {windows}"


def _lines(one: Tested, rule: IncidentRule | None) -> Iterator[str]:
    count = len(one.significant)
    kind = "labelled event" if rule is None else "incident"
    cost = "" if rule is None else f" of at least {float(rule.least_share * 100):g} % of a period's budget"
    yield (
        f"{printable(one.objective.id)}, {short_time(one.within.start)} to {short_time(one.within.end)} UTC:"
        f" {count} {kind}{'' if count == 1 else 's'}{cost}"
    )
    rows = [_cells(result, score) for result in one.results for score in result.scores]
    if not rows:
        yield "no alert of these policies is raised"
        return
    yield from columns([_TITLES, *rows], right={2, 3, 4, 5, 6, 7, 8})
    for result in one.results:
        yield from _remarks(result)


def _cells(result: Backtest, score: AlertScore) -> tuple[str, ...]:
    return (
        printable(result.policy.name),
        alert_name(score),
        str(len(score.firings)),
        f"{score.a_month:.1f}",
        percent(score.precision_ratio),
        percent(score.recall_ratio),
        _span(score.median_detection_minutes()),
        percent(score.median_spent_ratio()),
        _span(score.median_reset_minutes()),
    )


def _remarks(result: Backtest) -> Iterator[str]:
    """What the severities as a whole missed, and fired for without an event; single alerts where there is but one."""
    whole = [score for score in result.scores if score.long_minutes is None] or result.scores
    for score in whole:
        name = f"{printable(result.policy.name)}, {alert_name(score)}"
        for event in score.missed[:_MOST_LISTED]:
            cost = "" if event.consumed_ratio is None else f", {percent(event.consumed_ratio)} of the budget"
            yield f"{name}: missed {_event(event)}{cost}"
        yield from _more(name, "missed", len(score.missed))
        for firing in score.unmatched[:_MOST_LISTED]:
            yield f"{name}: fired without an event, {short_time(firing.start)} to {short_time(firing.end)}"
        yield from _more(name, "fired without an event", len(score.unmatched))


def _more(name: str, what: str, count: int) -> Iterator[str]:
    if count > _MOST_LISTED:
        yield f"{name}: {what} {count - _MOST_LISTED} more times (-o json lists all)"


def _event(event: Significant) -> str:
    name = f"{printable(event.name)}, " if event.name else ""
    return f"{name}{short_time(event.interval.start)} to {short_time(event.interval.end)}"


def _span(minutes: float | None) -> str:
    if minutes is None:
        return "-"
    text = format_duration(round(abs(minutes) * 60))
    return f"-{text}" if minutes < 0 else text


def _document(one: Tested) -> dict[str, Any]:
    return {
        "slo": one.objective.id,
        **interval_document(one.within),
        "events": [_event_document(event) for event in one.significant],
        "policies": [
            {"policy": result.policy.name, "alerts": [_score_document(score) for score in result.scores]}
            for result in one.results
        ],
    }


def _event_document(event: Significant) -> dict[str, Any]:
    return {
        **({"name": event.name} if event.name else {}),
        **interval_document(event.interval),
        "bad_events": event.bad_events,
        "consumed_ratio": event.consumed_ratio,
    }


def _score_document(score: AlertScore) -> dict[str, Any]:
    windows = [None if minutes is None else format_duration(minutes * 60) for minutes in _windows(score)]
    return {
        "severity": score.severity,
        "long_window": windows[0],
        "short_window": windows[1],
        "factor": score.factor,
        "firings": [interval_document(firing) for firing in score.firings],
        "firings_a_month": score.a_month,
        "precision_ratio": score.precision_ratio,
        "recall_ratio": score.recall_ratio,
        "median_detection_minutes": score.median_detection_minutes(),
        "median_reset_minutes": score.median_reset_minutes(),
        "median_spent_ratio": score.median_spent_ratio(),
        "detections": [_detection_document(one) for one in score.detections],
        "unmatched": [interval_document(firing) for firing in score.unmatched],
    }


def _windows(score: AlertScore) -> tuple[int | None, int | None]:
    return score.long_minutes, score.short_minutes


def _detection_document(one: Detection) -> dict[str, Any]:
    return {
        **interval_document(one.event.interval),
        "detection_minutes": one.detection_minutes,
        "reset_minutes": one.reset_minutes,
        "spent_ratio": one.spent_ratio,
    }

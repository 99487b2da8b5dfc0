"""Corrections for people and programs: those in force, their history, and what one would change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from slo.clock import format_time
from slo.correction import Correction, CorrectionEntry
from slo.recurrence import Recurrence
from slo.render import figures
from slo.render.text import printable
from slo.report import ObjectiveReport
from slo.units import format_duration
from slo.window import Interval, datetime_of

SCHEMA = "slo.corrections/v1"


def in_force_json(corrections: Sequence[Correction]) -> str:
    """Schema slo.corrections/v1."""
    return _json({"schema": SCHEMA, "corrections": [correction_document(one) for one in corrections]})


def correction_document(one: Correction) -> dict[str, Any]:
    """One correction as plain values; `rule` is there only where it comes again."""
    return {
        "id": one.id,
        "slos": list(one.slos),
        "category": one.category.value,
        "reason": one.reason,
        "author": one.author,
        "made_at": format_time(one.made_at),
        **_when_document(one.when),
    }


def correction_lines(corrections: Sequence[Correction]) -> Iterator[str]:
    if not corrections:
        yield "no correction is in force\n"
    for one in corrections:
        yield f"{one.id}: {_sentence(one)}\n"


def trial_lines(pairs: Sequence[tuple[ObjectiveReport, ObjectiveReport]]) -> Iterator[str]:
    """What a correction changes of each objective; each pair: the report without and with it, as the last of its."""
    for before, after in pairs:
        applied = [one for one in after.corrections if one.correction.id == 0]
        if not applied:
            yield f"{printable(after.slo)}: nothing of its window would be left out\n"
            continue
        one = applied[0]
        left = (
            "nothing of the window would be left to judge by"
            if not after.counts.total
            else f"budget left {_left(before)} -> {_left(after)}"
        )
        out = f"{one.bad_events} bad of {one.total_events} events in {format_duration(one.minutes * 60)} left out"
        yield f"{printable(after.slo)}: {out}; {left}; state {before.state.value} -> {after.state.value}\n"


def entry_lines(entries: Sequence[CorrectionEntry]) -> Iterator[str]:
    """The history, oldest first."""
    if not entries:
        yield "nothing was ever corrected\n"
    for one in entries:
        if one.made is not None:
            yield f"{one.id}: {_sentence(one.made)}\n"
        else:
            who = f"{one.author}, {format_time(one.at)}"
            yield printable(f"{one.id}: correction {one.withdraws} withdrawn: {one.reason} ({who})") + "\n"


def entries_json(entries: Sequence[CorrectionEntry]) -> str:
    """The history in schema slo.corrections/v1; a withdrawal names what it `withdraws`."""
    return _json({"schema": SCHEMA, "entries": [entry_document(one) for one in entries]})


def entry_document(one: CorrectionEntry) -> dict[str, Any]:
    """One entry as plain values."""
    if one.made is not None:
        return correction_document(one.made)
    at = format_time(one.at)
    return {"id": one.id, "withdraws": one.withdraws, "reason": one.reason, "author": one.author, "made_at": at}


def _sentence(one: Correction) -> str:
    who = f"{one.category.value}, {one.author}, {format_time(one.made_at)}"
    return printable(f"{_when(one.when)} of {', '.join(one.slos)}: {one.reason} ({who})")


def _when(when: Interval | Recurrence) -> str:
    if isinstance(when, Interval):
        return f"{_time(when.start)} to {_time(when.end)}"
    length = format_duration(when.duration_minutes * 60)
    return f"{length} by {when.rule} from {format_time(when.start)} ({when.time_zone})"


def _when_document(when: Interval | Recurrence) -> dict[str, Any]:
    if isinstance(when, Interval):
        return {"start": _time(when.start), "end": _time(when.end)}
    length = format_duration(when.duration_minutes * 60)
    return {"start": format_time(when.start), "duration": length, "rule": when.rule, "time_zone": when.time_zone}


def _left(report: ObjectiveReport) -> str:
    left = figures.remaining_percent(report.budget.remaining_ratio)
    return f"{left} ({figures.minutes(report.budget.remaining_minutes)} minutes)"


def _time(minute: int) -> str:
    return format_time(datetime_of(minute))


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, allow_nan=False, indent=2) + "\n"

"""The report as Markdown, for a merge request or a ticket."""

from __future__ import annotations

import re

from slo.clock import format_time
from slo.render import figures
from slo.render.notes import notes_of
from slo.render.text import printable
from slo.report import ObjectiveReport, Report

_BURN_WINDOWS = (60, 360, 4320)
_COLUMNS = (
    "objective",
    "state",
    "availability",
    "target",
    "budget left",
    "minutes left",
    "burn 1h",
    "burn 6h",
    "burn 3d",
    "seen",
    "of window",
)


def render_markdown(report: Report) -> str:
    """A heading line, a table with the worst budget first, then what there is to say about the figures."""
    lines = [f"**Error budgets at {format_time(report.at)}**", ""]
    if report.simulated:
        lines += [f"**{figures.SIMULATED_NOTE}.**", ""]
    lines += [_row(_COLUMNS), "|:--|:--|" + "--:|" * (len(_COLUMNS) - 2)]
    lines += [_row(_cells(entry)) for entry in figures.worst_first(report.objectives)]
    lines += ["", figures.MINUTES_NOTE]
    notes = [f"- {escaped(', '.join(note.slos))}: {escaped(note.message)}" for note in notes_of(report)]
    return "\n".join(lines + (["", *notes] if notes else [])) + "\n"


def _cells(entry: ObjectiveReport) -> tuple[str, ...]:
    budget = entry.budget
    word = figures.STATE_WORDS[entry.state]
    return (
        escaped(entry.slo),
        word if word == "ok" else f"**{word}**",
        figures.availability_percent(entry),
        figures.target_percent(entry),
        figures.remaining_percent(budget.remaining_ratio),
        f"{figures.minutes(budget.remaining_minutes)} of {figures.minutes(budget.total_minutes)}",
        *(figures.burn_rate(entry, minutes) for minutes in _BURN_WINDOWS),
        figures.share_percent(entry.coverage_ratio),
        figures.share_percent(entry.observed_ratio),
    )


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def escaped(text: str) -> str:
    """Names are text: no markup, no cell or line of their own, nobody notified by an @."""
    backslashed = re.sub(r"([\\`*_\[\]<>|~#&!])", r"\\\1", printable(text))
    return backslashed.replace("@", "&#64;")

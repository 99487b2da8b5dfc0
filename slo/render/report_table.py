"""The report for a person at a terminal: which budget is in danger, at a glance."""

from __future__ import annotations

import io

from rich.console import Console
from rich.measure import Measurement
from rich.style import Style
from rich.table import Table
from rich.text import Text

from slo.clock import format_time
from slo.render import figures
from slo.render.notes import notes_of
from slo.render.text import printable
from slo.report import ObjectiveReport, Report, State

_BURN_WINDOWS = {"1h": 60, "6h": 360, "3d": 4320}
_BAR_CELLS = 8
_UNBOUNDED = 10_000
_COLOURS = {
    State.OK: "green",
    State.BURNING: "yellow",
    State.EXHAUSTED: "red",
    State.INSUFFICIENT_DATA: "magenta",
    State.NO_DATA: "magenta",
    State.NO_TRAFFIC: "cyan",
}


def render_table(report: Report, *, width: int = 80, colour: bool = False, ascii_only: bool = False) -> str:
    """Worst first, then alerts and reasons in sentences. Without colour there is no escape sequence at all.

    width: columns of the terminal; each objective takes one line where that fits, else two or three.
    """
    text = io.StringIO()
    console = Console(
        file=text,
        width=max(width, 60),
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )
    banner = Text(f" {figures.SIMULATED_NOTE} ", Style(bold=True, reverse=True))
    if report.simulated:
        console.print(banner)
    console.print(Text(f"Error budgets at {format_time(report.at)}", "bold"))
    wide = _table(report, True, ascii_only)
    fits = Measurement.get(console, console.options.update_width(_UNBOUNDED), wide).maximum <= console.width
    console.print(wide if fits else _table(report, False, ascii_only))
    console.print(Text(figures.MINUTES_NOTE, "dim"))
    console.print(
        Text(
            "Seen: share of the time since the first observation / share of the window that this is.",
            "dim",
        )
    )
    for note in notes_of(report):
        names = printable(", ".join(note.slos))
        console.print(
            Text.assemble(
                (names, "bold"),
                ": ",
                (printable(note.message), "yellow" if note.alert else ""),
            )
        )
    if report.simulated:
        console.print(banner)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _table(report: Report, wide: bool, ascii_only: bool) -> Table:
    # No side or row lines: they cost width and say nothing.
    table = Table(
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        header_style="bold",
        collapse_padding=True,
    )
    table.add_column("objective", overflow="fold", ratio=None, min_width=14)
    table.add_column("state", min_width=10, max_width=15 if wide else 10)
    for title in ("availability", "budget left", "minutes left") if wide else ("avail.", "budget", "minutes"):
        table.add_column(title, justify="right", no_wrap=True)
    for name in _BURN_WINDOWS:
        table.add_column(f"burn {name}" if wide else f"burn\n{name}", justify="right", no_wrap=True)
    table.add_column("seen", justify="right", no_wrap=True)
    for entry in figures.worst_first(report.objectives):
        table.add_row(*_cells(entry, wide, ascii_only))
    return table


def _cells(entry: ObjectiveReport, wide: bool, ascii_only: bool) -> list[Text]:
    budget, colour = entry.budget, _COLOURS[entry.state]
    below = " " if wide else "\n"
    bar = _bar(budget.remaining_ratio, ascii_only)
    left = figures.remaining_percent(budget.remaining_ratio)
    return [
        Text(_name(entry, wide), overflow="fold"),
        Text(figures.STATE_WORDS[entry.state], f"bold {colour}"),
        Text(f"{figures.availability_percent(entry)}{below}of {figures.target_percent(entry)}"),
        Text.assemble(left, below, (bar, colour)),
        Text(f"{figures.minutes(budget.remaining_minutes)}{below}of {figures.minutes(budget.total_minutes)}"),
        *(Text(figures.burn_rate(entry, minutes)) for minutes in _BURN_WINDOWS.values()),
        Text(f"{figures.share_percent(entry.coverage_ratio)}{below}/ {figures.share_percent(entry.observed_ratio)}"),
    ]


def _name(entry: ObjectiveReport, wide: bool) -> str:
    """The id; where lines are short it is broken between service, name and group, not anywhere."""
    name = printable(entry.slo)
    return name if wide else name.replace("/", "/\n", 1).replace("{", "\n{", 1)


def _bar(ratio: float | None, ascii_only: bool) -> str:
    """As many full cells as are certainly left: an almost empty budget shows an empty bar."""
    if ratio is None:
        return ""
    full = int(min(max(ratio, 0.0), 1.0) * _BAR_CELLS)
    filled, empty = ("#", ".") if ascii_only else ("\u2588", "\u2591")
    return filled * full + empty * (_BAR_CELLS - full)

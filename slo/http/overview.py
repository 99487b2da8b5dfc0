"""The page of all objectives: from frozen values to HTML, nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from slo.decision import Decision
from slo.http.cards import Health, cards
from slo.http.drawing import bar, sparkline
from slo.http.rendering import environment, group_text, path_of
from slo.http.selection import EVERYTHING, PAGE_ROWS, Query, select
from slo.render.figures import STATE_WORDS, UNDEFINED, minutes, remaining_percent, speed
from slo.report import State
from slo.serving.views import Row

COLUMNS = (
    ("worst", "State"),
    ("name", "Objective"),
    ("availability", "Availability"),
    ("budget", "Budget left"),
    ("minutes", "Minutes left"),
    ("burn_1h", "Burn 1 h"),
    ("burn_6h", "Burn 6 h"),
)
_NEEDS_A_LOOK = (State.EXHAUSTED, State.BURNING, State.INSUFFICIENT_DATA, State.NO_DATA)


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it is written: texts, and the coordinates of its drawings."""

    kind: str
    word: str
    path: str
    service: str
    name: str
    group: str
    target: str
    note: str
    availability: str
    remaining: str
    bar: tuple[int, int]
    minutes: str
    total: str
    burns: tuple[tuple[str, bool], ...]
    spark: str


def line_of(row: Row, note: str = "") -> Line:
    service, _, rest = row.slo.partition("/")
    return Line(
        kind=row.state.value,
        word=STATE_WORDS[row.state],
        path=path_of(row.slo, row.group),
        service=service,
        name=rest.partition("{")[0],
        group=group_text(row.group),
        target=f"{row.target_percent} {'by' if row.window_text.startswith('calendar') else 'over'} {row.window_text}",
        note=row.reason or note,
        availability=row.availability_percent,
        remaining=remaining_percent(row.remaining_ratio),
        bar=bar(row.remaining_ratio),
        minutes=minutes(row.remaining_minutes),
        total=minutes(row.total_minutes),
        burns=tuple((speed(burn), burn is not None and burn > 1) for burn in (row.burn_1h, row.burn_6h)),
        spark=sparkline(row.sparkline),
    )


def render_overview(
    rows: Sequence[Row], decisions: Sequence[Decision], health: Health, query: Query = EVERYTHING, *, base: str = ""
) -> str:
    """The whole document. base: what leads from the page's address to the service's root, "" from the root itself."""
    selection = select(rows, query)
    of_groups = _group_notes(rows)
    return (
        environment()
        .get_template("overview.html")
        .render(
            base=base,
            health=health,
            cards=cards(decisions),
            query=query,
            selection=selection,
            lines=[line_of(row, "" if row.group else of_groups.get(row.slo, "")) for row in selection.rows],
            columns=COLUMNS,
            total=sum(selection.counts.values()),
            troubled=sum(selection.counts.get(state, 0) for state in _NEEDS_A_LOOK),
            page_rows=PAGE_ROWS,
            undefined=UNDEFINED,
        )
    )


def _group_notes(rows: Sequence[Row]) -> dict[str, str]:
    """For objectives with groups that fare badly, how many: a whole that is well must not hide them."""
    bad: dict[str, Counter[State]] = {}
    for row in rows:
        if row.group and row.state in _NEEDS_A_LOOK:
            bad.setdefault(row.slo.partition("{")[0], Counter())[row.state] += 1
    return {
        slo: "groups: " + ", ".join(f"{counts[state]} {STATE_WORDS[state]}" for state in _NEEDS_A_LOOK if counts[state])
        for slo, counts in bad.items()
    }

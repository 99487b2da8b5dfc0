"""All objectives at a glance, those with the least budget first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafanalib import core

from slo.objective import Objective
from slo.render.dashboards import queries
from slo.render.dashboards.frame import Site, dashboard, datasource_variable, filter_variable
from slo.render.dashboards.headline import BURN_STEPS, STATES, Headline
from slo.render.dashboards.panels import GREEN, GREY, ORANGE, RED, REFS, Looks, Query, column, stat, table, thresholds
from slo.render.dashboards.thresholds import budget_steps
from slo.units import format_duration

_TAKEN = {"datasource", "service"}
_STATES = ((2, "Exhausted", RED), (1, "Burning", ORANGE), (0, "Ok", GREEN), (-1, "No data", GREY))
_COLORED = {"custom_displayMode": "color-background"}


def overview(site: Site, objectives: Sequence[Objective]) -> core.Dashboard:
    labels = sorted({label for objective in objectives for label in objective.labels})
    variables = {f"label_{label}" if label in _TAKEN else label: label for label in labels}
    chosen = _matchers(variables)
    return dashboard(
        site,
        "overview",
        "Every objective with what is left of its budget, the worst first.",
        panels=[
            *(_count(state, name, color, 6 * i, chosen) for i, (state, name, color) in enumerate(_STATES)),
            _table(Headline(site, objectives), objectives, chosen),
            _courses(chosen),
        ],
        variables=[
            datasource_variable(),
            filter_variable("service", "slo_service", "Service", everywhere=True),
            *(
                filter_variable(name, label, label, everywhere=all(label in one.labels for one in objectives))
                for name, label in variables.items()
            ),
        ],
        chosen=chosen,
        since="7d",
    )


def _matchers(variables: dict[str, str]) -> str:
    """Values of labels are anybody's text: as a pattern in backticks, where PromQL reads every character as it is."""
    filters = "".join(f",{label}=~`${{{name}:regex}}`" for name, label in variables.items())
    return f'slo_service=~"$service"{filters}'


def _count(state: int, name: str, color: str, x: int, chosen: str) -> core.Stat:
    return stat(
        name,
        f"Objectives in this state: {name.lower()}.",
        Query(f"count((\n{queries.state(chosen)}\n) == {state}) or vector(0)", legend=name),
        Looks("short", decimals=0, steps=((GREY, None), (color, 1))),
        (x, 0, 6, 4),
        colorMode="value",
    )


def _table(headline: Headline, objectives: Sequence[Objective], chosen: str) -> core.Table:
    windows = sorted({pair.long_minutes for objective in objectives for pair in objective.alert_policy.pairs})
    names = [format_duration(minutes * 60) for minutes in windows]
    columns = {
        "State": queries.state(chosen),
        "Budget left": queries.budget_remaining(chosen),
        "Minutes left": queries.minutes_remaining(chosen),
        **{f"Burn rate {name}": queries.burn_rate(name, chosen) for name in names},
        "Current SLO": queries.availability(chosen),
        "Target": queries.target(chosen),
        "Coverage": queries.coverage(chosen),
    }
    return table(
        "Objectives",
        "The least budget first; what has none known stands last. Burn rates over 1 spend more than the period bears."
        " The objective's name leads to its detail.",
        [Query(query, table=True) for query in columns.values()],
        Looks("none", overrides=_columns(headline, names)),
        (0, 4, 24, 12),
        transformations=_one_row_an_objective(list(columns)),
        sort_by=("Budget left", False),
    )


def _columns(headline: Headline, windows: Sequence[str]) -> list[dict[str, Any]]:
    """How each column looks."""
    burn = {"unit": "short", "decimals": 2, "thresholds": thresholds(BURN_STEPS), "custom_displayMode": "color-text"}
    percent = {"unit": "percentunit"}
    return [
        column("Objective", links=headline.links("${__value.text}"), custom_width=280),
        column("State", mappings=STATES, **_COLORED),
        column("Budget left", **percent, decimals=1, thresholds=thresholds(budget_steps()), **_COLORED),
        column("Minutes left", unit="none", decimals=1),
        *(column(f"Burn rate {window}", **burn) for window in windows),
        column("Current SLO", **percent, decimals=4),
        column("Target", **percent),
        column("Coverage", **percent, decimals=1),
    ]


def _one_row_an_objective(names: Sequence[str]) -> list[dict[str, Any]]:
    """The answers, which share time and id, put side by side; then named."""
    values = {f"Value #{REFS[i]}": name for i, name in enumerate(names)}
    order = {name: i for i, name in enumerate(["slo", *values])}
    organized = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": {"slo": "Objective", **values}}
    return [{"id": "merge", "options": {}}, {"id": "organize", "options": organized}]


def _courses(chosen: str) -> core.Stat:
    return stat(
        "Budget left, over the time range",
        "Whether a budget is recovering or running out: the figure of now above its course.",
        Query(queries.budget_remaining(chosen)),
        # From none to all of it, or a change of a percent would look like a collapse.
        Looks("percentunit", decimals=1, low=0, high=1, steps=budget_steps()),
        (0, 16, 24, 8),
        spark=True,
        colorMode="value",
        textMode="value_and_name",
    )

"""One objective in detail: how its budget burns down, what alerts, which groups and hours spent it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from grafanalib import core

from slo.alert_policy import WindowPair
from slo.objective import Objective
from slo.render.dashboards import queries
from slo.render.dashboards.frame import Site, dashboard, datasource_variable, objective_variable, period_variable
from slo.render.dashboards.headline import Headline
from slo.render.dashboards.panels import (
    RED,
    REFS,
    Looks,
    Query,
    column,
    graph,
    override,
    row,
    table,
    thresholds,
    timeline,
)
from slo.render.dashboards.queries import CHOSEN
from slo.render.dashboards.thresholds import budget_steps
from slo.units import format_duration

_PERIOD = "$period"
_DASHED = {"custom_lineStyle": {"fill": "dash", "dash": [10, 10]}, "custom_fillOpacity": 0}


def detail(site: Site, objectives: Sequence[Objective]) -> core.Dashboard:
    headline = Headline(site, objectives)
    pairs = _pairs(objectives)
    groups = sorted({label for objective in objectives for label in objective.group_by})
    panels: list[core.Panel] = [
        headline.availability((0, 0, 6, 7)),
        headline.budget((6, 0, 6, 7)),
        headline.minutes((12, 0, 4, 7)),
        headline.state((16, 0, 4, 7)),
        headline.coverage((20, 0, 4, 7)),
        _burn_down((0, 7, 12, 9)),
        _error_ratio((12, 7, 12, 9)),
        _events((0, 16, 12, 8)),
        _dearest((12, 16, 12, 8)),
    ]
    y = 24
    if pairs:
        panels.append(row("Alerts", y))
        panels += [_pair(key, objectives, (i % 2 * 12, y + 1 + i // 2 * 8, 12, 8)) for i, key in enumerate(pairs)]
        y += 1 + (len(pairs) + 1) // 2 * 8
        panels.append(_firing((0, y, 24, 6)))
        y += 6
    if groups:
        panels += [row("Groups", y), _groups(groups, (0, y + 1, 24, 10))]
    return dashboard(
        site,
        "detail",
        "One objective: its budget over the period, its alerts, its groups and what spent the budget.",
        panels=panels,
        variables=[datasource_variable(), objective_variable(objectives), period_variable()],
        chosen=CHOSEN,
        since="24h",
    )


def _burn_down(place: tuple[int, int, int, int]) -> core.TimeSeries:
    return graph(
        "Burn-down of the budget",
        "What is left of the period's budget as it is spent, beside a spend that is even over the period (dashed)."
        " A steep fall is an incident; below the dashed line it goes faster than it may. Of a calendar window it"
        " shows the time range that is chosen above.",
        [Query(queries.burn_down(), "{{slo}}"), Query(queries.even_spend(), "even spend")],
        Looks("percentunit", decimals=1, high=1, overrides=[_dashed("even spend")]),
        place,
        over=_PERIOD,
    )


def _error_ratio(place: tuple[int, int, int, int]) -> core.TimeSeries:
    return graph(
        "Error ratio and what is allowed",
        "The share of bad events in the hour before each point; the dashed line is what the target allows over the"
        " whole period.",
        [
            Query(queries.error_ratio("1h", CHOSEN), "{{slo}} 1h"),
            Query(queries.allowed_error_ratio(CHOSEN), "{{slo}} allowed"),
        ],
        Looks("percentunit", decimals=3, low=0, overrides=[_dashed(".* allowed")]),
        place,
    )


def _events(place: tuple[int, int, int, int]) -> core.TimeSeries:
    return graph(
        "Events a minute",
        "All events and bad ones. Without events there is no ratio: look here first when a figure is missing.",
        [
            # Rules and the service say something new once a minute: rates over less would be all or nothing.
            Query(queries.events_per_minute("total", CHOSEN), "{{slo}} all", step="1m"),
            Query(queries.events_per_minute("bad", CHOSEN), "{{slo}} bad", step="1m"),
        ],
        Looks("short", decimals=1, low=0, overrides=[override(_named(".* bad"), _fixed(RED))]),
        place,
    )


def _dearest(place: tuple[int, int, int, int]) -> core.Table:
    """PromQL finds no incidents; the hours that spent the most lead to them."""
    organized = {
        "excludeByName": {},
        "indexByName": {"Time": 0, "slo": 1, "Value": 2},
        "renameByName": {"Time": "Hour up to", "slo": "Objective", "Value": "Share of the budget"},
    }
    return table(
        "What spent the budget: the ten dearest hours",
        "The hours of the period with the most bad events, as shares of the period's budget. Compare them with"
        " deploys, chaos runs and alerts of the time.",
        [Query(queries.dearest_hours(), table=True, step="1h")],
        Looks("percentunit", decimals=1, overrides=[column("Hour up to", unit="dateTimeAsIso")]),
        place,
        transformations=[
            {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": "Value", "desc": True}]}},
            {"id": "limit", "options": {"limitField": 10}},
            {"id": "organize", "options": organized},
        ],
        sort_by=("Share of the budget", True),
        over=_PERIOD,
    )


def _pairs(objectives: Sequence[Objective]) -> list[tuple[str, int, int]]:
    """Severity, long and short window of every pair that any objective has, the most urgent first."""
    pairs = {
        (pair.severity, pair.long_minutes, pair.short_minutes)
        for objective in objectives
        if objective.budget_ratio
        for pair in objective.alert_policy.pairs
    }
    return sorted(pairs)


def _pair(
    key: tuple[str, int, int], objectives: Sequence[Objective], place: tuple[int, int, int, int]
) -> core.TimeSeries:
    severity, long, short = key[0], format_duration(key[1] * 60), format_duration(key[2] * 60)
    return graph(
        f"{severity.capitalize()}: {long} and {short}",
        f"The {severity} fires while both curves are over the dashed threshold: the long window tells that it"
        " matters, the short one that it still goes on.",
        [
            Query(queries.burn_rate(long, CHOSEN), f"{{{{slo}}}} {long}"),
            Query(queries.burn_rate(short, CHOSEN), f"{{{{slo}}}} {short}"),
            Query(queries.factor(_factors(key, objectives)), "{{slo}} threshold"),
        ],
        Looks("short", decimals=2, low=0, overrides=[_dashed(".* threshold")]),
        place,
    )


def _factors(key: tuple[str, int, int], objectives: Sequence[Objective]) -> list[tuple[str, float]]:
    """The factor by matchers of the objectives: none where it is one for all, their periods, or else their ids."""
    factors = {objective.id: _factor(key, objective) for objective in objectives}
    known = [objective for objective in objectives if factors[objective.id] is not None]
    values = Counter(factors[objective.id] for objective in known)
    if len(values) == 1 and len(known) == len(objectives):
        return [("", float(next(iter(values)) or 0))]
    found: list[tuple[str, float]] = []
    for value in values:
        ids = sorted(objective.id for objective in known if factors[objective.id] == value)
        found.append((f',slo=~"{"|".join(ids)}"', float(value or 0)))
    return found


def _factor(key: tuple[str, int, int], objective: Objective) -> float | None:
    def same(pair: WindowPair) -> bool:
        return (pair.severity, pair.long_minutes, pair.short_minutes) == key

    pair = next(filter(same, objective.alert_policy.pairs), None) if objective.budget_ratio else None
    return None if pair is None else pair.factor(objective.window.nominal_minutes)


def _firing(place: tuple[int, int, int, int]) -> core.StateTimeline:
    return timeline(
        "Alerts that fired",
        "When each alert on the budget was firing. Empty is good.",
        Query(queries.firing(CHOSEN), "{{slo}} {{severity}} {{long_window}}"),
        Looks("none", mappings=[{"type": "value", "options": {"1": {"text": "firing", "color": RED, "index": 0}}}]),
        place,
    )


def _groups(labels: Sequence[str], place: tuple[int, int, int, int]) -> core.Table:
    columns = {
        "Budget left": ("slo_budget_remaining_ratio", "slo:budget_remaining:ratio"),
        "Minutes left": ("slo_budget_remaining_minutes", "slo:budget_remaining:minutes"),
        "Burn rate 1h": ("slo_burn_rate", "slo:burn_rate:1h"),
    }
    found = []
    for name, (exact, recorded) in columns.items():
        window = ',window="1h"' if "Burn" in name else ""
        selectors = f"{exact}{{{CHOSEN}{window}}}", f"{recorded}{{{CHOSEN}}}"
        found.append(Query(queries.by_group(*selectors, labels), table=True))
    values = {f"Value #{REFS[i]}": name for i, name in enumerate(columns)}
    organized: Mapping[str, Any] = {
        "excludeByName": {"Time": True},
        "indexByName": {name: i for i, name in enumerate(["slo", *labels, *values])},
        "renameByName": {"slo": "Objective", **values},
    }
    looks = {"thresholds": thresholds(budget_steps()), "custom_displayMode": "color-background"}
    return table(
        "Budget of each group",
        "The budget of each group by itself, the least first; empty for objectives without groups.",
        found,
        Looks(
            "none",
            overrides=[
                column("Budget left", unit="percentunit", decimals=1, **looks),
                column("Minutes left", unit="none", decimals=1),
                column("Burn rate 1h", unit="short", decimals=2),
            ],
        ),
        place,
        transformations=[{"id": "merge", "options": {}}, {"id": "organize", "options": organized}],
        sort_by=("Budget left", False),
    )


def _dashed(pattern: str) -> dict[str, Any]:
    return override(_named(pattern), {**_fixed("text"), **_DASHED})


def _named(pattern: str) -> dict[str, Any]:
    return {"id": "byRegexp", "options": pattern}


def _fixed(color: str) -> dict[str, Any]:
    return {"color": {"mode": "fixed", "fixedColor": color}}

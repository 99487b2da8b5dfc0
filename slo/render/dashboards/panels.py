"""Panels as Grafana 9 to 13 draw them: grafanalib's, with what it leaves out or sets wrongly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grafanalib import core

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
GREEN, ORANGE, RED, GREY = "green", "orange", "red", "text"

REFS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Names of a panel's queries, in their order."""

Place = tuple[int, int, int, int]
"""Column and row, width and height, in the 24 columns of a dashboard."""


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL and what a series of it is called; at once, or over the time range."""

    expr: str
    legend: str = "{{slo}}"
    table: bool = False
    step: str = ""


@dataclass(frozen=True, slots=True)
class Looks:
    """How values are shown. steps: colours from their value on, the first from below all others.

    overrides: for some series or columns only. links: of a value.
    """

    unit: str
    decimals: int | None = None
    low: float | None = None
    high: float | None = None
    steps: Sequence[tuple[str, float | None]] = ((GREEN, None),)
    mappings: Sequence[Mapping[str, Any]] = ()
    links: Sequence[Mapping[str, Any]] = ()
    overrides: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    no_value: str = "no data"


def thresholds(steps: Sequence[tuple[str, float | None]]) -> dict[str, Any]:
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]}


def gauge(title: str, description: str, query: Query, looks: Looks, place: Place) -> core.GaugePanel:
    """The value of now on a dial."""
    options = {**_reduced(), "showThresholdLabels": False, "showThresholdMarkers": True, "orientation": "auto"}
    common = _common(title, description, [query], looks, place, options, instant=True)
    return core.GaugePanel(**common, format=looks.unit, min=looks.low, max=looks.high, calc="lastNotNull")


def stat(
    title: str, description: str, query: Query, looks: Looks, place: Place, *, spark: bool = False, **options: Any
) -> core.Stat:
    """The value of now in figures; with `spark` above its course over the time range."""
    common = _common(title, description, [query], looks, place, options, instant=not spark)
    return core.Stat(
        **common,
        format=looks.unit,
        reduceCalc="lastNotNull",
        graphMode="area" if spark else "none",
        noValue=looks.no_value,
        overrides=list(looks.overrides),
    )


def graph(
    title: str,
    description: str,
    queries: Sequence[Query],
    looks: Looks,
    place: Place,
    *,
    lines_at_steps: bool = False,
    over: str | None = None,
) -> core.TimeSeries:
    """Courses over the time range, or over the range `over`; `lines_at_steps` draws the thresholds."""
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    # By their thresholds two lines would be of one colour.
    common = _common(title, description, queries, looks, place, options, instant=False, color="palette-classic")
    return core.TimeSeries(
        **common,
        unit=looks.unit,
        overrides=list(looks.overrides),
        thresholdsStyleMode="line" if lines_at_steps else "off",
        fillOpacity=8,
        showPoints="never",
        stacking={"mode": "none", "group": "A"},
        timeFrom=over,
        maxDataPoints=None,
    )


def table(
    title: str,
    description: str,
    queries: Sequence[Query],
    looks: Looks,
    place: Place,
    *,
    transformations: Sequence[Mapping[str, Any]],
    sort_by: tuple[str, bool],
    over: str | None = None,
) -> core.Table:
    """Rows, sorted by a column and whether downwards."""
    at_once = not any(query.step for query in queries)
    options = {"footer": {"show": False, "reducer": ["sum"], "fields": ""}, "cellHeight": "sm"}
    common = _common(title, description, queries, looks, place, options, instant=at_once)
    column, downwards = sort_by
    return core.Table(
        **{**common, "transformations": list(transformations), "maxDataPoints": 100 if at_once else 11000},
        unit=looks.unit,
        overrides=list(looks.overrides),
        sortBy=[core.TableSortByField(column, downwards)],
        timeFrom=over,
    )


def timeline(title: str, description: str, query: Query, looks: Looks, place: Place) -> core.StateTimeline:
    """When each series was there."""
    options = {"tooltip": {"mode": "single", "sort": "none"}, "legend": {"showLegend": False}}
    common = _common(title, description, [query], looks, place, options, instant=False)
    # Not in a hundred steps: a short alert would fall between two.
    return core.StateTimeline(
        **common, showValue="never", rowHeight=0.8, overrides=list(looks.overrides), maxDataPoints=None
    )


def row(title: str, y: int) -> core.RowPanel:
    return core.RowPanel(title=title, gridPos=core.GridPos(h=1, w=24, x=0, y=y))


def column(name: str, **properties: Any) -> dict[str, Any]:
    """An override of one column of a table: unit, decimals, links and so on, by Grafana's names of them."""
    return override({"id": "byName", "options": name}, properties)


def override(matcher: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """custom_x stands for the property custom.x."""
    named = [{"id": key.replace("custom_", "custom."), "value": value} for key, value in properties.items()]
    return {"matcher": dict(matcher), "properties": named}


def texts(values: Mapping[float, tuple[str, str]]) -> list[dict[str, Any]]:
    """Words and colours in the place of numbers."""
    options = {
        f"{value:g}": {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(values.items())
    }
    return [{"type": "value", "options": options}]


def _reduced() -> dict[str, Any]:
    return {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}


def _common(
    title: str,
    description: str,
    queries: Sequence[Query],
    looks: Looks,
    place: Place,
    options: Mapping[str, Any],
    *,
    instant: bool,
    color: str = "thresholds",
) -> dict[str, Any]:
    """What panels of all kinds are made of."""
    x, y, width, height = place
    defaults = {
        "unit": looks.unit,
        "decimals": looks.decimals,
        "min": looks.low,
        "max": looks.high,
        "thresholds": thresholds(looks.steps),
        "mappings": list(looks.mappings),
        "links": list(looks.links),
        "noValue": looks.no_value,
        "color": {"mode": color},
    }
    return {
        "title": title,
        "description": description,
        "dataSource": DATASOURCE,
        "gridPos": core.GridPos(h=height, w=width, x=x, y=y),
        "targets": [_target(query, REFS[i], instant) for i, query in enumerate(queries)],
        "extraJson": {
            "options": dict(options),
            "fieldConfig": {"defaults": defaults, "overrides": list(looks.overrides)},
        },
    }


def _target(query: Query, ref: str, instant: bool) -> core.Target:
    return core.Target(
        expr=query.expr,
        legendFormat=query.legend,
        refId=ref,
        instant=instant,
        format="table" if query.table else "time_series",
        interval=query.step,
        datasource=DATASOURCE,
    )

"""Panels of a dashboard, drawn by matplotlib much as Grafana draws them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle, Wedge

Panel = Mapping[str, Any]
Answers = Sequence[Sequence[Mapping[str, Any]]]
"""The series of each query."""

PAPER, BORDER, INK = "#f4f5f5", "#d5d7da", "#24292e"
COLORS = {"green": "#56a64b", "yellow": "#e0b400", "orange": "#ff780a", "red": "#e02f44", "text": "#6e7479"}
_PALETTE = ("#3274d9", "#8f3bb8", "#0097a7", "#ad5f00")
_ARC = (220.0, -40.0)
"""Where a dial begins and ends, in degrees."""
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Drawing:
    """How panels of a kind are drawn. margins: left, below and right of the axes, in inches."""

    draw: Callable[[Axes, Panel, Answers], None]
    margins: tuple[float, float, float]


def _gauges(axes: Axes, panel: Panel, answers: Answers) -> None:
    axes.axis("off")
    axes.set_aspect("equal")
    axes.set_xlim(-1.6, 3.2 * len(answers[0]) - 1.6)
    axes.set_ylim(-0.95, 1.15)
    for i, one in enumerate(answers[0]):
        looks = _looks(panel, one["metric"]["slo"])
        value, low, high = float(one["value"][1]), looks["min"], looks["max"]
        text, color = _shown(value, looks)

        def angle(at: float, low: float = low, high: float = high) -> float:
            share = min(max((at - low) / (high - low), 0), 1)
            return _ARC[0] + share * (_ARC[1] - _ARC[0])

        center = (3.2 * i, 0.0)
        axes.add_patch(Wedge(center, 0.95, _ARC[1], _ARC[0], width=0.25, color="#e9edf2"))
        axes.add_patch(Wedge(center, 0.95, angle(value), _ARC[0], width=0.25, color=color))
        edges = [low if step["value"] is None else step["value"] for step in looks["thresholds"]["steps"]]
        for step, begin, end in zip(looks["thresholds"]["steps"], edges, [*edges[1:], high], strict=True):
            axes.add_patch(Wedge(center, 1.05, angle(end), angle(begin), width=0.06, color=COLORS[step["color"]]))
        axes.text(*center, text, ha="center", va="center", fontsize=17, color=color)
        axes.text(center[0], -0.85, one["metric"]["slo"], ha="center", fontsize=8, color=INK)


def _figures(axes: Axes, panel: Panel, answers: Answers) -> None:
    """Stats: big figures in the colour of their threshold or upon it, with a course below where they have one."""
    axes.axis("off")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    found = answers[0]
    filled = panel["options"]["colorMode"] == "background"
    for i, one in enumerate(found):
        name = one["metric"].get("slo", "")
        points = [float(value) for _, value in one.get("values") or [one["value"]]]
        looks = _looks(panel, name)
        text, color = _shown(points[-1], looks)
        middle = (i + 0.5) / len(found)
        if filled:
            axes.add_patch(Rectangle((i / len(found), 0), 1 / len(found), 1, color=color))
        paint = "white" if filled else color
        size = 24 if len(found) == 1 else 16
        axes.text(middle, 0.62, text, ha="center", va="center", fontsize=size, color=paint)
        axes.text(middle, 0.9, name, ha="center", va="center", fontsize=8, color="white" if filled else INK)
        if len(points) > 1:
            xs = [(i + 0.05 + 0.9 * k / (len(points) - 1)) / len(found) for k in range(len(points))]
            ys = [0.4 * min(max((y - looks["min"]) / (looks["max"] - looks["min"]), 0), 1) for y in points]
            axes.fill_between(xs, ys, color=color, alpha=0.2, linewidth=0)
            axes.plot(xs, ys, color=color, linewidth=1)


def _courses(axes: Axes, panel: Panel, answers: Answers) -> None:
    """Lines over time, with their names and last values below."""
    defaults = panel["fieldConfig"]["defaults"]
    percent = defaults["unit"] == "percentunit"
    number = 0
    for target, found in zip(panel["targets"], answers, strict=True):
        for one in found:
            name = _named(target["legendFormat"], one["metric"])
            looks = _looks(panel, name)
            fixed = looks["color"].get("fixedColor")
            color = COLORS[fixed] if fixed else _PALETTE[number % len(_PALETTE)]
            style = "--" if looks.get("custom.lineStyle", {}).get("fill") == "dash" else "-"
            values = [float(value) * (100 if percent else 1) for _, value in one["values"]]
            label = f"{name}   {_shown(float(one['values'][-1][1]), looks)[0]}"
            axes.plot(_times(one), values, style, label=label, linewidth=1.2, color=color)
            number += fixed is None
    if defaults["custom"]["thresholdsStyle"]["mode"] == "line":
        for step in defaults["thresholds"]["steps"][1:]:
            axes.axhline(step["value"], color=COLORS[step["color"]], linewidth=1)
    _time_axis(axes)
    axes.yaxis.set_major_formatter("{x:g}%" if percent else "{x:g}")
    axes.grid(color="#e9edf2")
    if defaults.get("min") is not None:
        axes.set_ylim(bottom=defaults["min"])
    below = -0.32 / (axes.get_window_extent().height / axes.figure.dpi)
    axes.legend(loc="center left", bbox_to_anchor=(0, below), ncols=3, frameon=False, fontsize=7, borderaxespad=0)


def _rows(axes: Axes, panel: Panel, answers: Answers) -> None:
    """A table: columns as its transformations order and name them, cells in the colours of their column."""
    organize = panel["transformations"][-1]["options"]
    keys = sorted(organize["indexByName"], key=organize["indexByName"].get)
    names = [organize["renameByName"].get(key, key) for key in keys]
    values = {
        f"Value #{target['refId']}" if len(answers) > 1 else "Value": i for i, target in enumerate(panel["targets"])
    }
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for key, i in values.items():
        for one in answers[i]:
            for at, value in one.get("values") or [one["value"]]:
                time = [f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"] if "Time" in keys else []
                labels = [one["metric"].get(label, "") for label in keys if label not in ("Time", *values)]
                row = rows.setdefault((*time, *labels), dict(zip(keys, [*time, *labels], strict=False)))
                row[key] = float(value)
    _table(axes, panel, names, [[row.get(key) for key in keys] for row in rows.values()])


def _table(axes: Axes, panel: Panel, names: Sequence[str], rows: list[list[Any]]) -> None:
    by = panel["options"]["sortBy"][0]
    column, sign = names.index(by["displayName"]), -1 if by["desc"] else 1
    rows = sorted(rows, key=lambda row: (row[column] is None, sign * (row[column] or 0)))
    limit = next((one["options"]["limitField"] for one in panel["transformations"] if one["id"] == "limit"), len(rows))
    inches = axes.get_window_extent().height / axes.figure.dpi
    axes.axis("off")
    axes.set_xlim(0, len(names) + 0.6)
    axes.set_ylim(inches / 0.22, 0)
    for k, name in enumerate(names):
        looks = _looks(panel, name)
        left, width = (0.0, 1.6) if k == 0 else (k + 0.6, 1.0)
        axes.text(left + 0.06, 0.5, name, fontsize=8, weight="bold", va="center", color=INK)
        for y, row in enumerate(rows[:limit], 1):
            text, color = (row[k] or "", INK) if isinstance(row[k], str | None) else _shown(row[k], looks)
            mode = looks.get("custom.displayMode", "")
            if mode == "color-background" and text:
                axes.add_patch(Rectangle((left + 0.02, y + 0.06), width - 0.04, 0.88, color=color))
            paint = {"color-background": "white", "color-text": color}.get(mode, INK)
            axes.text(left + 0.06, y + 0.5, text, fontsize=8, va="center", color=paint)
    for y in range(1, len(rows[:limit]) + 2):
        axes.axhline(y, color="#e9edf2", linewidth=0.8)


def _spans(axes: Axes, panel: Panel, answers: Answers) -> None:
    """When each series was there: a bar of a minute for each of its points."""
    found = answers[0]
    if not found:
        axes.text(0.5, 0.5, panel["fieldConfig"]["defaults"]["noValue"], ha="center", transform=axes.transAxes)
        axes.axis("off")
        return
    for i, one in enumerate(found):
        color = _shown(1, panel["fieldConfig"]["defaults"])[1]
        times = _times(one)
        step = min((later - at for at, later in pairwise(times)), default=60)
        axes.broken_barh([(at, step) for at in times], (i - 0.35, 0.7), color=color)
    axes.set_yticks(range(len(found)), [_named(panel["targets"][0]["legendFormat"], one["metric"]) for one in found])
    end = max(_times(one)[-1] for one in found)
    axes.set_xlim(end - _DAY, end)
    _time_axis(axes)


def _time_axis(axes: Axes) -> None:
    first, last = axes.get_xlim()
    within_days = last - first < 2 * _DAY
    step = 4 * (_DAY // 24 if within_days else _DAY)
    ticks = range(-int(-first // step) * step, int(last) + 1, step)
    axes.set_xticks(ticks, [f"{datetime.fromtimestamp(at, UTC):{'%H:%M' if within_days else '%b %d'}}" for at in ticks])
    axes.tick_params(labelsize=7, length=0, colors=INK)
    for spine in axes.spines.values():
        spine.set_color(BORDER)


def _times(series: Mapping[str, Any]) -> list[int]:
    return [int(at) for at, _ in series["values"]]


def _named(legend: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend)


def _looks(panel: Panel, name: str) -> dict[str, Any]:
    """The defaults, and what overrides of that series or column say."""
    looks = dict(panel["fieldConfig"]["defaults"])
    for override in panel["fieldConfig"]["overrides"]:
        pattern = override["matcher"]["options"]
        if re.fullmatch(pattern, name) if override["matcher"]["id"] == "byRegexp" else pattern == name:
            looks |= {one["id"]: one["value"] for one in override["properties"]}
    return looks


def _shown(value: float, looks: Mapping[str, Any]) -> tuple[str, str]:
    """A value as its panel writes it, and the colour that it has there."""
    for mapping in looks["mappings"]:
        if f"{value:g}" in mapping["options"]:
            option = mapping["options"][f"{value:g}"]
            return option["text"], COLORS[option["color"]]
    color = [step["color"] for step in looks["thresholds"]["steps"] if step["value"] is None or value >= step["value"]]
    percent = looks["unit"] == "percentunit"
    number, decimals = value * (100 if percent else 1), looks.get("decimals")
    text = f"{number:.{decimals}f}" if decimals is not None else f"{number:.6g}"
    return text + ("%" if percent else ""), COLORS[color[-1]]


DRAWN = {
    "gauge": Drawing(_gauges, (0.1, 0.1, 0.1)),
    "stat": Drawing(_figures, (0.1, 0.1, 0.1)),
    "timeseries": Drawing(_courses, (0.55, 0.55, 0.2)),
    "table": Drawing(_rows, (0.12, 0.1, 0.12)),
    "state-timeline": Drawing(_spans, (1.9, 0.3, 0.2)),
}

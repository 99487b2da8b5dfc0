"""What the dashboards show, drawn from the same queries: a picture of each for docs/, to be looked at.

    python -m bench.contact_sheet

The demo shop's history goes into a real Prometheus by `slo backfill`; the panels are laid out as Grafana would.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from bench.drawn_panels import BORDER, DRAWN, INK, PAPER
from slo.cli import run
from slo.objective import Objective
from slo.render.dashboards import Form, Site, render_dashboards
from slo.samples import SeriesSamples
from slo.spec import load_files
from slo.units import format_duration
from slo.window import RollingWindow
from tests.support.grafana import Grafana
from tests.support.prometheus import load_openmetrics, prometheus_with

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "cloudshop.yaml"
FOLDER = ROOT / "docs" / "dashboards"
END = 1793491200
"""The time of the demo's report."""

SHOWN = {"error-budget": "cloudshop/availability", "overview": ".+", "detail": "cloudshop/latency"}
"""Latency has alerts that fire."""

_COLUMN_INCHES, _ROW_INCHES, _HEAD_INCHES, _GAP_INCHES = 0.62, 0.36, 0.45, 0.05


def main() -> None:
    mpl.use("agg")
    FOLDER.mkdir(exist_ok=True)
    objectives = load_files([EXAMPLE]).objectives
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(["backfill", str(EXAMPLE), "--demo", "-o", str(folder / "history.om")])
        load_openmetrics(folder / "history.om", folder / "data")
        with prometheus_with(_constant(objectives), folder) as url:
            fired = list(_fired(objectives, Grafana(url, END, {})))
        with prometheus_with(fired, folder) as url:
            for file in render_dashboards(objectives, Site(), Form()):
                _picture(file.name.removesuffix(".json"), json.loads(file.text), objectives, url)


def _picture(name: str, made: Mapping[str, Any], objectives: Sequence[Objective], url: str) -> None:
    slo = SHOWN[name]
    period = next((_period(one) for one in objectives if one.id == slo), "30d")
    chosen = {"slo": slo, "period": period, "service": ".+", "team": ".*"}
    path = FOLDER / f"{name}.png"
    drawn = BytesIO()
    _drawn(made, Grafana(url, END + 20, chosen)).savefig(drawn, dpi=80)
    # In few colours it is half the size.
    Image.open(drawn).convert("RGB").quantize(160).save(path, optimize=True)
    print(path.relative_to(ROOT))


def _labels(objective: Objective) -> dict[str, str]:
    return {"slo": objective.id, "slo_service": objective.service, **objective.labels}


def _period(objective: Objective) -> str:
    return format_duration(objective.window.minutes * 60) if isinstance(objective.window, RollingWindow) else "month"


def _constant(objectives: Sequence[Objective]) -> Iterator[SeriesSamples]:
    """What rules record that is no history."""
    times = np.arange(END - 3600, END + 60, 60, dtype=np.int64) * 1000
    for one in objectives:
        target = np.full(times.size, float(one.target_ratio))
        yield SeriesSamples({"__name__": "slo:target:ratio", **_labels(one)}, times, target)
        info = {"__name__": "slo_info", "period": _period(one), **_labels(one)}
        yield SeriesSamples(info, times, np.ones(times.size))


def _fired(objectives: Sequence[Objective], grafana: Grafana) -> Iterator[SeriesSamples]:
    """When the rules would have fired during the last day: both windows over the factor."""
    panel = {"timeFrom": "24h", "maxDataPoints": 1440}
    for one in objectives:
        for pair in one.alert_policy.pairs:
            long, short = (format_duration(60 * minutes) for minutes in (pair.long_minutes, pair.short_minutes))
            over = f"> {pair.factor(one.window.nominal_minutes)}"
            selector = f'{{slo="{one.id}"}}'
            expr = f"slo:burn_rate:{long}{selector} {over} and slo:burn_rate:{short}{selector} {over}"
            labels = {"__name__": "ALERTS", "alertname": "ErrorBudgetBurn", "alertstate": "firing", **_labels(one)}
            labels |= {"severity": pair.severity, "long_window": long, "short_window": short}
            for found in grafana.answer(panel, {"expr": expr, "instant": False}, "24h"):
                times = np.array([at for at, _ in found["values"]], dtype=np.int64) * 1000
                yield SeriesSamples(labels, times, np.ones(times.size))


def _drawn(dashboard: Mapping[str, Any], grafana: Grafana) -> Figure:
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    width, height = 24 * _COLUMN_INCHES, rows * _ROW_INCHES + _HEAD_INCHES
    figure = Figure(figsize=(width, height), facecolor=PAPER)
    figure.text(0.1 / width, 1 - 0.3 / height, dashboard["title"], fontsize=13, weight="bold", color=INK)
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        left, below = at["x"] * _COLUMN_INCHES, height - _HEAD_INCHES - (at["y"] + at["h"]) * _ROW_INCHES
        size = at["w"] * _COLUMN_INCHES, at["h"] * _ROW_INCHES
        if panel["type"] == "row":
            figure.text((left + 0.1) / width, (below + 0.1) / height, panel["title"], fontsize=11, color=INK)
            continue
        _card(figure, (left, below, *size), panel["title"])
        margins = DRAWN[panel["type"]].margins
        inside = left + margins[0], below + margins[1], size[0] - margins[0] - margins[2], size[1] - margins[1] - 0.4
        axes = figure.add_axes((inside[0] / width, inside[1] / height, inside[2] / width, inside[3] / height))
        time_range = dashboard["time"]["from"].removeprefix("now-")
        answers = [grafana.answer(panel, target, time_range) for target in panel["targets"]]
        DRAWN[panel["type"]].draw(axes, panel, answers)
    return figure


def _card(figure: Figure, place: tuple[float, float, float, float], title: str) -> None:
    left, below, wide, tall = place
    width, height = figure.get_size_inches()
    box = FancyBboxPatch(
        ((left + _GAP_INCHES) / width, (below + _GAP_INCHES) / height),
        (wide - 2 * _GAP_INCHES) / width,
        (tall - 2 * _GAP_INCHES) / height,
        boxstyle="square,pad=0",
        facecolor="white",
        edgecolor=BORDER,
        transform=figure.transFigure,
        zorder=-1,
    )
    figure.add_artist(box)
    x, y = (left + 0.15) / width, (below + tall - 0.25) / height
    figure.text(x, y, title, fontsize=9, weight="bold", color=INK)


if __name__ == "__main__":
    main()

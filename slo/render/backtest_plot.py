"""A backtest as a figure: the burn rate, what happened, and when the alerts of each policy would have fired."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from slo.events import EventSeries
from slo.render.backtest import Tested, alert_name
from slo.render.plotting import BLUE, GREY, SEVERITY_COLOURS, new_figure, save
from slo.window import datetime_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 2000
_HOUR = 60


def draw(path: Path, tested: Tested, events: EventSeries) -> None:
    """Write the figure of one objective to a file."""
    rows = sum(len(result.scores) for result in tested.results)
    figure = new_figure(12, 4 + 0.3 * rows)
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, max(1, 0.3 * rows)]})
    _draw_burn(above, tested, events)
    _draw_firings(below, tested)
    for axes in (above, below):
        for event in tested.significant:
            axes.axvspan(_days(event.interval.start), _days(event.interval.end), color=GREY, alpha=0.35, linewidth=0)
    figure.suptitle(f"{tested.objective.id}: alerts that would have fired")
    below.xaxis_date()
    save(figure, path)


def _draw_burn(axes: Axes, tested: Tested, events: EventSeries) -> None:
    """The highest burn rate over an hour within each pixel's time, so that no short incident is lost."""
    within, b = tested.within, float(tested.objective.budget_ratio)
    edges = np.arange(within.start, within.end + 1) - events.start
    before = np.maximum(edges - _HOUR, 0)
    bad = events.bad[edges] - events.bad[before]
    total = bad + events.good[edges] - events.good[before]
    burn = np.divide(bad, total * b, out=np.zeros(edges.size), where=total * b > 0)
    step = max(1, edges.size // _POINTS)
    kept = edges.size // step * step
    highest = burn[:kept].reshape(-1, step).max(axis=1)
    axes.plot([_days(within.start + place * step) for place in range(highest.size)], highest, color=BLUE, linewidth=0.8)
    axes.set_yscale("symlog", linthresh=1)
    axes.axhline(1, color=GREY, linewidth=0.8, linestyle="--")
    axes.set_ylabel("burn rate over 1h\n(1 spends the budget in a period)")
    axes.grid(alpha=0.3)


def _draw_firings(axes: Axes, tested: Tested) -> None:
    names: list[str] = []
    for result in tested.results:
        for score in result.scores:
            spans = [(_days(one.start), _days(one.end) - _days(one.start)) for one in score.firings]
            axes.broken_barh(spans, (len(names) - 0.35, 0.7), color=SEVERITY_COLOURS.get(score.severity, BLUE))
            # What lasts minutes in a year would be thinner than a line.
            axes.plot([span[0] for span in spans], [len(names)] * len(spans), "|", color="black", markersize=6)
            names.append(f"{result.policy.name}: {alert_name(score)}")
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("UTC; grey: what happened")
    axes.grid(alpha=0.3, axis="x")


def _days(minute: int) -> float:
    from matplotlib.dates import date2num

    return float(date2num(datetime_of(minute)))  # type: ignore[no-untyped-call]  # matplotlib has none here

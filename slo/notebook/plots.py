"""The figures of a history: each with a title, units and a zone, in colours that colour-blind people tell apart."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd

from slo.clock import parse_time
from slo.errors import UsageError
from slo.render.plotting import BLUE, GREEN, GREY, ORANGE, SEVERITY_COLOURS, VERMILION, save
from slo.units import format_duration
from slo.window import Interval, datetime_of, minute_of

try:
    from matplotlib import dates
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ImportError:
    raise UsageError("figures need matplotlib: install slo with its extra, pip install 'slo[notebook]'") from None

if TYPE_CHECKING:
    from slo.forecast import Forecast
    from slo.notebook.objective_history import ObjectiveHistory

_WIDTH_INCHES = 9.0
_POINTS = 1500
"""About as many as a figure has pixels."""

_SCENARIO_COLOURS = {"now": VERMILION, "lately": ORANGE, "usual": BLUE, "quiet": GREEN}
_SCENARIOS = {
    "now": "as in the last 6 hours",
    "lately": "as in the last 3 days",
    "usual": "as in all of the history",
    "quiet": "without a bad event",
}


class Plot(Figure):
    """A figure that a notebook shows and that belongs to no global state."""

    def _repr_png_(self) -> bytes:
        return png(self, dpi=80)


def png(figure: Figure, dpi: int = 110) -> bytes:
    """A figure as a picture, the same for the same figure."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()


def burn_down(history: ObjectiveHistory, path: str | Path | None = None, *, zone: str = "UTC") -> Figure:
    """The budget of the period as it was spent, beside a spend that is even over the period."""
    figure, axes = _figure(history, "Burn-down of the error budget", 3.6)
    left = 100 * history.burn_down(step=_step(history.within))
    axes.plot(_times(left.index, zone), left.to_numpy(), color=BLUE, label="budget left")
    period = history.objective.window.period(history.within.end)
    edges = pd.DatetimeIndex([datetime_of(period.start), datetime_of(period.end)])
    axes.plot(_times(edges, zone), [100, 0], "--", color=GREY, label="spent evenly")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_ylabel("budget left (%)")
    return _done(figure, axes, path, zone)


def error_ratio(
    history: ObjectiveHistory,
    path: str | Path | None = None,
    *,
    window: str = "1h",
    zone: str = "UTC",
    start: str | datetime | None = None,
    end: str | datetime | None = None,
) -> Figure:
    """Errors beside what the target allows, and the traffic that they are measured by; of all, or of a part."""
    figure = _empty(history, f"Bad events of all events, over {window}", 5.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    within = _within(history, start, end)
    step = _step(within)
    ratios = 100 * history.error_ratio(window, step=step).loc[datetime_of(within.start) : datetime_of(within.end)]
    times = _times(ratios.index, zone)
    upper.plot(times, ratios.to_numpy(), color=VERMILION, label=f"bad events over {window}")
    allowed = 100 * float(history.objective.budget_ratio)
    upper.axhline(allowed, linestyle="--", color=GREY, label=f"allowed over the period: {allowed:g} %")
    upper.set_ylabel("bad events (%)")
    upper.legend(frameon=False, fontsize=8)
    minutes = history.frame()["total"].loc[datetime_of(within.start) : datetime_of(within.end)]
    minutes = minutes.resample(pd.Timedelta(step), label="right", closed="right").mean()
    lower.plot(_times(minutes.index, zone), minutes.to_numpy(), color=BLUE)
    lower.set_ylabel("events a minute")
    lower.set_ylim(bottom=0)
    lower.set_xlim(_place(within.start, zone), _place(within.end, zone))
    return _done(figure, lower, path, zone, legend=False)


def alerts(
    history: ObjectiveHistory,
    path: str | Path | None = None,
    *,
    policies: Sequence[str] = (),
    zone: str = "UTC",
    start: str | datetime | None = None,
    end: str | datetime | None = None,
) -> Figure:
    """Burn rates, incidents (grey) and what each policy would have raised, over the history or a part of it."""
    names = list(policies) or [history.objective.alert_policy.name]
    figure = _empty(history, "Burn rates, incidents and what would have alerted", 3.4 + 0.5 * len(names))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1 + 0.5 * len(names)])
    within = _within(history, start, end)
    for window, colour in (("1h", BLUE), ("6h", GREEN)):
        rates = history.burn_rate(window, step=_step(within)).loc[datetime_of(within.start) : datetime_of(within.end)]
        upper.plot(_times(rates.index, zone), rates.to_numpy(), color=colour, label=f"over {window}")
    upper.axhline(1, linestyle="--", color=GREY, label="sustainable")
    upper.set_yscale("symlog", linthresh=1)
    upper.set_ylim(bottom=0)
    upper.set_ylabel("burn rate (1 = sustainable)")
    upper.yaxis.set_major_formatter("{x:g}")
    upper.legend(frameon=False, fontsize=8)
    for incident in history.found_incidents():
        span = (_time(incident.interval.start, zone), _time(incident.interval.end, zone))
        upper.axvspan(*span, color=GREY, alpha=0.3, linewidth=0)
    for row, name in enumerate(names):
        _draw_firings(lower, history, name, row, zone)
    lower.set_yticks(range(len(names)), names)
    lower.set_ylim(-0.6, len(names) - 0.4)
    lower.invert_yaxis()
    lower.set_xlim(_place(within.start, zone), _place(within.end, zone))
    figure.legend(*lower.get_legend_handles_labels(), frameon=False, fontsize=8, ncols=2, loc="outside lower center")
    return _done(figure, lower, path, zone, legend=False)


def forecast(history: ObjectiveHistory, path: str | Path | None = None, *, zone: str = "UTC") -> Figure:
    """What is left of the budget, and the scenarios and the band of its future."""
    figure, axes = _figure(history, "Forecast of the error budget", 4.0)
    past = 100 * history.budget(step=_step(history.within))
    if history.is_rolling:  # before a whole period was seen, a budget of the little that was seen
        whole = history.within.start + history.objective.window.nominal_minutes
        past = past.loc[datetime_of(min(whole, history.within.end)) :]
    axes.plot(_times(past.index, zone), past.to_numpy(), color="black", label="budget left so far")
    found = history.forecast()
    if found is not None:
        _draw_scenarios(axes, found, zone)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_ylabel("budget left (%)")
    figure.legend(frameon=False, fontsize=8, ncols=3, loc="outside lower center")
    return _done(figure, axes, path, zone, legend=False)


def _draw_scenarios(axes: Axes, found: Forecast, zone: str) -> None:
    for scenario in found.scenarios:
        times = [_time(found.at + 60 * hour, zone) for hour in range(1, len(scenario.remaining) + 1)]
        values = [100 * value for value in scenario.remaining]
        label = _SCENARIOS.get(scenario.name, scenario.name)
        axes.plot(times, values, color=_SCENARIO_COLOURS.get(scenario.name, GREY), label=label)  # type: ignore[arg-type]
    if found.band is not None:
        steps = range(1, len(found.band.low) + 1)
        times = [_time(found.at + found.band.step_minutes * step, zone) for step in steps]
        low, high = ([100 * value for value in edge] for edge in (found.band.low, found.band.high))
        axes.fill_between(times, low, high, color=GREY, alpha=0.3, linewidth=0, label="90 % band")  # type: ignore[arg-type]


def _draw_firings(axes: Axes, history: ObjectiveHistory, policy: str, row: int, zone: str) -> None:
    found = history.alerts(policy)
    for offset, (severity, colour) in zip((-0.15, 0.15), SEVERITY_COLOURS.items(), strict=True):
        of_one = found[found["severity"] == severity]
        begins, ends = ([_place(minute_of(one), zone) for one in of_one[edge]] for edge in ("start", "end"))
        label = severity if row == 0 else ""
        axes.hlines([row + offset] * len(begins), begins, ends, color=colour, linewidth=6, label=label)
        # However short an alert is on the scale of a month, it is seen.
        axes.plot(begins, [row + offset] * len(begins), "|", color=colour, markersize=9, markeredgewidth=2)


def _figure(history: ObjectiveHistory, title: str, height_inches: float) -> tuple[Plot, Axes]:
    figure = _empty(history, title, height_inches)
    return figure, figure.subplots()


def _empty(history: ObjectiveHistory, title: str, height_inches: float) -> Plot:
    figure = Plot(figsize=(_WIDTH_INCHES, height_inches), layout="constrained")
    target = f"{(history.objective.target_ratio * 100).normalize():f} %"
    figure.suptitle(f"{title}: {history.objective.id}, target {target}", fontsize=11)
    return figure


def _done(figure: Plot, axes: Axes, path: str | Path | None, zone: str, *, legend: bool = True) -> Figure:
    locator = dates.AutoDateLocator(tz=ZoneInfo(zone))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=ZoneInfo(zone)))  # type: ignore[no-untyped-call]
    axes.set_xlabel(f"time ({zone})")
    for each in figure.axes:
        each.grid(alpha=0.3)
    if legend:
        axes.legend(frameon=False, fontsize=8)
    if path is not None:
        save(figure, Path(path))
    return figure


def _within(history: ObjectiveHistory, start: str | datetime | None, end: str | datetime | None) -> Interval:
    """The part that was asked for, the whole unless told otherwise."""
    begun, ended = (parse_time(one) if isinstance(one, str) else one for one in (start, end))
    return Interval(
        history.within.start if begun is None else minute_of(begun),
        history.within.end if ended is None else minute_of(ended),
    )


def _step(within: Interval) -> str:
    return format_duration(max(1, within.minutes // _POINTS) * 60)


def _times(index: pd.Index, zone: str) -> pd.DatetimeIndex:
    assert isinstance(index, pd.DatetimeIndex)
    return index.tz_convert(ZoneInfo(zone))


def _time(minute: int, zone: str) -> pd.Timestamp:
    return pd.Timestamp(datetime_of(minute)).tz_convert(ZoneInfo(zone))


def _place(minute: int, zone: str) -> float:
    """Where a minute stands on the axis of time."""
    return float(dates.date2num(_time(minute, zone)))  # type: ignore[no-untyped-call]

"""The page of one objective, or of one of its groups: from frozen values to HTML, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from slo.decision import Decision, Outcome
from slo.http.cards import Health, cards
from slo.http.drawing import HEIGHT, WIDTH, chart
from slo.http.overview import COLUMNS, line_of
from slo.http.rendering import environment, group_text, path_of, span, time_element, web_address
from slo.render.figures import consumed_percent, minutes, remaining_percent, share_percent, speed
from slo.serving.views import Alert, Burn, ObjectiveView
from slo.units import format_duration
from slo.window import minute_of

_FAR_MINUTES = 366 * 1440
LONG_PERIOD_MINUTES = 3 * 1440
"""From that on, the labels of the chart are days; else weekdays and clock times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentDecision:
    """One entry of the record about an objective. by: who asked or overrode, "" where nobody did."""

    at: datetime
    gate: str
    outcome: Outcome
    message: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class AlertLine:
    """An alert beside the speeds that it compares. nearness: the slower of both as a share of the limit, in percent."""

    alert: Alert
    windows: str
    limit: str
    long_rate: str
    short_rate: str
    nearness: int


def render_objective(
    view: ObjectiveView,
    decisions: Sequence[Decision],
    recent: Sequence[RecentDecision],
    health: Health,
    *,
    base: str = "../../",
) -> str:
    """The whole document. base: what leads from the page's address to the service's root."""
    row, now = view.row, minute_of(health.figures_at or health.now)
    return (
        environment()
        .get_template("objective.html")
        .render(
            base=base,
            health=health,
            view=view,
            row=row,
            line=line_of(row),
            whole_path=path_of(row.slo),
            group=group_text(row.group),
            runbook=web_address(view.runbook),
            outlook=outlook(view),
            chart=chart(view.burn_down, view.period, view.incidents, now) if view.burn_down else None,
            chart_size=(WIDTH, HEIGHT),
            chart_words=_chart_words(view),
            tick_form="day" if view.period[1] - view.period[0] >= LONG_PERIOD_MINUTES else "clock",
            burns=[(format_duration(one.window_minutes * 60), speed(one.burn_rate), one) for one in view.burn_rates],
            alerts=[_alert_line(alert, view.burn_rates) for alert in view.alerts],
            elsewhere=_elsewhere(view),
            incidents=[(one, consumed_percent(one.consumed_ratio)) for one in view.incidents],
            points=[(one.minute, remaining_percent(one.remaining_ratio)) for one in view.burn_down],
            columns=("State", "Group", *(name for _, name in COLUMNS[2:]), "Trend"),
            groups=[line_of(one) for one in view.groups],
            cards=cards(decisions),
            recent=recent,
            coverage=share_percent(view.coverage_ratio),
            observed=share_percent(view.observed_ratio),
            consumed=consumed_percent(1 - row.remaining_ratio) if row.remaining_ratio is not None else "-",
            minutes=minutes,
        )
    )


def render_missing(slo: str, health: Health, *, base: str = "../../") -> str:
    """The page in place of that of an objective that there is not."""
    return environment().get_template("missing.html").render(base=base, slo=slo, health=health)


def outlook(view: ObjectiveView) -> Markup:
    """When the budget is gone if the last hour goes on, or there is some again; nothing where that says nothing."""
    left, burn = view.row.remaining_ratio, view.row.burn_1h
    if left is None:
        return Markup()
    if left <= 0:
        spent = "The budget is overspent" if left < 0 else "Nothing of the budget is left"
        again = _again_at(view)
        return Markup("{}{}.").format(spent, Markup(", until {} at least").format(time_element(again)) if again else "")
    if burn is None or burn <= 1:
        return Markup()
    gone_in = left * (view.period[1] - view.period[0]) / burn
    if gone_in > _FAR_MINUTES:
        return Markup()
    return Markup("If the last hour goes on, the budget is gone in {}.").format(span(gone_in * 60))


def _again_at(view: ObjectiveView) -> int | None:
    """The first minute at which something is left again if nothing more fails, as finely as the points tell.

    In a rolling window that is when enough of the oldest bad events have left it, traffic being steady; in a calendar
    window, when the next one begins.
    """
    start, end = view.period
    last = view.burn_down[-1] if view.burn_down else None
    if last is None or last.remaining_ratio is None:
        return None
    if end > last.minute:
        return end
    for point in view.burn_down:
        if point.remaining_ratio is not None and point.remaining_ratio < 1 + last.remaining_ratio:
            return last.minute + point.minute - start
    return None


def _alert_line(alert: Alert, burns: Sequence[Burn]) -> AlertLine:
    rates = {one.window_minutes: one.burn_rate for one in burns}
    long, short = rates.get(alert.long_minutes), rates.get(alert.short_minutes)
    slower = min(long or 0.0, short or 0.0)
    return AlertLine(
        alert=alert,
        windows=f"{format_duration(alert.long_minutes * 60)} and {format_duration(alert.short_minutes * 60)}",
        limit=f"{alert.factor:.4g}",
        long_rate=speed(long),
        short_rate=speed(short),
        nearness=min(150, int(slower / alert.factor * 100)),
    )


def _elsewhere(view: ObjectiveView) -> str:
    """The share of the budget that no incident spent, "" where there is none."""
    left = view.row.remaining_ratio
    rest = 0.0 if left is None else 1 - left - sum(one.consumed_ratio for one in view.incidents)
    return consumed_percent(rest) if rest > 0 else ""


def _chart_words(view: ObjectiveView) -> str:
    """The drawing in a sentence, for who cannot see it."""
    known = [point.remaining_ratio for point in view.burn_down if point.remaining_ratio is not None]
    if not known:
        return "What was left of the budget is not known."
    return (
        f"What was left of the budget began at {remaining_percent(known[0])}, was {remaining_percent(min(known))}"
        f" at the lowest and is {remaining_percent(known[-1])} now."
    )

"""The history of one objective, as pandas objects: events, budget, burn rates, incidents, alerts, forecast."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slo.alert_policy import AlertPolicy
from slo.backtest import AlertScore, backtest, significant_events
from slo.clock import parse_time
from slo.correction import Correction, without
from slo.errors import UsageError
from slo.events import Counts, EventSeries
from slo.firing import replay_alerts
from slo.forecast import Forecast, forecast
from slo.incident import Incident, IncidentRule, bill_by_group, find_incidents
from slo.monthly import Month, MonthOfObjective, month_of
from slo.objective import Group, Objective, group_id
from slo.report import ObjectiveReport, Reason, evaluate
from slo.units import format_duration, parse_duration, parse_ratio
from slo.window import CalendarWindow, Interval, RollingWindow, datetime_of, minute_of


class ObjectiveHistory:
    """One objective with every minute of its events. Times are aware, in UTC; ratios are in [0, 1].

    events: of the objective as a whole; groups: of each group, the whole under `()`; time slices where the objective
    has them. What corrections exclude is left out of all that follows, incidents too. at: the end of the history.
    """

    def __init__(
        self,
        objective: Objective,
        groups: Mapping[Group, EventSeries],
        corrections: tuple[Correction, ...],
        reasons: tuple[Reason, ...],
        at: datetime,
    ) -> None:
        self.objective = objective
        self.groups = {group: without(events, corrections) for group, events in groups.items()}
        self._uncorrected = groups
        self.corrections = corrections
        self.at = at
        self._reasons = reasons

    def __repr__(self) -> str:
        seen = self.within
        until = f"{datetime_of(seen.end):%Y-%m-%d %H:%M} UTC"
        return f"<{self.objective.id}: {format_duration(seen.minutes * 60)} until {until}>"

    @property
    def events(self) -> EventSeries:
        """The objective as a whole."""
        return self.groups[()]

    @property
    def within(self) -> Interval:
        """From the first to the last minute that was seen."""
        seen = self.events.observed
        end = minute_of(self.at)
        return Interval(end, end) if seen is None else Interval(seen.start, min(seen.end, end))

    @property
    def is_rolling(self) -> bool:
        """Whether the budget is for the time before each moment, not for a month or the like."""
        return isinstance(self.objective.window, RollingWindow)

    def frame(self, group: Mapping[str, str] | None = None) -> pd.DataFrame:
        """Good, bad and total events and coverage of each minute that was seen; the index tells where it ends."""
        events, within = self._of(group), self.within
        low, high = within.start - events.start, within.end - events.start
        good, bad, covered = (np.diff(edges[low : high + 1]) for edges in (events.good, events.bad, events.covered))
        columns = {"good": good, "bad": bad, "total": good + bad, "coverage": covered}
        return pd.DataFrame(columns, index=_index(within, 1))

    def error_ratio(self, window: str = "1h", *, step: str = "1m", group: Mapping[str, str] | None = None) -> pd.Series:
        """Bad of all events in the window before each point; NaN where there were none."""
        bad, total, index = self._windows(_minutes(window), _minutes(step), group)
        with np.errstate(invalid="ignore", divide="ignore"):
            return pd.Series(bad / np.where(total, total, np.nan), index=index, name=f"error ratio over {window}")

    def burn_rate(self, window: str = "1h", *, step: str = "1m", group: Mapping[str, str] | None = None) -> pd.Series:
        """Speed of budget spend, e / b, over the window before each point; 1.0 spends it exactly over the period."""
        if not self.objective.budget_ratio:
            raise UsageError(f"{self.objective.id}: a target of 100 % leaves no budget to burn")
        rates = self.error_ratio(window, step=step, group=group) / float(self.objective.budget_ratio)
        return rates.rename(f"burn rate over {window}")

    def budget(self, *, step: str = "1h", group: Mapping[str, str] | None = None) -> pd.Series:
        """What is left of the budget at each point, of the period that ends or goes on there; negative once overspent.

        While less than a rolling period was seen, of what was seen.
        """
        events, minutes = self._of(group), _points(self.within, _minutes(step))
        starts = np.array([self.objective.window.period(int(minute)).start for minute in minutes])
        bad, total = (_at(edges, events, minutes) - _at(edges, events, starts) for edges in _bad_and_total(events))
        allowed = float(self.objective.budget_ratio) * total
        left = 1 - bad / np.where(allowed, allowed, np.nan)
        return pd.Series(left, index=_index_of(minutes), name="budget remaining")

    def burn_down(self, *, step: str = "1h") -> pd.Series:
        """The budget of the period that the history ends in, as it was spent, measured by all events until the end."""
        period = self._period()
        minutes = np.union1d(period.start, _points(period, _minutes(step)))
        bad, total = _bad_and_total(self.events)
        spent = _at(bad, self.events, minutes) - _at(bad, self.events, minutes[:1])
        every = _at(total, self.events, minutes[-1:]) - _at(total, self.events, minutes[:1])
        allowed = float(self.objective.budget_ratio) * every
        left = 1 - spent / np.where(allowed, allowed, np.nan)
        return pd.Series(left, index=_index_of(minutes), name="budget left")

    def incidents(self, *, least_share: str = "2%", gap: str = "30m") -> pd.DataFrame:
        """Incidents that took at least a share of their period's budget, the dearest first, each with its bill.

        minutes: of total outage at average traffic; group: the one with the most bad events, where there are groups.
        """
        rows = [self._bill(one) for one in self.found_incidents(least_share=least_share, gap=gap)]
        columns = ["start", "end", "bad_events", "total_events", "consumed_ratio", "outage_minutes", "group"]
        return pd.DataFrame(rows, columns=columns)

    def found_incidents(self, *, least_share: str = "2%", gap: str = "30m") -> tuple[Incident, ...]:
        """As values of slo.incident."""
        rule = IncidentRule(least_share=Fraction(parse_ratio(least_share)), gap_minutes=_minutes(gap))
        objective = self.objective
        return find_incidents(self.events, objective.budget_ratio, objective.window, self.within, rule=rule)

    def bills(self, incident: Incident) -> pd.DataFrame:
        """What each group had to do with an incident, most bad events first."""
        rows = [
            (group_id("", one.group).strip("{}"), one.bad_events, one.total_events, one.share_ratio)
            for one in bill_by_group(incident, self.groups)
        ]
        return pd.DataFrame(rows, columns=["group", "bad_events", "total_events", "share_ratio"])

    def alerts(self, policy: str | None = None) -> pd.DataFrame:
        """When each alert of a policy (of the objective's own) would have begun and ended, in the order of time."""
        chosen = self._policy(policy)
        period = self.objective.window.nominal_minutes
        histories = replay_alerts(chosen, self.events, self.objective.budget_ratio, period, self.within)
        rows = [
            (datetime_of(one.start), datetime_of(one.end), alert.severity, _span(alert.long_minutes), alert.factor)
            for alert in histories
            for one in alert.firings
        ]
        frame = pd.DataFrame(rows, columns=["start", "end", "severity", "long_window", "factor"])
        return frame.sort_values("start", ignore_index=True)

    def backtest(self, *policies: str, least_share: str = "2%", gap: str = "30m") -> pd.DataFrame:
        """Each alert of each policy against the incidents: precision, recall, and medians of detection and reset."""
        rule = IncidentRule(least_share=Fraction(parse_ratio(least_share)), gap_minutes=_minutes(gap))
        significant = significant_events(self.objective, self.events, self.within, rule)
        rows = [
            {"policy": name, **_score(score)}
            for name in policies or (self.objective.alert_policy.name,)
            for score in backtest(self.objective, self._policy(name), self.events, self.within, significant).scores
        ]
        return pd.DataFrame(rows)

    def forecast(self) -> Forecast | None:
        """The future of the budget from the end of the history on; None without a budget or without events."""
        return forecast(self.objective, self.events, self.within.end, is_backtested=True)

    def month(
        self, month: str, *, zone: str | None = None, months_before: int = 5, least_share: str = "2%", gap: str = "30m"
    ) -> MonthOfObjective:
        """A month such as 2026-10, its incidents and the months before; zone: that of the objective, else UTC."""
        window = self.objective.window
        found = month_of(
            self.objective,
            self._uncorrected,
            self.corrections,
            Month.parse(month),
            time_zone=zone or (window.time_zone if isinstance(window, CalendarWindow) else "UTC"),
            end_minute=self.within.end,
            months_before=months_before,
            rule=IncidentRule(least_share=Fraction(parse_ratio(least_share)), gap_minutes=_minutes(gap)),
        )
        if found is None:
            raise UsageError(f"{self.objective.id}: the history ends before {month}")
        return found

    def report(self, at: str | datetime | None = None, *, group: Mapping[str, str] | None = None) -> ObjectiveReport:
        """Every figure at a time, the end of the history unless told otherwise; it lists the corrections that apply."""
        when = parse_time(at) if isinstance(at, str) else at or datetime_of(self.within.end)
        key = self._key(group)
        return evaluate(
            self.objective,
            self._uncorrected[key],
            at=when,
            group=key,
            reasons=self._reasons,
            corrections=self.corrections,
        )

    def _period(self) -> Interval:
        end = self.within.end
        return Interval(self.objective.window.period(end).start, end)

    def _bill(self, one: Incident) -> tuple[Any, ...]:
        groups = bill_by_group(one, self.groups)
        worst = f"{group_id('', groups[0].group).strip('{}')} ({groups[0].share_ratio:.0%})" if groups else ""
        start, end = (datetime_of(minute) for minute in one.interval)
        return (start, end, one.bad_events, one.total_events, one.consumed_ratio, one.outage_minutes, worst)

    def _policy(self, name: str | None) -> AlertPolicy:
        if name is None or name == self.objective.alert_policy.name:
            return self.objective.alert_policy
        from slo.spec.policy import named_policy

        try:
            return named_policy(name, Path())
        except ValueError as error:
            raise UsageError(str(error)) from None

    def _of(self, group: Mapping[str, str] | None) -> EventSeries:
        return self.groups[self._key(group)]

    def _key(self, group: Mapping[str, str] | None) -> Group:
        """Raises UsageError for a group that there is not."""
        wanted = dict(group or {})
        for key in self.groups:
            if dict(key) == wanted:
                return key
        known = ", ".join(str(dict(one)) for one in self.groups if one) or "none"
        raise UsageError(f"{self.objective.id} has no group {wanted}; there are: {known}")

    def _windows(
        self, window: int, step: int, group: Mapping[str, str] | None
    ) -> tuple[Counts, Counts, pd.DatetimeIndex]:
        events, minutes = self._of(group), _points(self.within, step)
        bad, total = (
            _at(edges, events, minutes) - _at(edges, events, minutes - window) for edges in _bad_and_total(events)
        )
        return bad, total, _index_of(minutes)


def _bad_and_total(events: EventSeries) -> tuple[Counts, Counts]:
    return events.bad, events.bad + events.good


def _at(edges: Counts, events: EventSeries, minutes: Counts) -> Counts:
    """The cumulative at minutes; what is outside of the series holds nothing."""
    found: Counts = edges[np.clip(minutes - events.start, 0, edges.size - 1)]
    return found


def _points(within: Interval, step: int) -> Counts:
    """Minutes at multiples of the step, the last one in any case."""
    first = -(-within.start // step) * step
    inside = np.arange(first, within.end, step, dtype=np.int64)
    return np.append(inside, within.end)


def _index(within: Interval, step: int) -> pd.DatetimeIndex:
    return _index_of(np.arange(within.start + step, within.end + 1, step, dtype=np.int64))


def _index_of(minutes: Counts) -> pd.DatetimeIndex:
    return pd.DatetimeIndex((minutes * 60).astype("datetime64[s]"), tz="UTC", name="time")


def _minutes(duration: str) -> int:
    try:
        seconds = parse_duration(duration)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if seconds < 60 or seconds % 60:
        raise UsageError(f"{duration!r} is not a whole number of minutes")
    return int(seconds) // 60


def _span(minutes: int) -> str:
    return format_duration(minutes * 60)


def _score(score: AlertScore) -> dict[str, Any]:
    return {
        "severity": score.severity,
        "long_window": _span(score.long_minutes) if score.long_minutes else "all",
        "factor": score.factor,
        "firings": len(score.firings),
        "precision_ratio": score.precision_ratio,
        "recall_ratio": score.recall_ratio,
        "detection_minutes": score.median_detection_minutes(),
        "reset_minutes": score.median_reset_minutes(),
        "spent_ratio": score.median_spent_ratio(),
        "a_month": score.a_month,
    }

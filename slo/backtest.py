"""What an alert policy would have been worth: its firings over a history against what really happened."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from slo.alert_policy import AlertPolicy
from slo.events import EventSeries
from slo.firing import AlertHistory, replay_alerts
from slo.incident import IncidentRule, budget_events, find_incidents
from slo.objective import Objective
from slo.window import Interval

_MONTH_MINUTES = 30 * 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class Significant:
    """Something that alerts should tell of: an incident that was found, or one that people have labelled."""

    interval: Interval
    name: str
    bad_events: int
    consumed_ratio: float | None
    """Of the budget of its period; None where there is no budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """How an alert told of one significant event. None where it did not, or does not end within the history.

    detection_minutes: from the event's start to the first firing, 0 where it fired before; reset_minutes: from the
    event's end to the end of the last firing, negative where that was silent earlier; spent_ratio: of the period's
    budget, gone when the alert fired.
    """

    event: Significant
    detection_minutes: int | None
    reset_minutes: int | None
    spent_ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertScore:
    """One alert (or all of one severity together: long_minutes is None) over a history.

    precision_ratio: firings that told of an event, of all firings; recall_ratio: events that were told of, of all.
    None where there is nothing to divide by. unmatched: firings without an event.
    """

    severity: str
    long_minutes: int | None
    short_minutes: int | None
    factor: float | None
    firings: tuple[Interval, ...]
    unmatched: tuple[Interval, ...]
    detections: tuple[Detection, ...]
    precision_ratio: float | None
    recall_ratio: float | None
    a_month: float

    @property
    def missed(self) -> tuple[Significant, ...]:
        """The events of which this alert did not tell."""
        return tuple(one.event for one in self.detections if one.detection_minutes is None)

    def median_detection_minutes(self) -> float | None:
        return _median([one.detection_minutes for one in self.detections])

    def median_reset_minutes(self) -> float | None:
        return _median([one.reset_minutes for one in self.detections])

    def median_spent_ratio(self) -> float | None:
        return _median([one.spent_ratio for one in self.detections])


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """One policy over the history of one objective."""

    policy: AlertPolicy
    within: Interval
    scores: tuple[AlertScore, ...]
    """Of each pair, in the order of the policy, then of each severity."""


def significant_events(
    objective: Objective, events: EventSeries, within: Interval, rule: IncidentRule
) -> tuple[Significant, ...]:
    """The incidents of a history, in the order of time."""
    found = find_incidents(events, objective.budget_ratio, objective.window, within, rule=rule)
    return tuple(
        Significant(interval=one.interval, name="", bad_events=one.bad_events, consumed_ratio=one.consumed_ratio)
        for one in sorted(found, key=lambda one: one.interval)
    )


def labelled_event(objective: Objective, events: EventSeries, interval: Interval, name: str) -> Significant:
    """An event of which people said when it was."""
    bad = events.within(interval).bad
    return Significant(
        interval=interval, name=name, bad_events=bad, consumed_ratio=_spent(objective, events, interval, interval.end)
    )


def backtest(
    objective: Objective,
    policy: AlertPolicy,
    events: EventSeries,
    within: Interval,
    significant: Sequence[Significant],
) -> Backtest:
    """Replay a policy over an interval and score it against the significant events, which are in the order of time."""
    period = objective.window.nominal_minutes
    alerts = replay_alerts(policy, events, objective.budget_ratio, period, within)
    pairs = [_scored(objective, events, within, significant, (alert,)) for alert in alerts]
    severities = dict.fromkeys(alert.severity for alert in alerts)
    whole = [
        _scored(objective, events, within, significant, [one for one in alerts if one.severity == severity])
        for severity in severities
        if len(alerts) > 1
    ]
    return Backtest(policy=policy, within=within, scores=(*pairs, *whole))


def _scored(
    objective: Objective,
    events: EventSeries,
    within: Interval,
    significant: Sequence[Significant],
    alerts: Sequence[AlertHistory],
) -> AlertScore:
    firings = _union([firing for alert in alerts for firing in alert.firings])
    reach = max(alert.short_minutes + alert.for_minutes for alert in alerts)
    matched = [[one for one in significant if _tells_of(firing, one.interval, reach)] for firing in firings]
    open_end = within.end if any(alert.still_firing for alert in alerts) else None
    detections = tuple(_detection(objective, events, one, firings, matched, open_end) for one in significant)
    told = sum(1 for one in detections if one.detection_minutes is not None)
    single = alerts[0] if len(alerts) == 1 else None
    return AlertScore(
        severity=alerts[0].severity,
        long_minutes=single.long_minutes if single else None,
        short_minutes=single.short_minutes if single else None,
        factor=single.factor if single else None,
        firings=tuple(firings),
        unmatched=tuple(firing for firing, of in zip(firings, matched, strict=True) if not of),
        detections=detections,
        precision_ratio=sum(1 for of in matched if of) / len(firings) if firings else None,
        recall_ratio=told / len(significant) if significant else None,
        a_month=len(firings) * _MONTH_MINUTES / max(within.minutes, 1),
    )


def _tells_of(firing: Interval, event: Interval, reach_minutes: int) -> bool:
    """Whether the firing goes on during the event, or the short window at its beginning has seen a part of it."""
    return firing.start - reach_minutes < event.end and event.start < firing.end


def _detection(
    objective: Objective,
    events: EventSeries,
    event: Significant,
    firings: Sequence[Interval],
    matched: Sequence[Sequence[Significant]],
    open_end: int | None,
) -> Detection:
    of_event = [firing for firing, told in zip(firings, matched, strict=True) if event in told]
    if not of_event:
        return Detection(event=event, detection_minutes=None, reset_minutes=None, spent_ratio=None)
    first, last = of_event[0].start, of_event[-1].end
    return Detection(
        event=event,
        detection_minutes=max(0, first - event.interval.start),
        reset_minutes=None if last == open_end else last - event.interval.end,
        spent_ratio=_spent(objective, events, event.interval, first),
    )


def _spent(objective: Objective, events: EventSeries, event: Interval, until: int) -> float | None:
    """What part of the budget of its period an event has spent until a minute."""
    allowed = budget_events(events, objective.budget_ratio, objective.window, event.end)
    spent = events.within(Interval(event.start, max(event.start, until))).bad
    return float(spent / allowed) if allowed else None


def _union(intervals: Sequence[Interval]) -> list[Interval]:
    """Times in which at least one goes on: what follows at once, or overlaps, is one."""
    found: list[Interval] = []
    for one in sorted(intervals):
        if found and one.start <= found[-1].end:
            found[-1] = Interval(found[-1].start, max(found[-1].end, one.end))
        else:
            found.append(one)
    return found


def _median(values: Sequence[float | int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(statistics.median(known)) if known else None

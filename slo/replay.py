"""A gate over history: what it would have answered when, from what was known then, and what that was worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from slo.correction import Correction
from slo.decision import Decision, GateReason, Outcome, Verdict, fold
from slo.events import EventSeries, WindowCounts
from slo.gate import Gate, matches
from slo.incident import budget_events
from slo.objective import Group, Objective, group_id
from slo.report import counted, evaluate
from slo.verdict import judge
from slo.window import Interval, datetime_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One objective that a gate may name: its events (time slices where it has them), as a whole and by group."""

    objective: Objective
    groups: Mapping[Group, EventSeries]
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A stretch in which the gate gives one answer for one reason; decisive: the reason when it begins."""

    interval: Interval
    outcome: Outcome
    allowed: bool
    decisive: GateReason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """A deploy of the past: the minute that it began in, and its name."""

    minute: int
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedDeploy:
    """What the gate would have said to a deploy, and what came of it.

    spent_ratio: of a period's budget, spent within the horizon after it by the objective that spent most.
    was_right: whether it blocked a deploy that did harm, or let one through that did none.
    """

    deploy: Deploy
    allowed: bool
    decisive: GateReason | None
    spent_ratio: float
    did_harm: bool

    @property
    def was_right(self) -> bool:
        return self.allowed is not self.did_harm


class GateReplay:
    """One gate over the histories of the objectives that it names."""

    def __init__(self, gate: Gate, replayed: Sequence[Replayed]) -> None:
        self._gate = gate
        self._replayed = replayed
        self._parts = [
            _Part(one, group, _LastSeen(events))
            for one in replayed
            for group, events in one.groups.items()
            if matches(gate, group_id(one.objective.id, group), one.objective.labels)
        ]

    def decision(self, minute: int) -> Decision:
        """What the gate would have answered at a minute, from the events until then."""
        at = datetime_of(minute)
        return fold(self._gate, [part.verdict(self._gate, minute, at) for part in self._parts], at=at)

    def answers(self, within: Interval, step_minutes: int, progress: Callable[[float], None]) -> Iterator[Answer]:
        """The answers of an interval, asked every few minutes; what follows for the same reason is one."""
        open_: Answer | None = None
        for minute in range(within.start, within.end, step_minutes):
            progress((minute - within.start) / within.minutes)
            end = min(minute + step_minutes, within.end)
            decision = self.decision(minute)
            decisive = None if decision.decisive is None else decision.reasons[decision.decisive]
            if open_ and _same(open_, decision, decisive):
                interval = Interval(open_.interval.start, end)
                open_ = Answer(interval=interval, outcome=open_.outcome, allowed=open_.allowed, decisive=open_.decisive)
                continue
            if open_:
                yield open_
            open_ = Answer(
                interval=Interval(minute, end), outcome=decision.outcome, allowed=decision.allowed, decisive=decisive
            )
        progress(1.0)
        if open_:
            yield open_

    def judged(self, deploy: Deploy, horizon_minutes: int, harm_ratio: float) -> JudgedDeploy:
        """What the gate would have said to a deploy; it did harm if it spent so much of a budget within the horizon."""
        decision = self.decision(deploy.minute)
        after = Interval(deploy.minute, deploy.minute + horizon_minutes)
        spent = max((_spent(one, after) for one in self._replayed), default=0.0)
        return JudgedDeploy(
            deploy=deploy,
            allowed=decision.allowed,
            decisive=None if decision.decisive is None else decision.reasons[decision.decisive],
            spent_ratio=spent,
            did_harm=spent >= harm_ratio,
        )


def _same(answer: Answer, decision: Decision, decisive: GateReason | None) -> bool:
    known = answer.decisive
    return (answer.outcome, answer.allowed, known and (known.slo, known.check, known.window_minutes)) == (
        decision.outcome,
        decision.allowed,
        decisive and (decisive.slo, decisive.check, decisive.window_minutes),
    )


def _spent(one: Replayed, after: Interval) -> float:
    events, objective = one.groups[()], one.objective
    allowed = budget_events(events, objective.budget_ratio, objective.window, after.end)
    bad = events.within(after).bad
    return float(bad / allowed) if allowed else float(bad > 0)


class _LastSeen:
    """A history that can be looked at as it was at any minute."""

    def __init__(self, events: EventSeries) -> None:
        self.events = events
        minutes = np.arange(events.start + 1, events.end + 1)
        self._last: npt.NDArray[np.int64] = np.maximum.accumulate(np.where(np.diff(events.covered) > 0, minutes, 0))

    def until(self, minute: int) -> Interval | None:
        """From the first minute that was seen to the last one before a minute."""
        place = min(minute - self.events.start, self._last.size) - 1
        if self.events.observed is None or place < 0 or not self._last[place]:
            return None
        return Interval(self.events.observed.start, int(self._last[place]))


class _AsKnown:
    """Events as of a minute: nothing of what came later."""

    def __init__(self, seen: _LastSeen, minute: int) -> None:
        self._events, self._minute = seen.events, minute
        self.slice_minutes = seen.events.slice_minutes
        self.observed = seen.until(minute)

    def within(self, interval: Interval) -> WindowCounts:
        """As in Events."""
        return self._events.within(Interval(min(interval.start, self._minute), min(interval.end, self._minute)))


@dataclass(frozen=True, slots=True)
class _Part:
    replayed: Replayed
    group: Group
    seen: _LastSeen

    def verdict(self, gate: Gate, minute: int, at: datetime) -> Verdict:
        objective, corrections = self.replayed.objective, self.replayed.corrections
        known = _AsKnown(self.seen, minute)
        events, _ = counted(objective, known, corrections, minute)
        report = evaluate(objective, known, at=at, group=self.group, corrections=corrections)
        return judge(gate, objective, report, events, at=at)

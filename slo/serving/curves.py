"""What was left of a budget in the course of its period, from sums that are at hand."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from slo.events import Events
from slo.ledger.remembered import RememberedSeries
from slo.reporting import Evaluation
from slo.serving.views import Point
from slo.window import Interval

POINTS, SPARKS = 120, 30

Minutes = npt.NDArray[np.int64]


def burn_down(evaluation: Evaluation) -> tuple[Point, ...]:
    """From the whole budget to the rest: what the bad events up to each minute left of what the window allows.

    1 - k(start, m] / (b n), n being all events of the window, so that the last point is the budget remaining.
    Begins where the data do; empty where no budget is defined.
    """
    report, events = evaluation.report, evaluation.events
    allowed, seen = report.budget.total_events, events.observed
    if not allowed or seen is None or seen.start >= report.window.end:
        return ()
    window = Interval(max(report.window.start, seen.start), report.window.end)
    minutes, bad = _bad_events(events, evaluation.everything, window)
    left = (1 - bad / allowed).round(5).tolist()
    return tuple(map(Point, minutes.tolist(), left))


def sparkline(points: tuple[Point, ...], window: Interval) -> tuple[float | None, ...]:
    """The burn-down at even distances over the window, straight between its points; None before it begins."""
    if not points:
        return ()
    minutes = [point.minute for point in points]
    wanted = (window.start + window.minutes * number // (SPARKS - 1) for number in range(SPARKS))
    return tuple(_at(points, bisect_right(minutes, minute) - 1, minute) for minute in wanted)


def _at(points: tuple[Point, ...], last: int, minute: int) -> float | None:
    """What was left at a minute; last: the number of the last point up to it."""
    if last < 0:
        return None
    begin, end = points[last], points[min(last + 1, len(points) - 1)]
    if begin.remaining_ratio is None or end.remaining_ratio is None or end.minute <= minute:
        return end.remaining_ratio if end.minute <= minute else begin.remaining_ratio
    share = (minute - begin.minute) / (end.minute - begin.minute)
    return round(begin.remaining_ratio + share * (end.remaining_ratio - begin.remaining_ratio), 5)


def _bad_events(events: Events, everything: Events, window: Interval) -> tuple[Minutes, Minutes]:
    """Minutes of the window, its start and end among them, and the bad events from its start up to each."""
    if isinstance(everything, RememberedSeries):
        inner, sums = everything.at_hand(window)
        minutes = np.concatenate([[window.start], inner, [window.end]])
        if events is everything:
            start, end = everything.edge(window.start)[1], everything.edge(window.end)[1]
            return minutes, np.concatenate([[start], sums[:, 1], [end]]) - start
    else:
        minutes = np.unique(np.linspace(window.start, window.end, POINTS + 1).round().astype(np.int64))
    found = [events.within(Interval(window.start, minute)).bad for minute in minutes.tolist()]
    return minutes, np.array(found, np.int64)

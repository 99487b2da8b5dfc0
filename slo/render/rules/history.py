"""What the rules would have recorded, from exact counts, as OpenMetrics text that promtool makes blocks of.

Counts are written where the rules look for them: every minute for windows to a day, every five minutes for the
period, every hour beyond a day. Minutes of which nothing was seen are left out, as no rule records them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from slo.events import Events, WindowCounts
from slo.objective import Group, Objective
from slo.render.rules.counts import BAD, TOTAL
from slo.render.rules.ratios import COVERAGE, DAY, HOUR, summed_windows, window_text
from slo.window import Interval, RollingWindow

_STEP = 5


@dataclass(frozen=True, slots=True)
class _Recorded:
    """One series: its value from the counts of a window, at every `step` minutes; none where there would be no sample.

    last_minutes: written for so long before the end only; 0 for all of the interval.
    """

    record: str
    minutes: int
    step: int
    value: Callable[[WindowCounts], float | None]
    last_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """The events of an objective and of its groups, over the interval that is written and the longest window before."""

    objective: Objective
    groups: Mapping[Group, Events]
    interval: Interval


_PERIOD_COVERAGE = "slo:period_coverage:ratio"
_OF_THE_WHOLE = (COVERAGE, _PERIOD_COVERAGE)


def openmetrics(measured: Sequence[Measured], *, counts_only: bool) -> Iterator[str]:
    """The text in lines: all samples of one name together, as the format wants it."""
    planned: dict[str, list[tuple[_Recorded, Measured]]] = {}
    for each in measured:
        for one in (*_counts(each.objective), *(() if counts_only else _ratios(each.objective))):
            planned.setdefault(one.record, []).append((one, each))
    for record, parts in planned.items():
        yield f"# TYPE {record} gauge\n"
        for recorded, each in parts:
            for group, events in each.groups.items():
                if not group or record not in _OF_THE_WHOLE:
                    yield from _lines(recorded, _labels(each.objective, group), events, each.interval)
    yield "# EOF\n"


def _counts(objective: Objective) -> Iterator[_Recorded]:
    """What other rules sum up. Those of a minute go back a day, as no rule looks further."""
    sums = [_STEP, *([HOUR] if HOUR in summed_windows(objective) else [])]
    for base, name, value in ((TOTAL, "slo:total_events", _total), (BAD, "slo:bad_events", _bad)):
        yield _Recorded(base, _STEP, 1, value, DAY)
        for minutes in sums:
            yield _Recorded(f"{name}:sum{window_text(minutes)}", minutes, minutes, value)
    yield _Recorded(COVERAGE, HOUR, HOUR, partial(_covered, HOUR))


def _ratios(objective: Objective) -> Iterator[_Recorded]:
    """What graphs show: every five minutes, for so long does a sample last."""
    budget = float(objective.budget_ratio)
    windows = [(window_text(minutes), minutes) for minutes in objective.alert_policy.window_minutes]
    for name, minutes in windows:
        yield _Recorded(f"slo:error_ratio:{name}", minutes, _STEP, _error_ratio)
    if budget:
        for name, minutes in windows:
            yield _Recorded(f"slo:burn_rate:{name}", minutes, _STEP, partial(_burn_rate, budget))
    window = objective.window
    if not isinstance(window, RollingWindow):
        return
    yield _Recorded("slo:error_ratio:period", window.minutes, _STEP, _error_ratio)
    if budget:
        remaining = partial(_remaining, budget)
        yield _Recorded("slo:budget_remaining:ratio", window.minutes, _STEP, remaining)
        in_minutes = partial(_scaled, remaining, window.minutes * budget)
        yield _Recorded("slo:budget_remaining:minutes", window.minutes, _STEP, in_minutes)
    yield _Recorded(_PERIOD_COVERAGE, window.minutes, _STEP, partial(_covered, window.minutes))


def _lines(recorded: _Recorded, labels: str, events: Events, interval: Interval) -> Iterator[str]:
    start = max(interval.start, interval.end - recorded.last_minutes) if recorded.last_minutes else interval.start
    first = start + -start % recorded.step
    for edge in range(first, interval.end + 1, recorded.step):
        counts = events.within(Interval(edge - recorded.minutes, edge))
        value = recorded.value(counts) if counts.covered_minutes else None
        if value is not None:
            yield f"{recorded.record}{labels} {value!r} {edge * 60}\n"


def _total(counts: WindowCounts) -> float:
    return counts.total


def _bad(counts: WindowCounts) -> float:
    return counts.bad


def _covered(minutes: int, counts: WindowCounts) -> float:
    return counts.covered_minutes / minutes


def _error_ratio(counts: WindowCounts) -> float | None:
    return counts.bad / counts.total if counts.total else None


def _burn_rate(budget_ratio: float, counts: WindowCounts) -> float | None:
    return _scaled(_error_ratio, 1 / budget_ratio, counts)


def _remaining(budget_ratio: float, counts: WindowCounts) -> float | None:
    burnt = _burn_rate(budget_ratio, counts)
    return None if burnt is None else 1 - burnt


def _scaled(value: Callable[[WindowCounts], float | None], factor: float, counts: WindowCounts) -> float | None:
    unscaled = value(counts)
    return None if unscaled is None else unscaled * factor


def _labels(objective: Objective, group: Group) -> str:
    labels = {"slo": objective.id, "slo_service": objective.service, **objective.labels, **dict(group)}
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

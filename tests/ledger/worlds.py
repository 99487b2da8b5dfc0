"""A server with a clock of its own whose samples come when they come, and a collector that is driven by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from slo.errors import SourceUnreachableError
from slo.events import EventSeries
from slo.ledger.collector import CycleResult, ServerCollector
from slo.ledger.pace import Lag
from slo.ledger.registry import track
from slo.ledger.source import LedgerSource
from slo.ledger.store import Ledger
from slo.objective import Group, Objective
from slo.promql.match import matches
from slo.report import Reason
from slo.samples import SeriesSamples, Times
from slo.selector import Selector
from slo.source.protocol import Labels, Measured, SampleReader, Source
from slo.source.sampled import SampledSource
from slo.source.simulated import SimulatedReader
from slo.units import MINUTE_MS
from slo.window import Interval

Series = Mapping[str, Sequence[SeriesSamples]]
Arrival = Callable[[SeriesSamples], Times]


class Server:
    """Answers with the samples that have arrived by now. is_down: then it does not answer at all.

    ahead_ms: how much its clock is ahead of the time.
    arrival: when the samples of a series come; at their own time unless told otherwise.
    replicas: servers to ask where this one has a hole.
    """

    def __init__(self, series: Series, *, arrival: Arrival = lambda one: one.times) -> None:
        self._series = {
            metric: [(one, np.maximum(arrival(one), one.times)) for one in group] for metric, group in series.items()
        }
        self.now_ms = 0
        self.ahead_ms = 0
        self.samples_read: dict[str, int] = {}
        self.is_down = False
        self.replicas: Sequence[SampleReader] = ()

    def others(self) -> Iterable[SampleReader]:
        return self.replicas

    def server_time_ms(self) -> int:
        self._refuse_if_down()
        return self.now_ms + self.ahead_ms

    def read(self, selector: Selector, interval: Interval) -> list[SeriesSamples]:
        self._refuse_if_down()
        found = []
        for one, arrived in self._series.get(selector.metric, ()):
            inside = (one.times > interval.start * MINUTE_MS) & (one.times <= interval.end * MINUTE_MS)
            inside &= arrived <= self.now_ms
            if inside.any() and matches(selector, one.labels):
                self.samples_read[selector.metric] = self.samples_read.get(selector.metric, 0) + int(inside.sum())
                found.append(SeriesSamples(one.labels, one.times[inside], one.values[inside]))
        return found

    def read_minimum(self, selector: Selector, interval: Interval) -> list[tuple[Labels, float]]:
        return [(one.labels, float(one.values.min())) for one in self.read(selector, interval)]

    def _refuse_if_down(self) -> None:
        if self.is_down:
            raise SourceUnreachableError("nobody answers")


class Collected:
    """Objectives collected from a server into a ledger; `restart` forgets everything that is not in the ledger."""

    def __init__(self, ledger: Ledger, server: Server, *objectives: Objective, since: int) -> None:
        self.ledger = ledger
        self.server = server
        self.objectives = objectives
        self._since = since
        self.restart()

    def restart(self) -> None:
        at = self.server.now_ms // MINUTE_MS
        tracked = track(self.ledger, self.objectives, first_minute=self._since, at_minute=at)
        self._collector = ServerCollector(self.ledger, tracked, self.server, lag=Lag())

    def cycle(self, minute: int) -> CycleResult:
        """One cycle two seconds after the minute."""
        self.server.now_ms = minute * MINUTE_MS + 2000
        return self._collector.cycle(lambda _: None)

    def run(self, start: int, end: int) -> list[CycleResult]:
        """A cycle after every minute of `(start, end]`."""
        return [self.cycle(minute) for minute in range(start + 1, end + 1)]

    @property
    def edge(self) -> int:
        """The last minute that every objective was counted twice up to."""
        return min(edge for _, edge in self.ledger.edges().values())

    def measured(self, interval: Interval) -> Measured:
        """What the ledger tells of the first objective."""
        return measured(LedgerSource(self.ledger), self.objectives[0], interval)


def measured(source: Source, objective: Objective, interval: Interval) -> Measured:
    found = source.events([objective], [interval], lambda _: None)[objective.id]
    assert isinstance(found, Measured), found
    return found


def counted_at_once(series: Series, objective: Objective, interval: Interval) -> Measured:
    """What there is to count when everything has come."""
    return measured(SampledSource(SimulatedReader(series)), objective, interval)


def shifted(series: Series, milliseconds: int) -> Series:
    """As scraped by another replica, so much later."""
    return {
        metric: [SeriesSamples(one.labels, one.times + milliseconds, one.values) for one in group]
        for metric, group in series.items()
    }


def codes(reasons: Sequence[Reason]) -> set[str]:
    return {one.code for one in reasons}


def assert_same_events(found: Measured, expected: Measured, interval: Interval, group: Group = ()) -> None:
    """The same in total; at every minute edge, as many to within one event."""
    ours, theirs = (cumulatives(one.groups[group], interval) for one in (found, expected))
    assert ours[-1].tolist() == theirs[-1].tolist(), f"{ours[-1]} events were counted, {theirs[-1]} there were"
    wrong = np.flatnonzero(np.abs(ours - theirs).max(axis=1) > 1)
    assert not wrong.size, f"off at {interval.start + int(wrong[0])} and {wrong.size - 1} more edges"


def cumulatives(events: EventSeries, interval: Interval) -> np.ndarray:
    """Good and bad at every edge of the interval, shape (edges, 2)."""
    at = slice(interval.start - events.start, interval.end - events.start + 1)
    return np.column_stack([events.good[at] - events.good[at][0], events.bad[at] - events.bad[at][0]])


def coverage(found: Measured, interval: Interval) -> list[float]:
    """Of every minute of the interval."""
    events = found.groups[()]
    at = slice(interval.start - events.start, interval.end - events.start + 1)
    return [round(share, 3) for share in np.diff(events.covered[at]).tolist()]

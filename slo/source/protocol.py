"""The seams between data and arithmetic: sources of counted events, and readers of the samples behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from slo.correction import Correction
from slo.errors import SourceError
from slo.events import Events, EventSeries
from slo.objective import Group, Objective
from slo.report import Reason
from slo.samples import SeriesSamples
from slo.selector import Selector
from slo.window import Interval

Labels = Mapping[str, str]

__all__ = ["Labels", "Measured", "Progress", "SampleReader", "SeriesSamples", "Source"]


@dataclass(frozen=True, slots=True)
class Measured:
    """The events of one objective: as a whole under `()`, then one series for each group; and notes on the data."""

    groups: Mapping[Group, EventSeries]
    reasons: tuple[Reason, ...] = ()
    corrections: tuple[Correction, ...] = ()


Progress = Callable[[float], None]
"""Told the share of the work that is done, rising from 0 to 1."""


class Source(Protocol):
    """Where events come from: a Prometheus, a file, a simulation, a ledger."""

    def events(
        self, objectives: Sequence[Objective], intervals: Sequence[Interval], progress: Progress
    ) -> dict[str, Measured | SourceError]:
        """The events of each objective, by id, over at least its interval (same order as objectives).

        One objective's failure is returned in its place and never hides the others.
        Raises SpecError where the data show that an objective file cannot be right.
        """
        ...


class Findings(Protocol):
    """What a report is made from: as Measured, but the events need only answer for windows."""

    @property
    def groups(self) -> Mapping[Group, Events]: ...

    @property
    def reasons(self) -> tuple[Reason, ...]: ...

    @property
    def corrections(self) -> tuple[Correction, ...]: ...


class ReportSource(Protocol):
    """As Source, for reports alone."""

    def events(
        self, objectives: Sequence[Objective], intervals: Sequence[Interval], progress: Progress
    ) -> Mapping[str, Findings | SourceError]:
        """As in Source."""
        ...


class SampleReader(Protocol):
    """Where raw samples come from."""

    def read(self, selector: Selector, interval: Interval) -> list[SeriesSamples]:
        """The samples of every matching series in the interval `(start, end]`; samples just outside may be among them.

        Raises SourceError.
        """
        ...

    def server_time_ms(self) -> int:
        """The time by the clock that stamps the samples. Raises SourceError."""
        ...

    def read_minimum(self, selector: Selector, interval: Interval) -> list[tuple[Labels, float]]:
        """The least value of every matching series in the interval; cheap where `read` brings a constant many times.

        Raises SourceError.
        """
        ...

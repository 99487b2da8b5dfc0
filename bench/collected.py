"""A collector driven minute by minute over a simulated fleet, and what it told at every moment."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.arrivals import ArrivingReader, Replicas
from slo.events import EventSeries
from slo.ledger.collector import ServerCollector
from slo.ledger.pace import Lag
from slo.ledger.registry import track
from slo.ledger.source import LedgerSource
from slo.ledger.store import Ledger, Write
from slo.objective import Objective
from slo.source.protocol import Measured
from slo.units import MINUTE_MS
from slo.window import Interval

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Collected:
    """live: bad and total of each minute as first told, shape (2, minutes); kept: as the ledger has them at the end.

    delay_minutes: from the end of a minute until it was told, the mean. samples: how many were read.
    """

    live: Counts
    kept: EventSeries
    delay_minutes: float
    samples: int


class _Recording(Ledger):
    """A ledger that notes what is told of each minute first."""

    def note(self, window: Interval, told: Counts | None) -> None:
        self.window, self.minute = window, window.start
        self.told = np.full((3, window.minutes), -1, np.int64) if told is None else told

    def __enter__(self) -> _Recording:
        return self

    def write(self, writes: Sequence[Write]) -> None:
        super().write(writes)
        for one in writes:
            for group, stretch in one.stretches.items():
                if not group:
                    part = stretch.part(self.window)
                    self._note(part.start, part.good, part.bad)

    def _note(self, start: int, good: Counts, bad: Counts) -> None:
        at = slice(start - self.window.start, start - self.window.start + good.size)
        fresh = self.told[2, at] < 0
        for row, values in enumerate((bad, good + bad, np.full(good.size, self.minute))):
            self.told[row, at] = np.where(fresh, values, self.told[row, at])


def collect(
    objective: Objective, reader: ArrivingReader | Replicas, window: Interval, *, kills: int = 0, seed: int = 1
) -> Collected:
    """A cycle two seconds after every minute; kills: how often the collector ends without a word, to be back later."""
    rng = np.random.default_rng(seed)
    dies = set(rng.integers(window.start, window.end - 120, kills).tolist())
    with tempfile.TemporaryDirectory() as folder:
        told: Counts | None = None
        minute = window.start + 1
        while minute <= window.end + 40:
            with _Recording(str(Path(folder) / "slo.db"), create=True) as ledger:
                ledger.note(window, told)
                tracked = track(ledger, [objective], first_minute=window.start, at_minute=minute)
                collector = ServerCollector(ledger, tracked, reader, lag=Lag())
                while minute <= window.end + 40:
                    ledger.minute = minute
                    reader.now_ms = minute * MINUTE_MS + 2000
                    result = collector.cycle(lambda share: None)
                    assert not result.failures, result.failures
                    minute += 1
                    if minute in dies:
                        minute += int(rng.integers(1, 90))
                        break
                told = ledger.told
                kept = LedgerSource(ledger).events([objective], [window], lambda share: None)[objective.id]
        assert isinstance(kept, Measured)
        assert told is not None
        delay = told[2] - np.arange(window.start + 1, window.end + 1)
        return Collected(np.maximum(told[:2], 0), kept.groups[()], float(delay[told[2] >= 0].mean()), reader.samples)

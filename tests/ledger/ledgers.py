"""Ledgers for tests, filled with counts that are made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from slo.events import WindowCounts
from slo.ledger.collector import ServerCollector
from slo.ledger.pace import Lag
from slo.ledger.registry import track
from slo.ledger.source import LedgerSource
from slo.ledger.store import Epoch, Ledger, Write
from slo.ledger.stretch import FULL, Provenance, Stretch
from slo.objective import Group, Objective
from slo.samples import SeriesSamples
from slo.source.protocol import Measured
from slo.source.simulated import SimulatedReader
from slo.window import Interval

T0 = 29_700_000
"""A minute in 2026, some hours into a day."""


def steady(
    interval: Interval, *, good: int = 10, bad: int = 1, provenance: Provenance = Provenance.REREAD, covered: int = FULL
) -> Stretch:
    """The same events in every minute."""
    size = interval.minutes
    return Stretch.of(
        interval.start, np.full(size, good), np.full(size, bad), np.full(size, covered, np.int16), provenance
    )


def put(ledger: Ledger, epoch: Epoch, stretch: Stretch, group: Group = ()) -> None:
    ledger.write([Write(epoch, {group: stretch})])


def new_ledger(folder: Path, name: str = "slo.db") -> Ledger:
    return Ledger(str(folder / name), create=True)


def reader(interval: Interval, *, pods: int = 2) -> SimulatedReader:
    """Pods that are scraped every 30 s: 60 requests a minute each, 6 of them bad and 3 slow."""
    times = np.arange(interval.start * 60_000 + 5_000, interval.end * 60_000, 30_000, dtype=np.int64)
    return SimulatedReader(
        {
            metric: [
                SeriesSamples(
                    MappingProxyType({"__name__": metric, "job": "shop", "instance": f"pod-{pod}"}),
                    times,
                    (times - times[0]) / 60_000 * per_minute,
                )
                for pod in range(pods)
            ]
            for metric, per_minute in (("all", 60.0), ("bad", 6.0), ("slow", 3.0))
        }
    )


def collect(ledger: Ledger, objectives: Sequence[Objective], source: SimulatedReader, since: int, until: int) -> int:
    """One cycle of a collector that begins now, at `until`; how many steps it read."""
    source.now_ms = until * 60_000 + 6_000
    tracked = track(ledger, objectives, first_minute=since, at_minute=until)
    result = ServerCollector(ledger, tracked, source, lag=Lag(0.0)).cycle(lambda share: None)
    assert not result.failures, result.failures
    return result.steps


def counts(ledger: Ledger, one: Objective, interval: Interval) -> WindowCounts:
    """What a report would see."""
    measured = LedgerSource(ledger).events([one], [interval], lambda share: None)[one.id]
    assert isinstance(measured, Measured)
    return measured.groups[()].within(interval)

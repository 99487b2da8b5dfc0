"""A collector driven minute by minute over a simulated fleet, and what its ledger told at every moment."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np

from bench.arrivals import ArrivingReader, Replicas
from slo.events import Counts, EventSeries
from slo.ledger.collector import ServerCollector
from slo.ledger.pace import Lag
from slo.ledger.registry import track
from slo.ledger.source import LedgerSource
from slo.ledger.store import Ledger, Write
from slo.ledger.stretch import Stretch
from slo.objective import Objective
from slo.source.protocol import Measured
from slo.units import MINUTE_MS
from slo.window import Interval

WINDOWS = (5, 30, 60, 360)
TAIL_MINUTES = 40
"""The collector goes on so long after the window, until all of it has been read twice."""

_AFTER_THE_MINUTE_MS = 2000
_LONGEST_DOWN_MINUTES = 90


class Told:
    """What was told at each minute of the clock: `newest`, the last complete minute (-1: nobody collected), and bad
    and total of the windows that end there, as the ledger had them then.

    newest: index into the window, shape (minutes,); counts: shape (minutes, windows, 2).
    """

    def __init__(self, window: Interval) -> None:
        self._window = window
        self._known = np.zeros((window.minutes, 2), np.int64)
        self._complete = -1
        self.newest = np.full(window.minutes, -1, np.int64)
        self.counts = np.zeros((window.minutes, len(WINDOWS), 2), np.int64)

    def write(self, writes: Sequence[Write]) -> None:
        """Take over what a ledger has written."""
        for one in writes:
            for group, stretch in one.stretches.items():
                if not group:
                    at, columns = self._columns(stretch)
                    self._known[at] = columns
                    self._complete = max(self._complete, at.stop - 1 if columns.size else -1)
            for group, stretch in one.amendments.items():
                if not group:
                    at, columns = self._columns(stretch)
                    self._known[at] += columns

    def note(self, minute: int) -> None:
        """A cycle at this minute is done."""
        at = minute - self._window.start - 1
        if 0 <= at < self._window.minutes and self._complete >= 0:
            self.newest[at] = self._complete
            for number, minutes in enumerate(WINDOWS):
                low = max(self._complete + 1 - minutes, 0)
                self.counts[at, number] = self._known[low : self._complete + 1].sum(axis=0)

    def _columns(self, stretch: Stretch) -> tuple[slice, Counts]:
        part = stretch.part(self._window)
        at = part.start - self._window.start
        return slice(at, at + part.good.size), np.column_stack([part.bad, part.good + part.bad])


@dataclass(frozen=True, slots=True, eq=False)
class Collected:
    """told: while it happened; kept: at the end. samples: how many were read, by metric; kills: how many there were."""

    told: Told
    kept: EventSeries
    samples: Counter[str]
    kills: int

    @property
    def delay_minutes(self) -> float:
        """From the end of the newest minute that is told until now, the mean over the time that anyone collected."""
        up = self.told.newest >= 0
        return float((np.arange(up.size) - self.told.newest)[up].mean())


class _Death(Enum):
    """Where in a cycle the collector dies."""

    BEFORE_A_WRITE = 0
    AFTER_A_WRITE = 1
    AFTER_THE_CYCLE = 2


class _KilledError(Exception):
    pass


class _Watched(Ledger):
    """A ledger that tells what is written, and dies where it is told to."""

    def watch(self, told: Told) -> None:
        self._told = told
        self.death: _Death | None = None

    def write(self, writes: Sequence[Write]) -> None:
        if self.death is _Death.BEFORE_A_WRITE:
            raise _KilledError
        super().write(writes)
        self._told.write(writes)
        if self.death is _Death.AFTER_A_WRITE:
            raise _KilledError


def collect(
    objective: Objective, reader: ArrivingReader | Replicas, window: Interval, *, kills: int = 0, seed: int = 1
) -> Collected:
    """A cycle two seconds after every minute of the window.

    kills: how often the collector is dropped somewhere in a cycle, nothing closed, to be back 1 to 90 minutes later
    with what the file holds. Where it really dies with its process is tested in tests/ledger/test_kill.py.
    """
    told = Told(window)
    deaths = list(_deaths(window, kills, np.random.default_rng(seed)))
    with tempfile.TemporaryDirectory() as folder:
        dsn = str(Path(folder) / "slo.db")
        minute = window.start + 1
        for dies_at, death, down in deaths:
            _live(dsn, objective, reader, told, Interval(minute, dies_at), death)
            minute = dies_at + down
        _live(dsn, objective, reader, told, Interval(minute, window.end + TAIL_MINUTES), None)
        with Ledger(dsn) as ledger:
            kept = LedgerSource(ledger).events([objective], [window], lambda share: None)[objective.id]
    assert isinstance(kept, Measured)
    return Collected(told, kept.groups[()], reader.samples, len(deaths))


def _live(
    dsn: str,
    objective: Objective,
    reader: ArrivingReader | Replicas,
    told: Told,
    cycles: Interval,
    death: _Death | None,
) -> None:
    """One process: cycles from the first to the last minute, in which it may die."""
    ledger = _Watched(dsn, create=True)
    ledger.watch(told)
    tracked = track(ledger, [objective], first_minute=cycles.start - 1, at_minute=cycles.start)
    collector = ServerCollector(ledger, tracked, reader, lag=Lag())
    for minute in range(cycles.start, cycles.end + 1):
        if minute == cycles.end:
            ledger.death = death
        reader.now_ms = minute * MINUTE_MS + _AFTER_THE_MINUTE_MS
        try:
            result = collector.cycle(lambda share: None)
        except _KilledError:
            return
        assert not result.failures, result.failures
        told.note(minute)
    if death is None:
        ledger.close()


def _deaths(window: Interval, kills: int, rng: np.random.Generator) -> Iterator[tuple[int, _Death, int]]:
    """Minute, place and minutes until it is back, of every death; never two in one life's first minute."""
    downs = rng.integers(1, _LONGEST_DOWN_MINUTES + 1, kills)
    up = window.minutes - int(downs.sum()) - 2 * kills
    lives = np.diff(np.concatenate([[0], np.sort(rng.integers(0, max(up, 1), kills))])) + 1
    minute = window.start
    for life, down in zip(lives.tolist(), downs.tolist(), strict=True):
        minute += life
        yield minute, _Death(int(rng.integers(0, len(_Death)))), down
        minute += down

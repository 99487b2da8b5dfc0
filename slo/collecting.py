"""Collecting, cycle after cycle: who may write, when the next cycle is, and what is told of failures."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from slo.errors import LedgerError
from slo.ledger.blocks import DAY
from slo.ledger.collector import CycleResult, ServerCollector
from slo.ledger.lease import Lease
from slo.ledger.pace import Lag
from slo.ledger.prune import expire
from slo.ledger.registry import track
from slo.ledger.store import Ledger, Write
from slo.objective import Objective
from slo.source.protocol import Progress, SampleReader
from slo.window import minute_of

_AFTER_THE_MINUTE_SECONDS = 2.0
_STANDBY_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedSource:
    """One server (or set of scraped targets) and how to read it. lag_seconds: None to learn it. trouble: why nothing
    comes from it at present, though it can be read."""

    reader: SampleReader
    lag_seconds: float | None = None
    rereads: bool = True
    trouble: Callable[[], str] = lambda: ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """cycle_seconds: from one cycle to the next; backfill_minutes: how far back a new objective is counted;
    retention_minutes: how long counts are kept; catch_up_seconds: so long of a cycle may go by before what is still
    far behind has to wait for the next one, which then comes at once: None to go on until all is read."""

    cycle_seconds: float = 60.0
    backfill_minutes: int = 396 * 1440
    retention_minutes: int = 396 * 1440
    catch_up_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What is collected, and from where: the sources by the names of the servers."""

    objectives: Sequence[Objective]
    sources: Mapping[str, CollectedSource]


class Follower:
    """Is told what becomes of the ledger, in the thread that collects. LedgerErrors of it are as the ledger's own."""

    def opened(self, ledger: Ledger) -> None:
        """It is open, for the first time or again, and nothing has been collected yet."""

    def wrote(self, writes: Sequence[Write]) -> None:
        """That much was added to it."""

    def cycled(self, results: Sequence[CycleResult]) -> None:
        """A cycle is over."""

    def stood_by(self) -> None:
        """Another collector writes it: told as often as there would be cycles."""

    def lost(self, error: LedgerError) -> None:
        """It cannot be read or written; opened anew as soon as it can be."""


class Collecting:
    """Collects objectives from their sources into the ledger of a DSN until stopped.

    plan: asked before every cycle what to collect; another Plan takes the place of the one before.
    say: is told what an operator should know, once when it changes. Raises LedgerError where the ledger cannot be
    opened at the start; later failures are told and tried again, as nothing of what was counted is lost by waiting.
    """

    def __init__(
        self,
        dsn: str,
        plan: Callable[[], Plan],
        pace: Pace,
        *,
        say: Callable[[str], None],
        progress: Progress,
        now: Callable[[], datetime],
        follower: Follower | None = None,
    ) -> None:
        self._dsn = dsn
        self._plan = plan
        self._pace = pace
        self._tell = _Changes(say)
        self._progress = progress
        self._now = now
        self._follower = follower or Follower()
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._expired_on: int | None = None

    def stop(self) -> None:
        """End after the cycle that is under way. May be called from a signal handler."""
        self._stopping.set()
        self._woken.set()

    def wake(self) -> None:
        """Begin the next cycle at once. May be called from another thread."""
        self._woken.set()

    def run(self, cycles: int | None = None) -> bool:
        """Collect for so many cycles, or until stopped; whether the last one read everything."""
        Ledger(self._dsn, create=True).close()
        done, complete = 0, True
        while not self._stopping.is_set() and (cycles is None or done < cycles):
            try:
                with Ledger(self._dsn) as ledger, Lease(ledger) as lease:
                    self._follower.opened(ledger)
                    self._stand_by(ledger, lease)
                    if self._stopping.is_set():
                        break
                    for complete in self._cycles(ledger):
                        done += 1
                        if done == cycles:
                            return complete
            except LedgerError as error:
                complete = False
                self._tell.ledger(str(error))
                self._follower.lost(error)
                done += 1
                self._wait()
        return complete

    def _stand_by(self, ledger: Ledger, lease: Lease) -> None:
        """Until the lease is held, or all is to stop."""
        asked_at, told_at = -math.inf, time.monotonic()
        while not self._stopping.is_set():
            if time.monotonic() - asked_at >= self._between_standbys:
                if lease.acquire():
                    return
                asked_at = time.monotonic()
            self._tell.standby(f"another collector writes {ledger.name}; standing by")
            if time.monotonic() - told_at >= self._pace.cycle_seconds:
                told_at = time.monotonic()
                self._follower.stood_by()
            if self._pause(self._between_standbys):
                self._follower.stood_by()

    @property
    def _between_standbys(self) -> float:
        return min(_STANDBY_SECONDS, self._pace.cycle_seconds / 2)

    def _cycles(self, ledger: Ledger) -> Iterator[bool]:
        """Cycles while the lease holds; each tells whether it read everything."""
        plan: Plan | None = None
        collectors: list[ServerCollector] = []
        while not self._stopping.is_set():
            ledger.check_place()
            wanted = self._plan()
            if wanted is not plan:
                plan, collectors = wanted, self._collectors(ledger, wanted)
            results = self._cycle(collectors)
            self._tell.results(results)
            self._expire(ledger)
            self._follower.cycled(results)
            yield not any(result.failures for result in results)
            if not any(result.is_behind for result in results):
                self._wait()

    def _cycle(self, collectors: Sequence[ServerCollector]) -> list[CycleResult]:
        budget, begun = self._pace.catch_up_seconds, time.monotonic()

        def is_late() -> bool:
            return self._stopping.is_set() or (budget is not None and time.monotonic() - begun > budget)

        return [collector.cycle(self._progress, is_late=is_late) for collector in collectors]

    def _expire(self, ledger: Ledger) -> None:
        """Once a day, let go of what is older than it is to be kept."""
        at = minute_of(self._now())
        if self._expired_on != at // DAY:
            expire(ledger, at - self._pace.retention_minutes)
            self._expired_on = at // DAY

    def _collectors(self, ledger: Ledger, plan: Plan) -> list[ServerCollector]:
        at = minute_of(self._now())
        tracked = track(ledger, plan.objectives, first_minute=at - self._pace.backfill_minutes, at_minute=at)
        return [
            ServerCollector(
                ledger,
                [one for one in tracked if one.objective.prometheus == name],
                source.reader,
                lag=Lag(source.lag_seconds),
                rereads=source.rereads,
                wrote=self._follower.wrote,
            )
            for name, source in plan.sources.items()
        ]

    def _wait(self) -> None:
        """Until shortly after the next multiple of the cycle's length: samples of the last minute are then there."""
        cycle = self._pace.cycle_seconds
        self._pause(cycle - (time.time() - _AFTER_THE_MINUTE_SECONDS) % cycle)

    def _pause(self, seconds: float) -> bool:
        """Whether it was woken before that many seconds had gone by."""
        woken = self._woken.wait(seconds)
        self._woken.clear()
        return woken


class _Changes:
    """Tells failures when they begin and when they end, not in every cycle."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._failures: dict[str, str] = {}
        self._notes: set[str] = set()
        self._last: str | None = None

    def standby(self, message: str) -> None:
        self._once(message)

    def ledger(self, message: str) -> None:
        self._once(f"{message}; trying again")

    def results(self, results: Sequence[CycleResult]) -> None:
        self._last = None
        failures = {id_: str(error) for result in results for id_, error in result.failures.items()}
        for message in sorted(set(failures.values()) - set(self._failures.values())):
            ids = [id_ for id_, failure in failures.items() if failure == message]
            self._say(f"{message} ({_some(ids)})")
        recovered = sorted(self._failures.keys() - failures.keys())
        if recovered:
            self._say(f"collecting again: {_some(recovered)}")
        self._failures = failures
        notes = {f"{id_}: {note}" for result in results for id_, note in result.notes.items()}
        for note in sorted(notes - self._notes):
            self._say(note)
        self._notes |= notes

    def _once(self, message: str) -> None:
        if message != self._last:
            self._say(message)
            self._last = message


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")

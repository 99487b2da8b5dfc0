"""What the collector's process does with every cycle: all answers are made anew, and told to the web process."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from slo.collecting import CollectedSource, Follower, Plan
from slo.errors import LedgerError
from slo.events import Events
from slo.gate import Gate
from slo.ledger.collector import CycleResult
from slo.ledger.counters import Counters
from slo.ledger.memory import LedgerMemory
from slo.ledger.source import LedgerSource
from slo.ledger.store import Ledger, Write
from slo.objective import Objective
from slo.opening import newest_complete
from slo.redaction import without_password
from slo.reporting import Evaluation, evaluations
from slo.serving.files import ObjectiveFiles
from slo.serving.gate_state import Vetoes
from slo.serving.incidents import Incidents
from slo.serving.messages import Channel
from slo.serving.notices import Notices
from slo.serving.publishing import Cycle, newest_minute, snapshot_parts
from slo.serving.series_text import Totals
from slo.serving.snapshot import status_facts
from slo.serving.views import CollectorStatus
from slo.spec import Spec
from slo.window import minute_of

Sources = Callable[[Sequence[Objective]], dict[str, CollectedSource]]


class Publishing(Follower):
    """Keeps the ledger in memory, and publishes a snapshot after every cycle.

    sources: where a set of objectives is collected from. folder: where snapshots are written to. vetoes: evaluates
    those of gates at a time. now: as the clock.
    """

    def __init__(
        self,
        files: ObjectiveFiles,
        sources: Sources,
        channel: Channel,
        folder: Path,
        notices: Notices,
        *,
        vetoes: Callable[[Sequence[Gate], datetime], Vetoes],
        cycle_seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        self._files = files
        self._sources = sources
        self._channel = channel
        self._folder = folder
        self._notices = notices
        self._vetoes = vetoes
        self._cycle_seconds = cycle_seconds
        self._now = now
        self._number = 0
        self._plan: Plan | None = None
        self._spec: Spec | None = None
        self._ledger: Ledger | None = None
        self._memory: LedgerMemory | None = None
        self._counters: Counters | None = None
        self._begun = time.monotonic()
        self._seconds = 0.0
        self._failures: dict[str, str] = {}
        self._incidents = Incidents()

    def plan(self) -> Plan:
        """What is to be collected in the cycle that begins now."""
        self._begun = time.monotonic()
        self._channel.alive()
        self.read_files()
        assert self._plan is not None
        return self._plan

    def read_files(self) -> bool:
        """Take over what objective files say by now; whether there is anything to collect."""
        before = self._files.status
        if self._files.refresh(self._accept):
            self._channel.log(f"{len(self._spec.objectives) if self._spec else 0} objectives in force", level="info")
        elif self._plan is None and self._files.spec is not None:
            self._accept(self._files.spec)
        if self._files.status != before and not self._files.status.ok:
            kept = "; the objectives from before stay in force" if self._plan else ""
            self._channel.log(f"the objective files cannot be used{kept}: {self._files.status.problems}")
        return self._plan is not None

    def opened(self, ledger: Ledger) -> None:
        """As in Follower."""
        self._begun = time.monotonic()
        assert self._spec is not None
        at = minute_of(newest_complete(ledger.newest_minute(), self._now()))
        self._memory = LedgerMemory(ledger, self._spec.objectives, at_minute=at)
        self._counters = Counters(ledger, self._counters)
        self._ledger = ledger
        self._look_for_incidents(self._publish(), ledger)

    def wrote(self, writes: Sequence[Write]) -> None:
        """As in Follower."""
        assert self._memory is not None
        self._memory.take(writes)
        self._channel.alive()

    def cycled(self, results: Sequence[CycleResult]) -> None:
        """As in Follower."""
        failures = self._troubles() | {slo: str(error) for one in results for slo, error in one.failures.items()}
        self._failures = {slo: without_password(text) for slo, text in failures.items()}
        evaluated = self._publish(keep_counters=True)
        if self._ledger is not None:
            self._notices.consider(evaluated, self._ledger)
            self._look_for_incidents(evaluated, self._ledger)

    def stood_by(self) -> None:
        """As in Follower: what the other collector wrote is read anew."""
        self._begun = time.monotonic()
        self.read_files()
        assert self._ledger is not None
        self.opened(self._ledger)

    def lost(self, error: LedgerError) -> None:
        """As in Follower: what was published stays, and ages."""
        self._memory = None
        self.read_files()
        self._channel.send("status", status_facts(self._status(None, error)))

    def _troubles(self) -> dict[str, str]:
        """Of objectives whose source has nothing to give."""
        assert self._plan is not None
        troubles = {name: source.trouble() for name, source in self._plan.sources.items()}
        return {one.id: troubles[one.prometheus] for one in self._plan.objectives if troubles.get(one.prometheus)}

    def _look_for_incidents(self, evaluated: Sequence[Evaluation], ledger: Ledger) -> None:
        """They come with the next snapshot: nobody waits for them."""
        self._incidents.look(evaluated, LedgerSource(ledger), minute_of(self._now()))

    def _accept(self, spec: Spec) -> None:
        plan = Plan(objectives=spec.objectives, sources=self._sources(spec.objectives))
        self._plan, self._spec = plan, spec
        if self._memory is not None:
            self._memory.choose(spec.objectives, at_minute=minute_of(self._now()))

    def _publish(self, *, keep_counters: bool = False) -> Sequence[Evaluation]:
        assert self._memory is not None
        assert self._spec is not None
        assert self._counters is not None
        now = self._now()
        at = newest_complete(self._memory.newest_minute, now)
        self._memory.refresh(minute_of(at))
        evaluated = list(evaluations(self._spec.objectives, self._memory, at=at, progress=self._channel.alive))
        newest = newest_minute(evaluated)
        self._number = max(self._number + 1, int(now.timestamp()))
        cycle = Cycle(
            number=self._number,
            made_at=now,
            next_at=self._next_at(now),
            status=self._status(newest, None),
            incidents=self._incidents.found,
            count_ever=lambda slo, events: self._totals(slo, events, minute_of(at)),
            vetoes=self._vetoes(self._spec.gates, now),
        )
        snapshot = b"".join(snapshot_parts(self._spec, evaluated, cycle, at=at))
        try:
            if keep_counters:
                self._counters.save()
        finally:
            self._write(snapshot)
        self._seconds = time.monotonic() - self._begun
        return evaluated

    def _write(self, snapshot: bytes) -> None:
        path = self._folder / f"{self._number}.snapshot"
        try:
            path.write_bytes(snapshot)
        except OSError as error:
            path.unlink(missing_ok=True)
            self._channel.log(f"what was found cannot be passed on: {self._folder}: {error.strerror}", level="error")
            return
        self._channel.send("snapshot", {"path": str(path), "cycle": self._number})

    def _status(self, newest: int | None, error: LedgerError | None) -> CollectorStatus:
        lag = None if newest is None else max(self._now().timestamp() - newest * 60, 0.0)
        return CollectorStatus(
            lag_seconds=lag,
            cycle_seconds=self._seconds,
            failures=self._failures,
            files=self._files.status,
            ledger_ok=error is None,
            ledger_message="" if error is None else without_password(str(error)),
        )

    def _next_at(self, now: datetime) -> datetime:
        """When the next cycle will have been published, if it takes as long as the last one."""
        cycle = self._cycle_seconds
        begins = (math.floor(now.timestamp() / cycle) + 1) * cycle
        return datetime.fromtimestamp(begins, UTC) + timedelta(seconds=self._seconds)

    def _totals(self, slo: str, events: Events, at_minute: int) -> Totals | None:
        assert self._counters is not None
        state = self._counters.count(slo, events, at_minute)
        return None if state is None else Totals(state.bad, state.total)

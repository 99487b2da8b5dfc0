"""The collector: every minute read once as it comes and once more a quarter of an hour later, counted, and kept.

`final` counts have been read twice and carry the checkpoint; `live` ones run ahead of them from one read and are
replaced. Only final checkpoints are stored, so whatever ends the process, the next one counts on from the last of
them, and no event is lost or counted twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from slo.errors import SourceError, SourceUnreachableError
from slo.ledger.batches import batches
from slo.ledger.checkpoint import Checkpoint
from slo.ledger.counting import Late
from slo.ledger.gaps import RETRY_AFTER_MINUTES, Growth, grown, has_hole, is_due
from slo.ledger.pace import QUARTER, Lag, final_until, live_until
from slo.ledger.reading import ReadingPlan
from slo.ledger.stepping import Outcome, scrape_interval_ms, step
from slo.ledger.store import Gap, Ledger, Write
from slo.ledger.stretch import Provenance, Stretch, joined
from slo.ledger.tracked import Tracked
from slo.source.protocol import SampleReader
from slo.source.targets import scraped_after
from slo.units import MINUTE_MS

_LONGEST_STEP_MINUTES = 1440
_READS_AT_ONCE = 4


@dataclass(slots=True)
class CycleResult:
    """What one cycle did. failures: by objective, what could not be read; notes: by objective, what to know.

    is_behind: more than a step of what was missed is left for the next cycle.
    """

    now_ms: int = 0
    steps: int = 0
    is_behind: bool = False
    failures: dict[str, SourceError] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


class ServerCollector:
    """Collects the objectives of one server into a ledger.

    rereads: False for a source that has nothing late to tell and forgets: then each minute is final at once.
    wrote: is told what was written, once it is.
    """

    def __init__(
        self,
        ledger: Ledger,
        tracked: Sequence[Tracked],
        reader: SampleReader,
        *,
        lag: Lag,
        rereads: bool = True,
        wrote: Callable[[Sequence[Write]], None] = lambda writes: None,
    ) -> None:
        self._ledger = ledger
        self._wrote = wrote
        self._tracked = {one.objective.id: one for one in tracked}
        self._reader = self._reading = reader
        self._lag = lag
        self._rereads = rereads
        self._batches = batches([one.objective for one in tracked])
        self._plans: dict[frozenset[str], ReadingPlan] = {}
        self._gaps = [gap for gap in ledger.gaps() if gap.epoch_id in {one.epoch.id for one in tracked}]
        for gap in self._gaps:
            for one in tracked:
                if one.epoch.id == gap.epoch_id and one.final.horizon == gap.end:
                    one.gap = gap

    def cycle(self, progress: Callable[[float], None], *, is_late: Callable[[], bool] = lambda: False) -> CycleResult:
        """Read and count everything that is due. Raises LedgerError; what was not written is done in the next cycle.

        is_late: asked before each step of those that are more than one behind; if so, they wait for the next cycle.
        """
        result = CycleResult()
        try:
            result.now_ms = self._reader.server_time_ms()
        except SourceError as error:
            result.failures = dict.fromkeys(self._tracked, error)
            return result
        # One snapshot for all reads of a cycle: a target must not be scraped between the reads of its two counters.
        snapshot = getattr(self._reader, "snapshot", None)
        self._reading = snapshot() if snapshot else self._reader
        with ThreadPoolExecutor(_READS_AT_ONCE) as executor:
            self._finish(result, executor, progress, is_late)
            if self._rereads:
                self._retry_gaps(result, executor)
                self._run_ahead(result, executor)
        return result

    def _finish(
        self,
        result: CycleResult,
        executor: ThreadPoolExecutor,
        progress: Callable[[float], None],
        is_late: Callable[[], bool],
    ) -> None:
        """Second readings, then whatever was missed while nobody collected, oldest first."""
        due = {id_: self._due(id_, phase, result.now_ms) for phase, ids in enumerate(self._batches) for id_ in ids}
        todo = sum(max(due[id_] - one.final.horizon, 0) for id_, one in self._tracked.items())
        left = todo
        while True:
            waiting = [
                one
                for id_, one in self._tracked.items()
                if max(one.final.horizon, one.final.edge) < due[id_] and id_ not in result.failures
            ]
            if not waiting or self._is_unreachable(result):
                return
            near = [one for one in waiting if not self._is_far(one, due[one.objective.id])]
            if not near and is_late():
                result.is_behind = True
                return
            waiting = near or waiting
            oldest = min(one.final.horizon for one in waiting)
            for batch in self._batches:
                together = [one for one in waiting if one.final.horizon == oldest and one.objective.id in batch]
                if together:
                    until = min(oldest + _LONGEST_STEP_MINUTES, *(due[one.objective.id] for one in together))
                    self._finish_step(together, until, result, executor)
                    left -= (until - oldest) * len(together)
                    progress(1 - max(left, 0) / todo)

    def _finish_step(
        self, together: Sequence[Tracked], until: int, result: CycleResult, executor: ThreadPoolExecutor
    ) -> None:
        before = {one.objective.id: one.final for one in together}
        ahead = all(one.live is not None and one.live.horizon >= until for one in together)
        provenance = Provenance.REREAD if ahead else Provenance.BACKFILLED
        outcomes = self._outcomes(before, until, provenance if self._rereads else Provenance.LIVE, result, executor)
        writes: list[Write] = []
        growths: dict[str, Growth] = {}
        for id_, outcome in outcomes.items():
            one = self._tracked[id_]
            if not self._rereads:
                writes.append(_write(one, outcome))
                continue
            growth = growths[id_] = self._asked(grown(one.gap, one.epoch, before[id_], outcome))
            writes.append(_write(one, outcome, growth))
        self._write(writes)
        for id_, outcome in outcomes.items():
            self._tracked[id_].final = outcome.after
            self._remember_gap(self._tracked[id_], growths.get(id_, Growth()))

    def _outcomes(
        self,
        before: Mapping[str, Checkpoint],
        until: int,
        provenance: Provenance,
        result: CycleResult,
        executor: ThreadPoolExecutor,
    ) -> dict[str, Outcome]:
        """One step, amending; where a replica saw less than another would have, that other's count."""
        outcomes = self._step(before, until, provenance, result, executor, self._reading, Late.AMEND)
        for reader in self._other_replicas():
            holes = {id_: before[id_] for id_, one in outcomes.items() if has_hole(one)}
            if holes:
                ignored = CycleResult()
                others = self._step(holes, until, provenance, ignored, executor, reader, Late.AMEND)
                outcomes |= {id_: one for id_, one in others.items() if _covered(one) > _covered(outcomes[id_])}
        return outcomes

    def _run_ahead(self, result: CycleResult, executor: ThreadPoolExecutor) -> None:
        """First readings, up to what has arrived."""
        until = live_until(result.now_ms, self._lag)
        for batch in self._batches:
            starts: dict[int, dict[str, Checkpoint]] = defaultdict(dict)
            for id_ in batch - result.failures.keys():
                one = self._tracked[id_]
                if result.is_behind and self._is_far(one, until):
                    continue
                start = one.live if one.live and one.live.horizon >= one.final.horizon else one.final
                if max(start.horizon, start.edge) < until:
                    starts[start.horizon][id_] = start
            for before in starts.values():
                if not self._is_unreachable(result):
                    self._live_step(before, until, result, executor)

    def _live_step(
        self, before: Mapping[str, Checkpoint], until: int, result: CycleResult, executor: ThreadPoolExecutor
    ) -> None:
        outcomes = self._step(before, until, Provenance.LIVE, result, executor, self._reading, Late.FOLD)
        self._write([Write(self._tracked[id_].epoch, one.counted.complete) for id_, one in outcomes.items()])
        for id_, one in outcomes.items():
            self._tracked[id_].live = one.after
        newest = max(outcomes.values(), key=lambda one: one.newest_ms, default=None)
        if newest is not None and newest.newest_ms:
            until_ms, interval_ms = until * MINUTE_MS, scrape_interval_ms(newest.after)
            self._lag.observe(newest.newest_ms, until_ms, result.now_ms, interval_ms)

    def _retry_gaps(self, result: CycleResult, executor: ThreadPoolExecutor) -> None:
        for gap in [gap for gap in self._gaps if is_due(gap, result.now_ms // MINUTE_MS)]:
            one = next((one for one in self._tracked.values() if one.epoch.id == gap.epoch_id), None)
            if one is None or one.gap is gap or self._is_unreachable(result):
                continue
            before = {one.objective.id: gap.checkpoint}
            outcomes = self._step(before, gap.end, Provenance.REREAD, result, executor, self._reading, Late.DROP)
            for outcome in outcomes.values():
                self._retried(one, gap, outcome)

    def _retried(self, one: Tracked, gap: Gap, outcome: Outcome) -> None:
        """Keep what was found anew; while something is missing still, try again later."""
        known, found = self._known(one, outcome), outcome.counted.complete[()]
        # Fewer events or less coverage than before: the source has forgotten meanwhile.
        kept = found.covered.sum() >= known.covered.sum() and _events(found) >= _events(known) - 1
        tried = replace(gap, tries=gap.tries + 1)
        again = (tried,) if tried.tries < len(RETRY_AFTER_MINUTES) and (has_hole(outcome) or not kept) else ()
        self._write([Write(one.epoch, outcome.counted.complete if kept else {}, gaps=again, filled=(gap,))])
        self._gaps.remove(gap)
        self._gaps += again

    def _write(self, writes: Sequence[Write]) -> None:
        self._ledger.write(writes)
        self._wrote(writes)

    @staticmethod
    def _is_far(one: Tracked, due: int) -> bool:
        return due - one.final.horizon > _LONGEST_STEP_MINUTES

    def _known(self, one: Tracked, outcome: Outcome) -> Stretch:
        interval = outcome.counted.complete[()].interval
        ids = self._ledger.series([one.epoch.id])[one.epoch.id]
        blocks = [block for _, block in self._ledger.blocks([ids[()]] if () in ids else [], interval)]
        return joined(blocks, interval)

    def _step(
        self,
        before: Mapping[str, Checkpoint],
        until: int,
        provenance: Provenance,
        result: CycleResult,
        executor: ThreadPoolExecutor,
        reader: SampleReader,
        late: Late,
    ) -> dict[str, Outcome]:
        try:
            outcomes = step(self._plan(before), before, until, provenance, reader=reader, executor=executor, late=late)
        except SourceError as error:
            result.failures |= dict.fromkeys(before, error)
            return {}
        result.steps += 1
        for id_, one in outcomes.items():
            if isinstance(one, SourceError):
                result.failures[id_] = one
            elif one.undefined:
                result.notes[id_] = "samples that are NaN or infinite count as missing; mend the exporter"
        return {id_: one for id_, one in outcomes.items() if isinstance(one, Outcome)}

    def _plan(self, ids: Iterable[str]) -> ReadingPlan:
        wanted = frozenset(ids)
        plan = self._plans.get(wanted)
        if plan is None:
            if len(self._plans) > 2 * len(self._batches):
                self._plans.clear()
            plan = self._plans[wanted] = ReadingPlan([self._tracked[id_].objective for id_ in sorted(wanted)])
        return plan

    def _due(self, id_: str, phase: int, now_ms: int) -> int:
        if self._rereads:
            return final_until(now_ms, phase % QUARTER)
        return live_until(now_ms, self._lag)

    def _asked(self, growth: Growth) -> Growth:
        """Whether a silent target was late: then its gap is a hole, to be read again at once."""
        if growth.gap is None or not growth.ask:
            return growth
        late = scraped_after(self._reading, growth.ask)
        return Growth(replace(growth.gap, is_hole=True)) if late else growth

    def _remember_gap(self, one: Tracked, growth: Growth) -> None:
        if one.gap is not None and one.gap in self._gaps:
            self._gaps.remove(one.gap)
        if growth.gap is not None:
            self._gaps.append(growth.gap)
        one.gap = growth.gap if growth.goes_on else None

    def _other_replicas(self) -> Iterator[SampleReader]:
        others = getattr(self._reader, "others", None)
        return iter(others()) if others else iter(())

    @staticmethod
    def _is_unreachable(result: CycleResult) -> bool:
        return any(isinstance(error, SourceUnreachableError) for error in result.failures.values())


def _write(one: Tracked, outcome: Outcome, growth: Growth | None = None) -> Write:
    growth = growth or Growth()
    return Write(
        one.epoch,
        outcome.counted.complete,
        outcome.counted.amendments,
        outcome.after,
        gaps=(growth.gap,) if growth.gap else (),
        filled=(growth.dropped,) if growth.dropped else (),
    )


def _events(stretch: Stretch) -> int:
    return int(stretch.good.sum() + stretch.bad.sum())


def _covered(outcome: Outcome) -> int:
    return int(outcome.counted.complete[()].covered.sum())

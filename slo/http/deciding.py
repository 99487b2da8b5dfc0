"""The current decision of every gate, from memory; what has changed is kept in the record before anyone is given it.

Verdicts come with each snapshot. Between two of them a decision changes with the time alone (its data grow too old, a
freeze begins) or with an override: then it is folded anew. A change that the record cannot keep is not given: until it
is kept the gate answers `unknown`, which its `on_unknown` lets through or not.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from slo.decision import Decision, GateReason, Outcome, Override, Verdict, fold
from slo.errors import RecordError
from slo.gate import Gate, id_matches
from slo.http.given import Given
from slo.http.problem import bad_request, not_found, unavailable
from slo.record import DecisionChange, Record
from slo.serving.gate_state import GateState
from slo.serving.snapshot import Snapshot

_LOG = logging.getLogger("slo.http")
_MOST_KEPT = 10_000
_MOST_GLOBS = 10
_MANY = 500
"""So many verdicts are folded in a thread, while the loop answers others."""
_TRIED_AGAIN = timedelta(seconds=5)

Asked = tuple[str, tuple[str, ...]]
"""A gate and the ids or globs that a caller named; none for all that the gate asks about."""


@dataclass(slots=True)
class _Cycle:
    """A snapshot, and what has been decided from it. changed: told of each change of a gate as a whole."""

    snapshot: Snapshot
    overrides: tuple[Override, ...]
    given: dict[Asked, Given] = field(default_factory=dict)


class Deciding:
    """Of one event loop. now: the aware time; all decisions expire by it."""

    def __init__(self, record: Record, *, now: Callable[[], datetime]) -> None:
        self._record = record
        self._now = now
        self._cycle: _Cycle | None = None
        self._kept = dict(record.last())
        self._withheld: set[str] = set()
        self._changing = asyncio.Lock()
        self._making: dict[str, asyncio.Task[Given]] = {}
        self.counts: Counter[tuple[str, str]] = Counter()

    @property
    def snapshot(self) -> Snapshot:
        """The one that answers come from. Raises the 503 of a service that has just started."""
        if self._cycle is None:
            raise unavailable("the first cycle of the collector has not ended yet", retry_seconds=2)
        return self._cycle.snapshot

    @property
    def is_ready(self) -> bool:
        return self._cycle is not None

    async def publish(self, snapshot: Snapshot) -> None:
        """Answer from this snapshot from now on, as soon as what it changes is kept."""
        async with self._changing:
            at = self._now()
            cycle = _Cycle(snapshot, self._record.overrides(at))
            decisions, changes = await asyncio.to_thread(self._judged, cycle, at)
            self._withheld = set() if await self._keep(changes) else {change.gate for change in changes}
            for decision in decisions:
                self._remember(cycle, (decision.gate, ()), decision)
            self._cycle = cycle

    async def refresh(self) -> None:
        """Between snapshots: what the time, an override or a record that works again has changed."""
        cycle = self._cycle
        if cycle is None:
            return
        overrides = self._record.overrides(self._now())
        if self._withheld or overrides != cycle.overrides:
            await self.publish(cycle.snapshot)
            return
        for name in cycle.snapshot.gates:
            await self._given((name, ()))

    async def answer(self, gate: str, patterns: tuple[str, ...] = ()) -> Given:
        """The current decision, which is counted as given. Raises the 404 of a gate or objective that there is not."""
        given = await self._given((gate, patterns))
        self.counts[gate, given.decision.outcome.value] += 1
        return given

    async def every(self) -> list[Given]:
        """The current decision of each gate as a whole, not counted: nobody asks whether they may."""
        return [await self._given((name, ())) for name in self.snapshot.gates]

    def known(self, slo: str | None) -> list[Decision]:
        """Decisions for people, without recording or waiting: of each gate, or about one id alone."""
        if self._cycle is None:
            return []
        at, found = self._now(), []
        for name, state in self._cycle.snapshot.gates.items():
            if slo is None:
                given = self._cycle.given.get((name, ()))
                found += [given.decision] if given else []
            elif slo in state.verdicts:
                found.append(self._fold(self._cycle, state, (state.verdicts[slo],), at))
        return found

    async def _given(self, asked: Asked) -> Given:
        snapshot = self.snapshot
        cycle = self._cycle
        assert cycle is not None
        given = cycle.given.get(asked)
        if given is not None and self._now() < given.decision.expires_at:
            return given
        state = snapshot.gates.get(asked[0])
        if state is None:
            names = ", ".join(list(snapshot.gates)[:20]) or "none"
            raise not_found(f"there is no gate {asked[0][:100]!r}; there are: {names}")
        if asked[1]:
            return await self._part(cycle, state, asked)
        making = self._making.get(asked[0])
        if making is None:
            making = self._making[asked[0]] = asyncio.create_task(self._whole(cycle, state))
            making.add_done_callback(lambda _: self._making.pop(asked[0], None))
        return await asyncio.shield(making)

    async def _part(self, cycle: _Cycle, state: GateState, asked: Asked) -> Given:
        """Of some of the gate's objectives: it follows from verdicts and overrides that are kept already."""
        slos = await asyncio.to_thread(_chosen, state, asked[1]) if _has_globs(asked[1]) else _chosen(state, asked[1])
        verdicts = [state.verdicts[slo] for slo in slos]
        return self._remember(cycle, asked, self._fold(cycle, state, verdicts, self._now()))

    async def _whole(self, cycle: _Cycle, state: GateState) -> Given:
        """Anew, as the last one has expired; all who ask meanwhile wait for this one."""
        name, at = state.gate.name, self._now()
        verdicts = [state.verdicts[slo] for slo in state.slos]
        if len(verdicts) < _MANY:
            decision = self._fold(cycle, state, verdicts, at)
        else:
            decision = await asyncio.to_thread(self._fold, cycle, state, verdicts, at)
        if decision.outcome is self._kept.get((name, "")):
            return self._remember(cycle, (name, ()), decision)
        async with self._changing:
            if cycle is not self._cycle:  # a snapshot came meanwhile, and all that it changed is kept
                assert self._cycle is not None
                newer = self._cycle.given.get((name, ()))
                if newer is None:
                    raise unavailable("the objective files have just changed", retry_seconds=1)
                return newer
            before = self._kept.get((name, ""))
            is_new = decision.outcome is not before and name not in self._withheld
            if is_new and not await self._keep([DecisionChange.of_decision(decision, before)]):
                self._withheld.add(name)
            return self._remember(cycle, (name, ()), decision)

    def _fold(self, cycle: _Cycle, state: GateState, verdicts: Sequence[Verdict], at: datetime) -> Decision:
        snapshot = cycle.snapshot
        return fold(
            state.gate,
            verdicts,
            at=at,
            overrides=cycle.overrides,
            next_cycle_at=snapshot.next_cycle_at,
            cycle=snapshot.cycle,
            vetoes=state.vetoes,
        )

    def _remember(self, cycle: _Cycle, asked: Asked, decision: Decision) -> Given:
        if decision.gate in self._withheld:
            decision = _withheld(cycle.snapshot.gates[decision.gate].gate, decision)
        given = Given(decision)
        if len(cycle.given) >= _MOST_KEPT:
            cycle.given.clear()
        cycle.given[asked] = given
        return given

    def _judged(self, cycle: _Cycle, at: datetime) -> tuple[list[Decision], list[DecisionChange]]:
        """Each gate as a whole, and all that the record does not know yet; in a thread, as verdicts may be many."""
        decisions, changes = [], []
        for name, state in cycle.snapshot.gates.items():
            for slo, verdict in state.verdicts.items():
                before = self._kept.get((name, slo))
                if verdict.outcome is not before:
                    changes.append(DecisionChange.of_verdict(verdict, at=at, before=before))
            decision = self._fold(cycle, state, [state.verdicts[slo] for slo in state.slos], at)
            decisions.append(decision)
            before = self._kept.get((name, ""))
            if decision.outcome is not before:
                changes.append(DecisionChange.of_decision(decision, before))
        return decisions, changes

    async def _keep(self, changes: Sequence[DecisionChange]) -> bool:
        if not changes:
            return True
        try:
            await self._record.decided_async(changes)
        except RecordError as error:
            _LOG.error("changed decisions are withheld: %s", error)
            return False
        self._kept.update({(change.gate, change.slo): change.outcome for change in changes})
        for change in changes:
            if not change.slo:
                was = change.before.value if change.before else None
                fields = {"gate": change.gate, "decision": change.outcome.value, "was": was, "id": change.decision_id}
                _LOG.info("a gate answers otherwise", extra={"fields": fields})
        return True


def _chosen(state: GateState, patterns: Sequence[str]) -> list[str]:
    """The ids that are named, each once; every name must mean something."""
    if sum(_has_globs((pattern,)) for pattern in patterns) > _MOST_GLOBS:
        raise bad_request(f"slo: at most {_MOST_GLOBS} globs in one request")
    chosen: dict[str, None] = {}
    for pattern in patterns:
        found = [pattern] if pattern in state.verdicts else []
        if not found and _has_globs((pattern,)):
            found = [slo for slo in state.verdicts if id_matches(pattern, slo)]
        if not found:
            raise not_found(f"the gate {state.gate.name!r} asks about no objective {pattern[:200]!r}")
        chosen.update(dict.fromkeys(found))
    return list(chosen)


def _has_globs(patterns: Sequence[str]) -> bool:
    return any(mark in pattern for pattern in patterns for mark in "*?[")


def _withheld(gate: Gate, decision: Decision) -> Decision:
    reason = GateReason(
        slo="",
        check="record",
        outcome=Outcome.UNKNOWN,
        cause="record",
        message="the decision has changed and the record of decisions cannot keep that now",
    )
    return replace(
        decision,
        id=f"{decision.id}-withheld",
        outcome=Outcome.UNKNOWN,
        allowed=gate.dry_run or gate.allows_unknown("record"),
        reasons=(reason,),
        decisive=0,
        reasons_total=1,
        overridden_by=None,
        expires_at=min(decision.expires_at, decision.at + _TRIED_AGAIN),
    )

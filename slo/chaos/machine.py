"""A guarded run as a state machine: what is seen at one time decides what is done next. Pure, so that a run may be
interrupted anywhere and another one goes on from what it finds.

    STARTING ──> RUNNING ──> DONE
        └───────────┴──> HALTING ──> DONE

Litmus runs an engine while spec.engineState is active and status.engineStatus initialized; it ends with engineState
stop, and engineStatus completed or, after a halt, stopped. Source: controllers/chaosengine_controller.go of
litmuschaos/chaos-operator 3.x.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from slo.chaos.reading import Patience, Reading, Reserved, objection
from slo.clock import format_time

_GONE, _TAKEN = "the engine is gone", "the engine was taken over by another run"


class Phase(Enum):
    STARTING = "starting"
    RUNNING = "running"
    HALTING = "halting"
    DONE = "done"


class Action(Enum):
    WAIT = "wait"
    START = "start"
    STOP = "stop"
    FINISH = "finish"


class Outcome(Enum):
    """completed: to its end. halted: stopped, and seen to be. unconfirmed: told to stop, and not seen to have. lost:
    the engine is gone, or runs for somebody else. not_started: nothing ran."""

    COMPLETED = "completed"
    HALTED = "halted"
    UNCONFIRMED = "unconfirmed"
    LOST = "lost"
    NOT_STARTED = "not_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineView:
    """state, status: spec.engineState and status.engineStatus; run: the id in its annotation; pods: of its chaos."""

    state: str
    status: str
    run: str
    pods: int

    @property
    def is_active(self) -> bool:
        return self.state == "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One look. is_reachable: whether the cluster answered; engine: None if it is not there. reading: None if it could
    not be had. leased: False if another guard has the lease."""

    is_reachable: bool
    engine: EngineView | None
    reading: Reading | None
    trouble: str = ""
    leased: bool = True
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """taken_up_seconds: how long an operator may take to begin; confirm_seconds: after which a halt counts as ignored;
    give_up_seconds: after which it is no longer waited for."""

    patience: Patience = field(default_factory=Patience)
    taken_up_seconds: float = 120.0
    confirm_seconds: float = 45.0
    give_up_seconds: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """last_reading_at, last_cluster_at: when each was last had. asked_at: when the engine was told to start. halt: why
    it is stopped, since halted_at; ignored: the engine has not obeyed in time."""

    id: str
    reserved: Reserved
    began_at: datetime
    last_reading_at: datetime
    last_cluster_at: datetime
    phase: Phase = Phase.STARTING
    asked_at: datetime | None = None
    was_running: bool = False
    halt: str = ""
    halted_at: datetime | None = None
    ended_at: datetime | None = None
    ignored: bool = False
    outcome: Outcome | None = None


def step(run: Run, seen: Seen, at: datetime, limits: Limits) -> tuple[Run, Action]:
    """The run after a look, and what is to be done. Each action may fail or be lost: the next look tells."""
    run = replace(
        run,
        last_reading_at=at if seen.reading is not None else run.last_reading_at,
        last_cluster_at=at if seen.is_reachable else run.last_cluster_at,
    )
    if run.phase is Phase.STARTING:
        return _starting(run, seen, at, limits)
    if run.phase is Phase.RUNNING:
        return _running(run, seen, at, limits)
    if run.phase is Phase.HALTING:
        return _halting(run, seen, at, limits)
    return run, Action.FINISH


def left(run: Run, seen: Seen, at: datetime, limits: Limits) -> tuple[Run, Action]:
    """A run whose guard was lost, from where it is found: what ended is finished, what goes on unobserved is halted."""
    engine = seen.engine
    if not seen.is_reachable:
        return run, Action.WAIT
    if engine is None or engine.run != run.id:
        return _done(run, Outcome.NOT_STARTED, at, "its guard was lost before it had started anything")
    run = replace(run, phase=Phase.RUNNING, asked_at=run.began_at, was_running=engine.status == "initialized")
    if engine.status == "completed" and not engine.is_active and engine.pods == 0:
        return _done(run, Outcome.COMPLETED, at, "")
    return _halting(_halted(run, "the guard of this run was lost", at), seen, at, limits)


def started(run: Run) -> Run:
    """A run whose start the API server has confirmed: whatever is found from now on, it has run."""
    return replace(run, phase=Phase.RUNNING)


def refused(run: Run, why: str, at: datetime) -> Run:
    """A run that the API server does not let start."""
    return _done(run, Outcome.NOT_STARTED, at, why)[0]


def _starting(run: Run, seen: Seen, at: datetime, limits: Limits) -> tuple[Run, Action]:
    engine = seen.engine
    if engine is not None and engine.run == run.id and (engine.is_active or run.asked_at):
        return _running(replace(run, phase=Phase.RUNNING, asked_at=run.asked_at or at), seen, at, limits)
    if not seen.is_reachable and run.asked_at:
        # Whether it was started is not known: it is treated as if it were.
        if why := _reason(run, seen, at, limits):
            return _halting(_halted(run, why, at), seen, at, limits)
        return run, Action.WAIT
    if run.asked_at and (engine is None or engine.is_active):
        return _done(run, Outcome.LOST, at, _GONE if engine is None else _TAKEN)
    if seen.reading is None:
        return _done(run, Outcome.NOT_STARTED, at, f"the budget cannot be observed: {seen.trouble}")
    why = _reason(run, seen, at, limits)
    if not why and engine is None:
        why = "the engine is not there any more" if seen.is_reachable else "the cluster cannot be reached"
    if not why and engine is not None and engine.is_active:
        why = "the engine was started by somebody else meanwhile"
    if why:
        return _done(run, Outcome.NOT_STARTED, at, why)
    return replace(run, asked_at=run.asked_at or at), Action.START


def _running(run: Run, seen: Seen, at: datetime, limits: Limits) -> tuple[Run, Action]:
    engine = seen.engine
    if seen.is_reachable and engine is None:
        return _done(run, Outcome.LOST, at, _GONE)
    if engine is not None:
        if engine.run != run.id:
            return _done(run, Outcome.LOST, at, _TAKEN)
        if engine.status == "initialized":
            run = replace(run, was_running=True)
        if engine.status == "completed" and (run.was_running or not engine.is_active):
            return _done(run, Outcome.COMPLETED, at, "")
        if not engine.is_active:
            why = "it was stopped by its own probes or by somebody else"
            return _halting(_halted(run, why, at), seen, at, limits)
    if why := _reason(run, seen, at, limits):
        return _halting(_halted(run, why, at), seen, at, limits)
    return run, Action.WAIT


def _halting(run: Run, seen: Seen, at: datetime, limits: Limits) -> tuple[Run, Action]:
    engine = seen.engine
    assert run.halted_at is not None
    waited = (at - run.halted_at).total_seconds()
    if not seen.is_reachable and waited <= limits.give_up_seconds:
        # Who cannot look at the engine may still be able to stop it, such as a guard that may not list pods any more.
        return replace(run, ignored=run.ignored or waited > limits.confirm_seconds), Action.STOP
    if seen.is_reachable:
        if engine is None or engine.run != run.id:
            return _done(run, Outcome.LOST if run.was_running else Outcome.NOT_STARTED, at, "")
        if engine.is_active and waited <= limits.give_up_seconds:
            return replace(run, ignored=run.ignored or waited > limits.confirm_seconds), Action.STOP
        if _is_quiet(run, engine):
            return _done(run, Outcome.HALTED, at, "")
    if waited > limits.give_up_seconds:
        return _done(run, Outcome.UNCONFIRMED, at, "")
    return replace(run, ignored=run.ignored or waited > limits.confirm_seconds), Action.WAIT


def _is_quiet(run: Run, engine: EngineView) -> bool:
    """Whether nothing of it goes on: an operator that never took it up has nothing to say about its end."""
    ended = engine.status in ("stopped", "completed") or (not run.was_running and engine.status != "initialized")
    return not engine.is_active and ended and engine.pods == 0


def _reason(run: Run, seen: Seen, at: datetime, limits: Limits) -> str:
    """Why a run must not start or go on."""
    if seen.interrupted:
        return "the guard was interrupted"
    if not seen.leased:
        return "another guard has taken the lease"
    blind = (at - run.last_cluster_at).total_seconds()
    if not seen.is_reachable and blind >= limits.patience.blind_seconds:
        return f"the cluster could not be reached since {format_time(run.last_cluster_at)}"
    if run.asked_at and not run.was_running and (at - run.asked_at).total_seconds() > limits.taken_up_seconds:
        return "the operator did not take it up; is chaos-operator running?"
    return objection(run.reserved, seen.reading, seen.trouble, run.last_reading_at, at, limits.patience)


def _halted(run: Run, why: str, at: datetime) -> Run:
    return replace(run, phase=Phase.HALTING, halt=why, halted_at=at)


def _done(run: Run, outcome: Outcome, at: datetime, why: str) -> tuple[Run, Action]:
    return replace(run, phase=Phase.DONE, outcome=outcome, ended_at=at, halt=run.halt or why), Action.FINISH

"""The state machine of a guarded run, over a simulated engine: whatever happens, and whenever, no chaos goes on that
nobody watches, and the end is told as it was."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.chaos.affordability import Standing
from slo.chaos.machine import Action, EngineView, Limits, Outcome, Phase, Run, Seen, left, started, step
from slo.chaos.reading import Reading, Reserved

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
POLL = 5
LIMITS = Limits()
IDLE = EngineView(state="stop", status="", run="", pods=0)


def reading(at: datetime, bad: int = 0, **changes: Any) -> Reading:
    standing = Standing(
        slo="shop/a",
        bad_events=bad,
        bad_ever=bad,
        budget_events=Fraction(1000),
        busiest_per_second=Fraction(1),
        data_until=int(at.timestamp()) // 60,
        state="ok",
    )
    values: dict[str, Any] = {
        "at": at,
        "allowed": True,
        "outcome": "allow",
        "message": "",
        "decision_id": "d",
        "standings": {"shop/a": standing},
    }
    return Reading(**(values | changes))


def new_run() -> Run:
    reserved = Reserved(before=reading(AT).standings, events={"shop/a": 100})
    return Run(id="r1", reserved=reserved, began_at=AT, last_reading_at=AT, last_cluster_at=AT)


@dataclass
class World:
    """Litmus and a guard, five seconds at a time. What goes wrong is set from outside. is_told: whether the engine
    can be told what to do where it cannot be looked at."""

    run: Run = field(default_factory=new_run)
    engine: EngineView | None = IDLE
    at: datetime = AT
    lasts_seconds: int = 30
    has_operator: bool = True
    obeys: bool = True
    is_reachable: bool = True
    is_told: bool = False
    is_readable: bool = True
    bad: int = 0
    closed: str = ""
    leased: bool = True
    interrupted: bool = False
    actions: list[Action] = field(default_factory=list)
    began: datetime | None = None

    def look(self) -> Seen:
        is_open = not self.closed
        made = reading(self.at, self.bad, allowed=is_open, outcome="allow" if is_open else "deny", message=self.closed)
        return Seen(
            is_reachable=self.is_reachable,
            engine=self.engine if self.is_reachable else None,
            reading=made if self.is_readable else None,
            trouble="" if self.is_readable else "the ledger is locked",
            leased=self.leased,
            interrupted=self.interrupted,
        )

    def tick(self) -> Action:
        self._operate()
        self.run, action = step(self.run, self.look(), self.at, LIMITS)
        self.actions.append(action)
        if (self.is_reachable or self.is_told) and self.engine:
            if action is Action.START:
                self.engine = replace(self.engine, state="active", run=self.run.id)
            elif action is Action.STOP:
                self.engine = replace(self.engine, state="stop")
        self.at += timedelta(seconds=POLL)
        return action

    def until_done(self, most: int = 1000) -> Run:
        for _ in range(most):
            if self.tick() is Action.FINISH:
                return self.run
        raise AssertionError(f"it does not end: {self.run.phase}")

    def until_running(self) -> World:
        while self.engine is None or self.engine.status != "initialized" or self.run.phase is not Phase.RUNNING:
            self.tick()
        return self

    def _operate(self) -> None:
        """As the operator reconciles."""
        if self.engine is None or not self.has_operator:
            return
        if self.engine.state == "active" and self.engine.status != "initialized":
            self.engine, self.began = replace(self.engine, status="initialized", pods=2), self.at
        elif self.engine.status == "initialized" and self.engine.state == "stop" and self.obeys:
            self.engine = replace(self.engine, status="stopped", pods=0)
        elif self.engine.status == "initialized" and self._is_over():
            self.engine = replace(self.engine, state="stop", status="completed", pods=0)

    def _is_over(self) -> bool:
        return self.began is not None and (self.at - self.began).total_seconds() >= self.lasts_seconds


def test_a_run_that_goes_well_is_started_once_and_completes() -> None:
    world = World()
    run = world.until_done()
    assert (run.outcome, run.halt) == (Outcome.COMPLETED, "")
    assert world.actions.count(Action.START) == 1
    assert Action.STOP not in world.actions


def test_an_engine_that_ran_before_is_started_again_and_its_old_end_is_not_taken_for_the_new_one() -> None:
    world = World(engine=EngineView(state="stop", status="completed", run="r0", pods=0))
    run = world.until_done()
    assert run.outcome is Outcome.COMPLETED
    assert run.ended_at is not None
    assert (run.ended_at - AT).total_seconds() >= 30


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"closed": "12 % of the budget is left"}, "the gate closed: 12 % of the budget is left"),
        ({"is_readable": False}, "the budget cannot be observed: the ledger is locked"),
        ({"is_reachable": False}, "the cluster cannot be reached"),
        ({"engine": None}, "the engine is not there any more"),
        ({"engine": replace(IDLE, state="active", run="r9")}, "the engine was started by somebody else meanwhile"),
        ({"interrupted": True}, "the guard was interrupted"),
        ({"leased": False}, "another guard has taken the lease"),
    ],
)
def test_nothing_starts_without_a_decision_a_reading_a_lease_and_an_idle_engine(
    changes: dict[str, Any], told: str
) -> None:
    world = World(has_operator=False, **changes)
    before = world.engine
    run = world.until_done()
    assert (run.outcome, run.halt) == (Outcome.NOT_STARTED, told)
    assert world.actions == [Action.FINISH]
    assert world.engine == before


def test_an_engine_that_can_only_be_told_to_stop_is_stopped() -> None:
    world = World(lasts_seconds=3600, is_told=True).until_running()
    world.is_reachable, since = False, world.at
    while world.engine is None or world.engine.state == "active":
        world.tick()
    assert (world.at - since).total_seconds() < 60
    world.is_reachable = True
    run = world.until_done()
    assert run.outcome is Outcome.HALTED
    assert "the cluster could not be reached since" in run.halt


@pytest.mark.parametrize(
    ("trouble", "value", "told"),
    [
        ("bad", 101, "shop/a: 101 bad events since the start, and 100 were reserved"),
        ("closed", "a veto", "the gate closed: a veto"),
        ("is_readable", False, "the budget could not be observed since"),
        ("leased", False, "another guard has taken the lease"),
        ("interrupted", True, "the guard was interrupted"),
    ],
)
def test_a_run_is_halted_within_a_minute_of_what_forbids_it(trouble: str, value: Any, told: str) -> None:
    world = World(lasts_seconds=3600).until_running()
    setattr(world, trouble, value)
    since = world.at
    run = world.until_done()
    assert run.outcome is Outcome.HALTED
    assert told in run.halt
    assert run.halted_at is not None
    assert run.ended_at is not None
    assert (run.ended_at - since).total_seconds() <= 60
    assert world.engine is not None
    assert (world.engine.state, world.engine.pods) == ("stop", 0)


def test_what_was_reserved_may_be_spent_in_full() -> None:
    world = World().until_running()
    world.bad = 100
    assert world.until_done().outcome is Outcome.COMPLETED


def test_a_short_silence_of_the_ledger_halts_nothing() -> None:
    world = World(lasts_seconds=60).until_running()
    world.is_readable = False
    for _ in range(3):
        assert world.tick() is Action.WAIT
    world.is_readable = True
    assert world.until_done().outcome is Outcome.COMPLETED


def test_data_that_stand_still_are_no_observation() -> None:
    run = replace(new_run(), phase=Phase.RUNNING, asked_at=AT, was_running=True)
    running = EngineView(state="active", status="initialized", run="r1", pods=1)
    old = reading(AT - timedelta(minutes=6))
    after, action = step(run, Seen(is_reachable=True, engine=running, reading=old), AT, LIMITS)
    assert (after.halt, action) == ("shop/a: its data are older than 300 s", Action.STOP)


def test_a_lost_api_server_is_tried_until_it_is_back_and_then_the_run_is_halted() -> None:
    world = World(lasts_seconds=3600).until_running()
    world.is_reachable = False
    for _ in range(40):
        assert world.tick() is not Action.FINISH
    assert world.run.phase is Phase.HALTING
    world.is_reachable = True
    run = world.until_done()
    assert run.outcome is Outcome.HALTED
    assert run.halt.startswith("the cluster could not be reached since")


def test_a_start_whose_answer_was_lost_is_found_to_have_been_one_or_not() -> None:
    for arrived in (True, False):
        world = World()
        world.run, action = step(world.run, world.look(), world.at, LIMITS)
        assert action is Action.START
        if arrived:
            world.engine = replace(IDLE, state="active", run="r1")
        world.is_reachable = False
        assert world.tick() is Action.WAIT
        world.is_reachable = True
        assert world.until_done().outcome is Outcome.COMPLETED


def test_a_start_whose_answer_stays_lost_is_halted_as_if_it_had_been_one() -> None:
    world = World(lasts_seconds=3600)
    world.run, action = step(world.run, world.look(), world.at, LIMITS)
    assert action is Action.START
    world.engine, world.is_reachable = replace(IDLE, state="active", run="r1"), False
    while world.run.phase is Phase.STARTING:
        world.tick()
    assert (world.at - AT).total_seconds() <= 60
    world.is_reachable = True
    run = world.until_done()
    assert (run.outcome, run.halt[:40]) == (Outcome.HALTED, "the cluster could not be reached since 2"[:40])


def test_an_engine_that_ignores_its_stop_is_told_again_and_never_said_to_have_stopped() -> None:
    world = World(lasts_seconds=10**6, obeys=False).until_running()
    world.closed = "spent"
    run = world.until_done()
    assert (run.outcome, run.ignored) == (Outcome.UNCONFIRMED, True)


def test_pods_that_stay_are_no_halt() -> None:
    run = replace(new_run(), phase=Phase.HALTING, halt="x", halted_at=AT, asked_at=AT, was_running=True)
    stopped = EngineView(state="stop", status="stopped", run="r1", pods=1)
    seen = Seen(is_reachable=True, engine=stopped, reading=reading(AT))
    assert step(run, seen, AT, LIMITS)[1] is Action.WAIT
    done, action = step(run, replace(seen, engine=replace(stopped, pods=0)), AT, LIMITS)
    assert (done.outcome, action) == (Outcome.HALTED, Action.FINISH)


def test_without_an_operator_nothing_runs_and_that_is_said() -> None:
    world = World(has_operator=False)
    run = world.until_done()
    assert (run.outcome, run.halt) == (Outcome.HALTED, "the operator did not take it up; is chaos-operator running?")
    assert world.engine is not None
    assert world.engine.state == "stop"


def test_probes_of_its_own_or_people_may_stop_it() -> None:
    world = World(lasts_seconds=3600).until_running()
    assert world.engine is not None
    world.engine = replace(world.engine, state="stop")
    run = world.until_done()
    assert (run.outcome, run.halt) == (Outcome.HALTED, "it was stopped by its own probes or by somebody else")


def test_a_run_that_another_took_over_or_that_was_deleted_is_left_alone() -> None:
    for other in (None, EngineView(state="active", status="initialized", run="r2", pods=1)):
        world = World().until_running()
        world.has_operator = False
        world.engine = other
        run = world.until_done()
        assert run.outcome is Outcome.LOST
        assert world.actions[-1] is Action.FINISH
        assert Action.STOP not in world.actions


@given(
    killed_after=st.integers(0, 12),
    lasts=st.integers(0, 60),
    away=st.integers(0, 30),
    obeys=st.booleans(),
    bad=st.sampled_from([0, 50, 500]),
)
def test_a_guard_may_be_killed_after_any_step_and_the_next_one_finishes_or_halts_what_it_finds(
    killed_after: int, lasts: int, away: int, obeys: bool, bad: int
) -> None:
    world = World(lasts_seconds=lasts, obeys=obeys, bad=bad)
    for _ in range(killed_after):
        if world.tick() is Action.FINISH:
            return
    started = world.engine is not None and world.engine.run == "r1"
    for _ in range(away):  # nobody looks, the operator goes on
        world._operate()
        world.at += timedelta(seconds=POLL)
    world.run, action = left(replace(new_run(), last_reading_at=world.at), world.look(), world.at, LIMITS)
    if action is Action.STOP and world.engine:
        world.engine = replace(world.engine, state="stop")
    run = world.run if action is Action.FINISH else world.until_done()
    assert world.engine is not None
    if not started:
        assert (run.outcome, world.engine) == (Outcome.NOT_STARTED, IDLE)
    elif run.outcome is not Outcome.UNCONFIRMED:
        assert run.outcome in (Outcome.COMPLETED, Outcome.HALTED)
        assert (world.engine.state, world.engine.pods) == ("stop", 0)
    else:
        assert not obeys


FAULTS = st.lists(
    st.tuples(st.sampled_from(["is_reachable", "is_readable", "obeys", "leased", "has_operator"]), st.booleans()),
    max_size=60,
)


@given(faults=FAULTS, lasts=st.integers(0, 200))
def test_whatever_comes_and_goes_no_chaos_outlives_the_guard_unless_it_says_so(
    faults: list[tuple[str, bool]], lasts: int
) -> None:
    world = World(lasts_seconds=lasts)
    for name, value in faults:
        setattr(world, name, value)
        if world.tick() is Action.FINISH:
            break
    for name in ("is_reachable", "is_readable", "obeys", "has_operator"):
        setattr(world, name, True)
    run = world.run if world.run.phase is Phase.DONE else world.until_done()
    assert world.engine is not None
    assert run.outcome is not None
    assert run.outcome is Outcome.UNCONFIRMED or (world.engine.state, world.engine.pods) == ("stop", 0)
    assert (run.outcome is Outcome.NOT_STARTED) == (world.engine.run != "r1")


@pytest.mark.parametrize("is_confirmed", [True, False])
@pytest.mark.parametrize("is_there", [True, False])
def test_an_engine_that_is_lost_before_it_was_seen_to_run_is_no_run_that_was_not_started(
    is_confirmed: bool, is_there: bool
) -> None:
    """It was told to start; whether it was, where the answer was lost, nobody knows."""
    world = World()
    assert world.tick() is Action.START
    if is_confirmed:
        world.run = started(world.run)
    world.engine = replace(IDLE, state="active", run="r2") if is_there else None
    run = world.until_done()
    assert run.outcome is Outcome.LOST
    assert run.halt == ("the engine was taken over by another run" if is_there else "the engine is gone")


def test_a_confirmed_start_that_is_stopped_before_it_was_seen_to_run_is_a_halt() -> None:
    world = World(has_operator=False)
    assert world.tick() is Action.START
    world.run, world.engine = started(world.run), replace(IDLE, run="r1")
    run = world.until_done()
    assert (run.outcome, run.halt) == (Outcome.HALTED, "it was stopped by its own probes or by somebody else")

"""The guard of an experiment that somebody else runs: what `slo chaos run` is for an engine, by the same rules.

It judges by the same plan before, objects by the same rule while the method runs, and reports in the same form. What
it cannot see it is told: which fault, on what, how long, how much. A method that goes on longer than it was told to is
stopped, so that what was reserved for it holds.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from slo.chaos.affordability import Exposure
from slo.chaos.announcing import Announcing
from slo.chaos.engine import EngineSpec
from slo.chaos.guarding import Ended
from slo.chaos.machine import Outcome, Phase, Run
from slo.chaos.precheck import Plan, make_plan
from slo.chaos.reading import BudgetSource, Patience, Reading, Reserved, objection
from slo.chaos.report import PASS, RunReport, make_report, report_document
from slo.chaos.run_record import RunRecord
from slo.chaos.telling import plan_document
from slo.chaos_calls import experiment_told
from slo.clock import format_time
from slo.errors import SLOError
from slo.governance import ChaosRules

_SIGNALLED_AGAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an experiment is held to. wanted: what it says that it does; settle_seconds: how long to wait for the events
    of its last minute, once it has ended."""

    gate: str
    slos: tuple[str, ...]
    wanted: EngineSpec
    poll_seconds: float
    attempts: int
    settle_seconds: float

    @property
    def exposure(self) -> Exposure:
        return Exposure(
            affected_ratio=self.wanted.affected_ratio,
            duration_seconds=self.wanted.duration_seconds,
            polling_seconds=math.ceil(self.poll_seconds),
            attempts=self.attempts,
            grace_seconds=self.wanted.grace_seconds,
        )

    @property
    def longest(self) -> timedelta:
        """After this its method is stopped."""
        return timedelta(seconds=self.wanted.duration_seconds + self.wanted.grace_seconds)


class ExperimentGuard:
    """One experiment. stopped: why, "" while it may go on; it never may again.

    by: who runs it. leave: is called from another thread while the method is to be left, and again until it is.
    """

    def __init__(
        self,
        terms: Terms,
        budget: BudgetSource,
        rules: Callable[[], ChaosRules | None],
        *,
        by: str,
        now: Callable[[], datetime],
        leave: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._terms = terms
        self._budget = budget
        self._ask_rules = rules
        self._by = by
        self._now = now
        self._leave = leave
        self._say = say
        self._rules: ChaosRules | None = None
        self._plan: Plan | None = None
        self._record: RunRecord | None = None
        self._run: Run | None = None
        self._before: Reading | None = None
        self._last: Reading | None = None
        self._announcing: Announcing | None = None
        self._readings, self._is_seen = 0, False
        self._in_method = False
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.stopped = ""
        self._stopped_at: datetime | None = None

    def begin(self, title: str) -> None:
        """Whether it may start at all: asked in the form that the service records, judged as a run of an engine is."""
        began = self._now()
        run = f"{began:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
        try:
            self._rules = self._ask_rules()
            self._before = self._read(experiment_told(run, title, self._by))
        except SLOError as error:
            self._stop(str(error))
            return
        terms, reading = self._terms, self._before
        wanted = replace(terms.wanted, name=title)
        self._plan = make_plan(terms.gate, self._rules, wanted, terms.slos, reading, terms.exposure, {}, at=self._now())
        if self._plan.refusals:
            self._stop("; ".join(self._plan.refusals))
            return
        self._record = _record(run, began, self._by, self._plan)
        self._run = self._record.start(self._now())
        self._announcing = Announcing(self._budget, self._record.faults, now=self._now, say=self._say)

    def begin_method(self) -> None:
        """Look again, as a hypothesis may have taken its time, and from now on every few seconds."""
        if self._run is None or self.stopped:
            return
        self._run = replace(self._run, last_reading_at=self._now())
        if why := self._look(Patience(blind_seconds=0.0)):
            self._stop(why)
            return
        self._announce()
        with self._lock:
            self._run = replace(self._run, asked_at=self._now(), phase=Phase.RUNNING, was_running=True)
            self._in_method = True
        threading.Thread(target=self._watch, name="slo-chaos-watch", daemon=True).start()

    def end_method(self) -> None:
        """Nothing is sent to the process afterwards, even if something was at this moment."""
        try:
            with self._lock:
                self._in_method = False
        finally:
            self._in_method = False
            self._over.set()
            if self._run is not None and self._run.asked_at and not self._run.ended_at:
                self._run = replace(self._run, ended_at=self._now())

    @property
    def is_method_stopped(self) -> bool:
        """A roll-back is not to be stopped."""
        with self._lock:
            return self._in_method and bool(self.stopped)

    def settle(self) -> None:
        """Wait until all that the method did is counted, as far as there is patience for it."""
        waited = 0.0
        while self._run is not None and self._run.ended_at is not None:
            try:
                self._last = self._read()
            except SLOError as error:
                self._say(f"what the experiment cost is not known yet: {error}")
            if waited >= self._terms.settle_seconds or self._is_counted:
                return
            time.sleep(self._terms.poll_seconds)
            waited += self._terms.poll_seconds

    def report(self, status: str, *, deviated: bool) -> dict[str, Any]:
        """For the journal. status: of the experiment as a whole, as the journal has it."""
        document: dict[str, Any] = {
            "gate": self._terms.gate,
            "slos": list(self._terms.slos),
            "before": _shown(self._before),
            "last": _shown(self._last),
            "readings": self._readings,
            "stopped": self.stopped or None,
            "stopped_at": format_time(self._stopped_at) if self._stopped_at else None,
            "plan": plan_document(self._plan, self._plan.refusals) if self._plan else None,
            "report": None,
        }
        if self._record is not None and self._run is not None:
            run = self._ended_run(status)
            verdict = PASS if status == "completed" and not deviated else "Fail"
            results = {fault: {"verdict": verdict} for fault in self._record.faults if run.asked_at}
            ended = Ended(run=run, after=self._last, results=results, is_counted=self._is_counted)
            made = make_report(self._record, ended, self._rules, recovered=False)
            document["report"] = report_document(_without_rest(made))
        return document

    @property
    def _is_counted(self) -> bool:
        ended = self._run.ended_at if self._run else None
        return ended is not None and self._last is not None and self._last.covers(ended)

    def _ended_run(self, status: str) -> Run:
        assert self._run is not None
        run = replace(self._run, phase=Phase.DONE, ended_at=self._run.ended_at or self._now())
        if run.asked_at is None:
            return replace(run, outcome=Outcome.NOT_STARTED, halt=self.stopped or "its method was not reached")
        if self.stopped:
            return replace(run, outcome=Outcome.HALTED, halt=self.stopped, halted_at=self._stopped_at)
        if status in ("interrupted", "aborted"):
            return replace(run, outcome=Outcome.HALTED, halt=f"it was {status}", halted_at=run.ended_at)
        return replace(run, outcome=Outcome.COMPLETED)

    def _watch(self) -> None:
        """An objection stops it at once; an activity may catch the first signal, so there are more until it ends."""
        patience = Patience(blind_seconds=self._terms.poll_seconds * self._terms.attempts)
        pause = self._terms.poll_seconds
        while not self._over.wait(pause):
            why = self.stopped or self._overrun() or self._look(patience)
            if not why:
                self._announce()
                continue
            self._stop(why)
            pause = _SIGNALLED_AGAIN_SECONDS
            with self._lock:
                if not self._in_method:
                    return
                self._leave()

    def _announce(self) -> None:
        """Where the last look was answered: a service that is silent is not waited for once more."""
        if self._announcing is not None and self._is_seen:
            self._announcing.renew()

    def _overrun(self) -> str:
        assert self._run is not None
        if self._run.asked_at is None or self._now() <= self._run.asked_at + self._terms.longest:
            return ""
        told, grace = self._terms.wanted.duration_seconds, self._terms.wanted.grace_seconds
        return f"the method goes on for longer than the {told} s that were told, and {grace} s of grace"

    def _look(self, patience: Patience) -> str:
        """Why it must not go on, "" if it may."""
        assert self._run is not None
        reading, trouble = None, ""
        try:
            reading = self._last = self._read()
        except SLOError as error:
            trouble = str(error)
        except Exception as error:  # whatever goes wrong, it is no reading
            trouble = f"the service could not be asked: {type(error).__name__}"
        at, self._is_seen = self._now(), reading is not None
        if reading is not None:
            self._run = replace(self._run, last_reading_at=at)
        return objection(self._run.reserved, reading, trouble, self._run.last_reading_at, at, patience)

    def _read(self, told: Mapping[str, Any] | None = None) -> Reading:
        self._readings += 1
        return self._budget.read(told)

    def _stop(self, why: str) -> None:
        if not self.stopped:
            self.stopped, self._stopped_at = why, self._now()
            self._say(f"stopped by the error budget: {why}")


def _record(run: str, began: datetime, by: str, plan: Plan) -> RunRecord:
    """Of a plan that nothing stands against, as of a run of an engine."""
    return RunRecord(
        run=run,
        gate=plan.gate,
        by=by,
        namespace=plan.engine.namespace,
        name=plan.engine.name,
        uid="",
        faults=plan.engine.wish.faults or ("chaos",),
        began_at=began,
        decision_id=plan.reading.decision_id,
        reserved=Reserved(
            before=plan.reading.standings, events={slo: one.expected_events for slo, one in plan.estimates.items()}
        ),
        worst={slo: one.worst_events for slo, one in plan.estimates.items()},
        results={},
    )


def _without_rest(report: RunReport) -> RunReport:
    """Nobody keeps others from running after it: where there is no lease there is no cool-down."""
    return replace(report, cool_down_until=None)


def _shown(reading: Reading | None) -> dict[str, Any] | None:
    if reading is None:
        return None
    return {
        "id": reading.decision_id,
        "at": format_time(reading.at),
        "decision": reading.outcome,
        "allowed": reading.allowed,
        "message": reading.message,
    }

"""The loop around a guarded run: it looks, asks the state machine what to do, does it, and keeps its leases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slo.chaos.announcing import Announcing
from slo.chaos.cluster import Cluster, Document
from slo.chaos.lease import LeaseLostError, Leases
from slo.chaos.machine import Action, EngineView, Limits, Outcome, Phase, Run, Seen, left, refused, started, step
from slo.chaos.reading import BudgetSource, Reading
from slo.chaos.run_record import RunRecord
from slo.errors import ClusterError, ClusterRefusalError, SLOError

RUN_ANNOTATION = "slo-chaos-run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """poll_seconds: from one look to the next; settle_seconds: how long to wait for the events of the run's last
    minute, once it has ended."""

    poll_seconds: float = 5.0
    settle_seconds: float = 150.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended. after: the last reading, None if there was none; results: status of each fault's result."""

    run: Run
    after: Reading | None
    results: Mapping[str, Mapping[str, Any]]
    is_counted: bool


class Guarding:
    """One run. interrupted: ends it early.

    say: is told what an operator should know at once.
    """

    def __init__(
        self,
        record: RunRecord,
        cluster: Cluster,
        leases: Leases,
        budget: BudgetSource,
        *,
        limits: Limits,
        pace: Pace,
        now: Callable[[], datetime],
        say: Callable[[str], None],
        interrupted: threading.Event,
    ) -> None:
        self._record = record
        self._cluster = cluster
        self._leases = leases
        self._budget = budget
        self._limits = limits
        self._pace = pace
        self._now = now
        self._say = say
        self._interrupted = interrupted
        self._announcing = Announcing(budget, record.faults, now=now, say=say)
        self._is_leased = True
        self._said: set[str] = set()
        self._last: Reading | None = None

    def start(self, version: str) -> Ended:
        """From before its start to its end. version: of the engine that was checked; it is started only as such."""
        return self._ended(self._driven(self._record.start(self._now()), version))

    def go_on(self) -> Ended:
        """With a run that somebody else left."""
        run, action = self._record.start(self._now()), Action.WAIT
        while run.phase is Phase.STARTING:
            run, action = left(run, self._look(with_reading=False), self._now(), self._limits)
            if run.phase is Phase.STARTING:
                self._wait()
        if action is Action.STOP:
            self._stop()
        return self._ended(self._driven(run, ""))

    def _driven(self, run: Run, version: str) -> Run:
        while run.phase is not Phase.DONE:
            self._renew()
            before = run
            seen, at = self._look(), self._now()
            run, action = step(run, seen, at, self._limits)
            self._tell(before, run)
            if run.phase in (Phase.RUNNING, Phase.HALTING) and run.last_reading_at == at:
                self._announcing.renew()
            if action is Action.START:
                run = self._started(run, version)
            elif action is Action.STOP:
                self._stop()
            if run.phase is not Phase.DONE:
                self._wait()
        return run

    def _look(self, *, with_reading: bool = True) -> Seen:
        trouble = ""
        reading: Reading | None = None
        if with_reading:
            try:
                reading = self._last = self._budget.read()
            except SLOError as error:
                trouble = str(error)
            except Exception as error:  # a guard that ends by an oversight would leave chaos alone
                trouble = f"the budget could not be read: unexpected {type(error).__name__}: {error}"
        try:
            engine = self._engine()
        except ClusterError:
            is_reachable, engine = False, None
        except Exception as error:  # likewise, what cannot be understood is not seen
            is_reachable, engine = False, None
            self._say_once(f"the engine cannot be looked at: unexpected {type(error).__name__}: {error}")
        else:
            is_reachable = True
        return Seen(
            is_reachable=is_reachable,
            engine=engine,
            reading=reading,
            trouble=trouble,
            leased=self._is_leased,
            interrupted=self._interrupted.is_set(),
        )

    def _engine(self) -> EngineView | None:
        record = self._record
        document = self._cluster.engine(record.namespace, record.name)
        if document is None or document["metadata"]["uid"] != record.uid:
            return None
        return engine_view(document, self._cluster.count_pods(record.namespace, record.uid))

    def _started(self, run: Run, version: str) -> Run:
        """Started with the engine as it was checked, and marked with the run in the same change."""
        metadata = {"resourceVersion": version, "annotations": {RUN_ANNOTATION: self._record.run}}
        try:
            self._patch({"metadata": metadata, "spec": {"engineState": "active"}})
        except ClusterRefusalError as error:
            return refused(run, f"nothing was started: {error}", self._now())
        except ClusterError as error:
            self._say(f"whether the engine was started is not known: {error}")
        else:
            self._say(f"started run {run.id}")
            return started(run)
        return run

    def _stop(self) -> None:
        """This engine and no other of its name: with the uid the API server refuses where it is another one."""
        try:
            self._patch({"metadata": {"uid": self._record.uid}, "spec": {"engineState": "stop"}})
        except ClusterError as error:
            self._say_once(f"the engine cannot be told to stop: {error}; trying again")

    def _say_once(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self._say(message)

    def _patch(self, patch: Document) -> None:
        self._cluster.patch_engine(self._record.namespace, self._record.name, patch)

    def _renew(self) -> None:
        """A lease that is lost stays lost; one that cannot be renewed for now is the cluster's trouble."""
        if not self._is_leased:
            return
        try:
            self._leases.renew(self._record.document(), self._now())
        except LeaseLostError:
            self._is_leased = False
        except ClusterError:
            return

    def _tell(self, before: Run, run: Run) -> None:
        if run.phase is Phase.HALTING and before.phase is not Phase.HALTING:
            self._say(f"halting: {run.halt}")
        if run.ignored and not before.ignored:
            self._say("the engine ignores that it was told to stop; look at chaos-operator, and delete the chaos pods")

    def _wait(self) -> None:
        """Until the next look; an interruption is acted on at once, and then no more than others."""
        if self._interrupted.is_set():
            threading.Event().wait(self._pace.poll_seconds)
        else:
            self._interrupted.wait(self._pace.poll_seconds)

    def _ended(self, run: Run) -> Ended:
        results, is_counted = {}, False
        if run.outcome is not Outcome.NOT_STARTED:
            results = self._results()
            is_counted = self._settled(run)
        return Ended(run=run, after=self._last, results=results, is_counted=is_counted)

    def _settled(self, run: Run) -> bool:
        """Whether the events up to the end are in the last reading."""
        assert run.ended_at is not None
        ended, waited = run.ended_at, 0.0
        while True:
            self._renew()
            try:
                self._last = self._budget.read()
            except SLOError as error:
                self._say(f"what the run cost is not known yet: {error}")
            if self._last is not None and self._last.covers(ended):
                return True
            if waited >= self._pace.settle_seconds or self._interrupted.is_set():
                return False
            self._wait()
            waited += self._pace.poll_seconds

    def _results(self) -> dict[str, Mapping[str, Any]]:
        """Of this run alone: a result that has not changed since before it is of another one."""
        found = {}
        for fault in self._record.faults:
            try:
                document = self._cluster.result(self._record.namespace, f"{self._record.name}-{fault}")
            except ClusterError as error:
                self._say(f"the result of {fault} cannot be had: {error}")
                continue
            if document and document["metadata"]["resourceVersion"] != self._record.results.get(fault):
                found[fault] = (document.get("status") or {}).get("experimentStatus") or {}
        return found


def engine_view(document: Mapping[str, Any], pods: int) -> EngineView:
    """What the state machine looks at. An engine without a state is active: the operator makes it so."""
    spec, status = document.get("spec") or {}, document.get("status") or {}
    return EngineView(
        state=str(spec.get("engineState") or "active"),
        status=str(status.get("engineStatus") or ""),
        run=str((document["metadata"].get("annotations") or {}).get(RUN_ANNOTATION, "")),
        pods=pods,
    )

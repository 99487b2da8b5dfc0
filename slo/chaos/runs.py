"""From a checked plan to a report: what others left is finished first, then the leases, the engine, the run."""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from slo.chaos.affordability import Exposure
from slo.chaos.cluster import Cluster, Document
from slo.chaos.engine import EngineSpec, read_engine
from slo.chaos.guarding import Ended, Guarding, Pace, engine_view
from slo.chaos.lease import LeaseLostError, Leases, LeaseView
from slo.chaos.machine import Limits, Outcome, Run
from slo.chaos.precheck import Plan, difference, make_plan
from slo.chaos.reading import BudgetSource, Reserved
from slo.chaos.report import RunReport, make_report
from slo.chaos.run_record import RunRecord
from slo.chaos_calls import run_told
from slo.errors import ClusterError, UsageError
from slo.governance import ChaosRules


class MakeBudget(Protocol):
    """Readings of some objectives; bad events count from a time on."""

    def __call__(self, slos: tuple[str, ...], since: datetime) -> BudgetSource: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Everything that a run needs beside its engine. by: who runs it; ttl_seconds: of leases."""

    gate: str
    rules: ChaosRules | None
    make_budget: MakeBudget
    limits: Limits
    pace: Pace
    attempts: int
    ttl_seconds: int
    by: str
    now: Callable[[], datetime]
    say: Callable[[str], None]
    interrupted: threading.Event

    def exposure(self, engine: EngineSpec) -> Exposure:
        return Exposure(
            affected_ratio=engine.affected_ratio,
            duration_seconds=engine.duration_seconds,
            polling_seconds=math.ceil(self.pace.poll_seconds),
            attempts=self.attempts,
            grace_seconds=engine.grace_seconds,
        )


class Refused:
    """Why a run does not start: the plan, with what stands against it."""

    def __init__(self, plan: Plan, refusals: tuple[str, ...]) -> None:
        self.plan, self.refusals = plan, refusals


def guarded_run(
    guard: Guard, cluster: Cluster, document: Document, slos: tuple[str, ...], lease_namespace: str
) -> Iterator[RunReport | Refused]:
    """The reports of runs that were left by others, as each is finished, then the one of this run, or its refusal.

    Raises SLOError where what must be known cannot be had before anything was started.
    """
    run_id = f"{guard.now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
    leases = Leases(cluster, lease_namespace, slos, holder=run_id, ttl_seconds=guard.ttl_seconds)
    views = leases.look()
    for slo in slos:
        if (view := views[slo]).holder and not (yield from _recovered(guard, cluster, lease_namespace, slo, view)):
            plan, _ = _planned(guard, cluster, document, slos, leases.look())
            yield Refused(plan, (*plan.refusals, f"{slo}: run {view.holder} is under way; it is left alone"))
            return
    views = leases.look()
    plan, live = _planned(guard, cluster, document, slos, views)
    if plan.refusals:
        yield Refused(plan, plan.refusals)
        return
    try:
        yield _run(guard, cluster, leases, views, plan, live, run_id)
    except LeaseLostError as error:
        yield Refused(plan, (str(error),))


def _planned(
    guard: Guard, cluster: Cluster, document: Document, slos: tuple[str, ...], views: Mapping[str, LeaseView]
) -> tuple[Plan, Document]:
    """By the engine as it is in the cluster; where there is none, and nothing is against it, it is made, stopped."""
    engine = read_wanted(document)
    live = cluster.engine(engine.namespace, engine.name)
    reading = guard.make_budget(slos, guard.now()).read()
    wanted = {**document, "spec": {**document["spec"], "engineState": "stop"}}
    judged, view = live or wanted, None
    if live is not None:
        spec = {key: value for key, value in document["spec"].items() if key != "engineState"}
        if place := difference(spec, live.get("spec")):
            raise UsageError(f"{engine.namespace}/{engine.name}: {place} is another one in the cluster; apply the file")
        view = engine_view(live, 0)
    plan = make_plan(
        guard.gate,
        guard.rules,
        read_wanted(judged),
        slos,
        reading,
        guard.exposure(read_wanted(judged)),
        views,
        at=guard.now(),
        live=view,
    )
    if live is None and not plan.refusals:
        live = cluster.create_engine(wanted)
    return plan, live or wanted


def read_wanted(document: Document) -> EngineSpec:
    """Raises UsageError for what is no engine that could be run."""
    try:
        engine = read_engine(document)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if not engine.name or not engine.namespace:
        raise UsageError("the ChaosEngine has no name or no namespace; write metadata.name and metadata.namespace")
    return engine


def _run(
    guard: Guard,
    cluster: Cluster,
    leases: Leases,
    views: Mapping[str, LeaseView],
    plan: Plan,
    live: Document,
    run_id: str,
) -> RunReport:
    began = guard.now()
    budget = guard.make_budget(plan.slos, began)
    reading = budget.read(run_told(run_id, f"{plan.engine.namespace}/{plan.engine.name}", guard.by))
    record = RunRecord(
        run=run_id,
        gate=guard.gate,
        by=guard.by,
        namespace=plan.engine.namespace,
        name=plan.engine.name,
        uid=live["metadata"]["uid"],
        faults=plan.engine.wish.faults,
        began_at=began,
        decision_id=reading.decision_id,
        reserved=Reserved(
            before=reading.standings, events={slo: one.expected_events for slo, one in plan.estimates.items()}
        ),
        worst={slo: one.worst_events for slo, one in plan.estimates.items()},
        results=_result_versions(cluster, plan.engine),
    )
    leases.acquire(record.document(), views, guard.now())
    guarding = _guarding(guard, cluster, leases, budget, record)
    ended = guarding.start(live["metadata"]["resourceVersion"])
    return _finished(guard, leases, record, ended, recovered=False)


def _recovered(
    guard: Guard, cluster: Cluster, namespace: str, slo: str, view: LeaseView
) -> Generator[RunReport | Refused, None, bool]:
    """Watch who holds a lease, and tell whether it is free now.

    A holder that is silent for as long as a lease lasts is gone, and its run is finished.
    """
    leases = Leases(cluster, namespace, (slo,), holder=view.holder, ttl_seconds=guard.ttl_seconds)
    deadline = guard.now() + timedelta(seconds=max(guard.ttl_seconds, view.ttl_seconds))
    guard.say(f"{slo}: run {view.holder} has the lease; watching whether it is alive")
    while guard.now() < deadline:
        if guard.interrupted.wait(min(guard.pace.poll_seconds, guard.ttl_seconds / 4)):
            return False
        if leases.look()[slo].version != view.version:
            return not leases.look()[slo].holder
    try:
        record = RunRecord.of(view.record or {})
    except ValueError:
        raise UsageError(
            f"{slo}: its lease is held by {view.holder!r}, which says nothing of a run; remove the lease if it is none"
        ) from None
    yield _gone_on(guard, cluster, namespace, record)
    return True


def _gone_on(guard: Guard, cluster: Cluster, namespace: str, record: RunRecord) -> RunReport:
    slos = tuple(record.reserved.before)
    leases = Leases(cluster, namespace, slos, holder=record.run, ttl_seconds=guard.ttl_seconds)
    seen = {slo: one for slo, one in leases.look().items() if one.holder == record.run}
    leases = Leases(cluster, namespace, tuple(seen), holder=record.run, ttl_seconds=guard.ttl_seconds)
    leases.acquire(record.document(), seen, guard.now())
    guard.say(f"run {record.run} was left by its guard; finishing it")
    budget = guard.make_budget(slos, record.began_at)
    ended = _guarding(guard, cluster, leases, budget, record).go_on()
    return _finished(guard, leases, record, ended, recovered=True)


def _guarding(guard: Guard, cluster: Cluster, leases: Leases, budget: BudgetSource, record: RunRecord) -> Guarding:
    return Guarding(
        record,
        cluster,
        leases,
        budget,
        limits=guard.limits,
        pace=guard.pace,
        now=guard.now,
        say=guard.say,
        interrupted=guard.interrupted,
    )


def _finished(guard: Guard, leases: Leases, record: RunRecord, ended: Ended, *, recovered: bool) -> RunReport:
    """A run that may still go on keeps its leases: whoever comes next finds it."""
    report = make_report(record, ended, guard.rules, recovered=recovered)
    if not _may_go_on(ended.run):
        try:
            leases.release(report.cool_down_until, record.key, report.spent_ratios, guard.now())
        except (LeaseLostError, ClusterError) as error:
            guard.say(f"the lease cannot be given back: {error}")
    return report


def _may_go_on(run: Run) -> bool:
    return run.outcome is Outcome.UNCONFIRMED


def _result_versions(cluster: Cluster, engine: EngineSpec) -> dict[str, str]:
    found = {}
    for fault in engine.wish.faults:
        document = cluster.result(engine.namespace, f"{engine.name}-{fault}")
        if document:
            found[fault] = str(document["metadata"]["resourceVersion"])
    return found

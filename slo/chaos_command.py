"""The command `slo chaos`: whether a run may start and what it may cost (`plan`), and the guarded run (`run`)."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slo.chaos_settings import ChaosSettings, check_poll, check_settle, check_ttl
from slo.clock import utc_now
from slo.commands import Result, chosen_files, listed
from slo.errors import SLOError, UsageError
from slo.kubernetes_names import object_name_of
from slo.settings import Settings, load_settings
from slo.user_name import user_name

if TYPE_CHECKING:
    from slo.chaos.cluster import Cluster, Document
    from slo.chaos.engine import EngineSpec
    from slo.chaos.reading import BudgetSource
    from slo.chaos.runs import Guard, MakeBudget
    from slo.gate import Gate
    from slo.governance import ChaosRules

STARTED, REFUSED = 0, 1
_MOST_FILE_BYTES = 1024 * 1024
_ATTEMPTS = 4
"""Looks in vain after which a run is halted: 20 seconds, of the minute that halting may take."""


def chaos(arguments: Namespace) -> Result:
    """One of the verbs."""
    settings = load_settings(os.environ, arguments.settings)
    document = _engine_document(arguments.engine)
    return (_plan if arguments.verb == "plan" else _run)(arguments, settings, document)


def _plan(arguments: Namespace, settings: Settings, document: Document) -> Result:
    from slo.chaos.guarding import engine_view
    from slo.chaos.lease import Leases
    from slo.chaos.precheck import make_plan
    from slo.chaos.runs import read_wanted
    from slo.chaos.telling import plan_document, plan_text

    engine = read_wanted(document)
    guard, slos = _guard(arguments, settings, engine, threading.Event())
    leases, live = {}, None
    how = _how(arguments, settings)
    if how.kubeconfig or how.context:
        cluster = _cluster(how)
        namespace = how.lease_namespace or engine.namespace
        leases = Leases(cluster, namespace, slos, holder="", ttl_seconds=1).look()
        found = cluster.engine(engine.namespace, engine.name)
        live = engine_view(found, 0) if found else None
    now = guard.now()
    reading = guard.make_budget(slos, now).read()
    plan = make_plan(
        guard.gate, guard.rules, engine, slos, reading, guard.exposure(engine), leases, at=reading.at, live=live
    )
    held = [f"{slo}: run {view.holder} has the lease" for slo, view in leases.items() if view.holder]
    refusals = (*plan.refusals, *held)
    if arguments.output == "json":
        text = json.dumps(plan_document(plan, refusals), allow_nan=False, indent=2) + "\n"
    else:
        text = plan_text(plan, refusals, looked=bool(leases))
    return Result(text, REFUSED if refusals else STARTED)


def _run(arguments: Namespace, settings: Settings, document: Document) -> Result:
    from slo.chaos.outcomes import check_place, is_passed, keep, text_of
    from slo.chaos.runs import guarded_run, read_wanted

    if arguments.server is None and (arguments.demo or arguments.data or arguments.prometheus):
        raise UsageError("a run is watched over a ledger or a service: give --ledger DSN or --server URL")
    if arguments.report is not None:
        check_place(arguments.report)
    engine = read_wanted(document)
    texts: list[str] = []
    errors: list[str] = []
    code = REFUSED
    with _interruptions() as interrupted:
        guard, slos = _guard(arguments, settings, engine, interrupted)
        how = _how(arguments, settings)
        try:
            for end in guarded_run(guard, _cluster(how), document, slos, how.lease_namespace or engine.namespace):
                texts.append(text_of(end, arguments.output))
                code = STARTED if is_passed(end) else REFUSED
                if arguments.report is not None and (why := keep(end, arguments.report)):
                    errors.append(why)
        except SLOError:  # what was finished before that is told all the same
            sys.stdout.write("".join(texts))
            raise
    return Result("".join(texts), code, tuple(errors))


def _guard(
    arguments: Namespace, settings: Settings, engine: EngineSpec, interrupted: threading.Event
) -> tuple[Guard, tuple[str, ...]]:
    from slo.chaos.guarding import Pace
    from slo.chaos.machine import Limits
    from slo.chaos.reading import Patience
    from slo.chaos.runs import Guard

    asked = tuple(dict.fromkeys(arguments.slos)) or engine.objectives
    if arguments.server is not None:
        rules, make_budget, slos = _by_service(arguments, settings, asked)
    else:
        rules, make_budget, slos = _by_files(arguments, settings, asked)
    how = _how(arguments, settings)
    guard = Guard(
        gate=arguments.gate,
        rules=rules,
        make_budget=make_budget,
        limits=Limits(patience=Patience(blind_seconds=how.poll_seconds * _ATTEMPTS)),
        pace=Pace(poll_seconds=how.poll_seconds, settle_seconds=how.settle_seconds),
        attempts=_ATTEMPTS,
        ttl_seconds=math.ceil(max(how.ttl_seconds, 2 * how.poll_seconds)),
        by=user_name(),
        now=utc_now,
        say=_say,
        interrupted=interrupted,
    )
    return guard, slos


def _by_service(
    arguments: Namespace, settings: Settings, asked: tuple[str, ...]
) -> tuple[ChaosRules | None, MakeBudget, tuple[str, ...]]:
    from slo.chaos.service_budget import ServiceBudget, chaos_rules, whole_objectives
    from slo.gate_server import GateServer

    if arguments.files or arguments.ledger or arguments.data or arguments.demo or arguments.prometheus:
        raise UsageError("--server asks a service about its own data: leave out objective files and other data")
    if not asked:
        raise UsageError("whose budget does it spend? name it: --slo ID, or the engine's annotation slo-objectives")
    asked = whole_objectives(asked, "--slo")
    server = GateServer(arguments.server.rstrip("/"), settings.token)
    rules = chaos_rules(server, arguments.gate)

    def make(slos: tuple[str, ...], since: datetime) -> BudgetSource:
        return ServiceBudget(server=server, gate=arguments.gate, slos=slos, now=utc_now)

    return rules, make, asked


def _by_files(
    arguments: Namespace, settings: Settings, asked: tuple[str, ...]
) -> tuple[ChaosRules | None, MakeBudget, tuple[str, ...]]:
    from slo.chaos.budgets import LocalBudget, named_objectives
    from slo.opening import choose_data, veto_evaluator
    from slo.spec import load_files
    from slo.window import minute_of

    spec = load_files(chosen_files(arguments.files, settings))
    gate = _gate_of(spec.gates, arguments.gate)
    every = named_objectives(gate, spec.objectives, asked)
    choice = choose_data(arguments, settings)
    hear = veto_evaluator(arguments, settings)

    def make(slos: tuple[str, ...], since: datetime) -> BudgetSource:
        return LocalBudget(
            gate=gate,
            objectives=spec.objectives,
            slos=slos,
            choice=choice,
            hear=hear,
            now=utc_now,
            since_minute=minute_of(since),
        )

    return gate.chaos, make, every


def _gate_of(gates: Sequence[Gate], name: str) -> Gate:
    for one in gates:
        if one.name == name:
            return one
    raise UsageError(f"there is no gate {name!r} in these files; there are: {listed([one.name for one in gates])}")


def _how(arguments: Namespace, settings: Settings) -> ChaosSettings:
    """The settings, with the flags over them."""
    flags: dict[str, Any] = {}
    for name, check in (("poll", check_poll), ("ttl", check_ttl), ("settle", check_settle)):
        if (given := getattr(arguments, name, None)) is not None:
            flags[f"{name}_seconds"] = check(given, f"--{name}")
    if arguments.lease_namespace:
        flags["lease_namespace"] = object_name_of(arguments.lease_namespace, "--lease-namespace")
    flags |= {name: given for name in ("kubeconfig", "context") if (given := getattr(arguments, name))}
    return replace(settings.chaos, **flags)


def _cluster(how: ChaosSettings) -> Cluster:
    from slo.chaos.cluster import Cluster

    return Cluster(kubeconfig=how.kubeconfig, context=how.context)


def _engine_document(file: Path) -> Document:
    """The one ChaosEngine of a file, which may hold other objects."""
    import yaml

    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    if len(content) > _MOST_FILE_BYTES:
        raise UsageError(f"{file}: is larger than {_MOST_FILE_BYTES >> 20} MiB")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content, Loader=yaml.CSafeLoader)):
            raise UsageError(f"{file}: aliases of YAML are not followed here; write what they stand for")
        found = [one for one in yaml.load_all(content, Loader=yaml.CSafeLoader) if _is_engine(one)]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{file}: is not YAML: {' '.join(str(error).split())[:200]}") from None
    if len(found) != 1:
        raise UsageError(f"{file}: holds {len(found)} ChaosEngines; one is run at a time")
    return dict(found[0])


def _is_engine(document: Any) -> bool:
    return isinstance(document, dict) and document.get("kind") == "ChaosEngine"


@contextmanager
def _interruptions() -> Iterator[threading.Event]:
    """Set by Ctrl-C and SIGTERM: the run is halted then, and not left alone."""
    asked = threading.Event()
    before = {one: signal.signal(one, lambda *_: asked.set()) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _say(message: str) -> None:
    from slo.redaction import without_password
    from slo.render.text import printable

    print(f"slo: {printable(without_password(message))}", file=sys.stderr, flush=True)


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"chaos": chaos}

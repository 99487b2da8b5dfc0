"""A control of Chaos Toolkit: an experiment begins, and goes on, only while the budget of a running service bears it.

Chaos Toolkit swallows whatever a control raises but InterruptExecution, and the experiment would run unguarded: so
everything that goes wrong here becomes one. A blocking activity is left by the signal that the toolkit has for it;
Python activities swallow InterruptExecution, too, but not the SystemExit that this signal is. Rollbacks are left alone;
they are played after an interrupt only under `runtime.rollbacks.strategy: always`. See docs/callers.md.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from chaoslib.exceptions import InterruptExecution

from slo.chaos.experiment import ExperimentGuard
from slo.chaos.experiment_terms import Asked, read_arguments
from slo.chaos.service_budget import ServiceBudget, chaos_rules
from slo.clock import utc_now
from slo.errors import UsageError
from slo.gate_server import GateServer
from slo.governance import ChaosRules
from slo.user_name import user_name

_LOG = logging.getLogger("chaostoolkit")
_MOST_TITLE = 200


@dataclass(frozen=True, slots=True)
class _Key:
    """What tells the guards of one experiment apart."""

    url: str
    gate: str
    slos: tuple[str, ...]


_GUARDS: dict[_Key, ExperimentGuard] = {}
"""Of the experiment that runs: one for each gate and objectives that a control of it names."""

_Control = Callable[..., None]


def _interrupting(control: _Control) -> _Control:
    """What a control raises becomes an InterruptExecution: all else is swallowed, and chaos goes on unguarded."""

    @wraps(control)
    def guarded(context: Any = None, state: Any = None, secrets: Any = None, **arguments: Any) -> None:
        try:
            control(context=context, state=state, secrets=secrets, arguments=arguments)
        except InterruptExecution:
            raise
        except UsageError as error:
            raise InterruptExecution(f"the error budget's control is wrong: {error}") from None
        except BaseException as error:
            # A signal of the watch may come while a control runs. Of all else the kind alone: a text may hold anything.
            stopped = next((_why(guard) for guard in _GUARDS.values() if guard.stopped), None)
            why = stopped or f"the error budget's control failed: {type(error).__name__}"
            raise InterruptExecution(why) from error

    # Chaos Toolkit looks at the names of parameters to know what to pass.
    del guarded.__wrapped__
    return guarded


@_interrupting
def before_experiment_control(*, context: Any, state: Any, secrets: Any, arguments: Mapping[str, Any]) -> None:
    """Ask, in the form that is recorded; without a yes nothing of the experiment runs."""
    asked = read_arguments(arguments)
    server = GateServer(_url(asked), _token(secrets) or None)
    guard = _new_guard(asked, server)
    _GUARDS[_key(asked)] = guard
    title = context.get("title") if isinstance(context, dict) else None
    guard.begin(str(title or "an experiment")[:_MOST_TITLE])
    _check(guard)


@_interrupting
def before_method_control(*, context: Any, state: Any, secrets: Any, arguments: Mapping[str, Any]) -> None:
    """Look again, and go on looking while the method runs."""
    guard = _guard(arguments)
    guard.begin_method()
    _check(guard)


@_interrupting
def before_activity_control(*, context: Any, state: Any, secrets: Any, arguments: Mapping[str, Any]) -> None:
    """No further activity of a method that is to stop."""
    _check_activity(_guard(arguments))


@_interrupting
def after_activity_control(*, context: Any, state: Any, secrets: Any, arguments: Mapping[str, Any]) -> None:
    """An activity may have swallowed that it was to stop."""
    _check_activity(_guard(arguments))


@_interrupting
def after_method_control(*, context: Any, state: Any, secrets: Any, arguments: Mapping[str, Any]) -> None:
    """No more signals; a method that was stopped in its last moment was stopped."""
    guard = _guard(arguments)
    guard.end_method()
    _check(guard)


@_interrupting
def after_experiment_control(*, context: Any, state: Any, secrets: Any, arguments: Mapping[str, Any]) -> None:
    """What it was allowed, and what it cost, goes to the journal, under `slo_gates`; also if waiting is interrupted."""
    asked = read_arguments(arguments)
    guard = _GUARDS.pop(_key(asked), None)
    if guard is None:
        return
    journal = state if isinstance(state, dict) else {}
    guard.end_method()
    try:
        guard.settle()
    finally:
        report = guard.report(str(journal.get("status")), deviated=bool(journal.get("deviated")))
        journal.setdefault("slo_gates", []).append({"url": _url(asked), **report, "stopped": _why(guard) or None})


def _check(guard: ExperimentGuard) -> None:
    """Raises InterruptExecution where the guard has stopped the experiment."""
    if guard.stopped:
        raise InterruptExecution(_why(guard))


def _check_activity(guard: ExperimentGuard) -> None:
    if guard.is_method_stopped:
        _check(guard)


def _why(guard: ExperimentGuard) -> str:
    return f"stopped by the error budget: {guard.stopped}" if guard.stopped else ""


def _guard(arguments: Mapping[str, Any]) -> ExperimentGuard:
    """The one that was made before the experiment; an experiment without it is not guarded."""
    found = _GUARDS.get(_key(read_arguments(arguments)))
    if found is None:
        raise UsageError("the gate was not asked before the experiment; leave `scope` out of the control")
    return found


def _new_guard(asked: Asked, server: GateServer) -> ExperimentGuard:
    terms, timeout = asked.terms, asked.timeout_seconds

    def rules() -> ChaosRules | None:
        found = chaos_rules(server, terms.gate, timeout_seconds=timeout)
        if found is not None and asked.silent:
            wanting = ", ".join(asked.silent)
            raise UsageError(f"the gate {terms.gate!r} has rules on chaos, so the control must say its {wanting}, too")
        return found

    budget = ServiceBudget(server=server, gate=terms.gate, slos=terms.slos, now=utc_now, timeout_seconds=timeout)
    return ExperimentGuard(terms, budget, rules, by=user_name(), now=utc_now, leave=_leave_activity, say=_LOG.critical)


def _leave_activity() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)


def _key(asked: Asked) -> _Key:
    return _Key(_url(asked), asked.terms.gate, asked.terms.slos)


def _url(asked: Asked) -> str:
    return asked.url or os.environ.get("SLO_URL", "").rstrip("/")


def _token(secrets: Any) -> str:
    """Of the experiment's secrets, `slo: {token: ...}`, else SLO_TOKEN."""
    own = secrets.get("slo") if isinstance(secrets, dict) else None
    token = own.get("token") if isinstance(own, dict) else None
    return str(token or os.environ.get("SLO_TOKEN", "")).strip()

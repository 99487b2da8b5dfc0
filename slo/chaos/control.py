"""A control of Chaos Toolkit: an experiment begins, and goes on, only while a gate of a running service allows it.

Chaos Toolkit swallows whatever a control raises but InterruptExecution, and the experiment would run unguarded: so
everything that goes wrong here becomes one. A blocking activity is left by the signal that the toolkit has for it;
Python activities swallow InterruptExecution, too, but not the SystemExit that this signal is. Rollbacks are left alone;
they are played after an interrupt only under `runtime.rollbacks.strategy: always`. See docs/callers.md.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from chaoslib.exceptions import InterruptExecution

from slo.chaos.asking import Answer, Question
from slo.clock import format_time, utc_now
from slo.errors import UsageError
from slo.gate_server import GateServer

_LOG = logging.getLogger("chaostoolkit")
_ARGUMENTS = ("gate", "url", "slos", "poll_seconds", "timeout_seconds", "attempts")


@dataclass(slots=True, eq=False)
class Guard:
    """One gate over one experiment. stopped: why, once it is."""

    question: Question
    poll_seconds: float
    attempts: int
    before: Answer | None = None
    last: Answer | None = None
    questions: int = 0
    stopped: str | None = None
    stopped_at: str | None = None
    _in_method: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    def ask_first(self, title: str) -> None:
        """Recorded by the service, with the experiment's name."""
        self.before = self._counted(self.question.ask({"caller": "chaostoolkit", "experiment": title[:200]}))
        if not self.before.allowed:
            self._stop(self.before.message)

    def begin_method(self) -> None:
        """Ask again, as a hypothesis may have taken its time, and from now on every few seconds."""
        answer = self._counted(self.question.ask())
        if not answer.allowed:
            self._stop(answer.message)
        self.check()
        with self._lock:
            self._in_method = True
        threading.Thread(target=self._watch, name="slo-gate-watch", daemon=True).start()

    def end_method(self) -> None:
        """Nothing is sent to the process afterwards, even if something was at this moment."""
        try:
            with self._lock:
                self._in_method = False
        finally:
            self._in_method = False
            self._over.set()

    def check(self) -> None:
        """Raises InterruptExecution where the gate has stopped the experiment."""
        if self.stopped is not None:
            raise InterruptExecution(self.stopped)

    def check_activity(self) -> None:
        """As check, within the method: a rollback is not to be stopped."""
        with self._lock:
            in_method = self._in_method
        if in_method:
            self.check()

    def report(self) -> dict[str, Any]:
        """For the journal."""
        return {
            "gate": self.question.gate,
            "url": self.question.server.url,
            "slos": list(self.question.slos),
            "before": _shown(self.before),
            "last": _shown(self.last),
            "questions": self.questions,
            "stopped": self.stopped,
            "stopped_at": self.stopped_at,
        }

    def ask_last(self) -> None:
        """How the gate stands at the end."""
        self._counted(self.question.ask())

    def _watch(self) -> None:
        """A denial stops at once; a gate that does not answer, after so many attempts."""
        silent = 0
        while not self._over.wait(self.poll_seconds):
            answer = self._counted(self.question.ask())
            silent = silent + 1 if answer.decision is None else 0
            if answer.allowed or 0 < silent < self.attempts:
                continue
            self._stop(answer.message)
            self._leave_activity()
            return

    def _leave_activity(self) -> None:
        """Until the method has ended: an activity may catch the first signal, or pause afterwards."""
        while True:
            with self._lock:
                if not self._in_method:
                    return
                os.kill(os.getpid(), signal.SIGUSR1)
            if self._over.wait(5.0):
                return

    def _stop(self, why: str) -> None:
        if self.stopped is None:
            _LOG.critical("stopped by the error budget: %s", why)
            self.stopped, self.stopped_at = f"stopped by the error budget: {why}", format_time(utc_now())

    def _counted(self, answer: Answer) -> Answer:
        self.questions += 1
        self.last = answer
        return answer


_GUARDS: dict[tuple[str, str, tuple[str, ...]], Guard] = {}
"""Of the experiment that runs: one for each gate that a control of it names."""

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
            stopped = next((guard.stopped for guard in _GUARDS.values() if guard.stopped), None)
            why = stopped or f"the error budget's control failed: {type(error).__name__}"
            raise InterruptExecution(why) from error

    # Chaos Toolkit looks at the names of parameters to know what to pass.
    del guarded.__wrapped__
    return guarded


@_interrupting
def before_experiment_control(*, context: Any, state: Any, secrets: Any, arguments: Mapping[str, Any]) -> None:
    """Ask, in the form that is recorded; without a yes nothing of the experiment runs."""
    guard = _new_guard(arguments, secrets)
    _GUARDS[_key(guard.question)] = guard
    title = context.get("title", "") if isinstance(context, dict) else ""
    guard.ask_first(str(title))
    guard.check()


@_interrupting
def before_method_control(*, context: Any, state: Any, secrets: Any, arguments: Mapping[str, Any]) -> None:
    """Ask again, and go on asking while the method runs."""
    _guard(arguments, secrets).begin_method()


@_interrupting
def before_activity_control(*, context: Any, state: Any, secrets: Any, arguments: Mapping[str, Any]) -> None:
    """No further activity of a method that is to stop."""
    _guard(arguments, secrets).check_activity()


@_interrupting
def after_activity_control(*, context: Any, state: Any, secrets: Any, arguments: Mapping[str, Any]) -> None:
    """An activity may have swallowed that it was to stop."""
    _guard(arguments, secrets).check_activity()


@_interrupting
def after_method_control(*, context: Any, state: Any, secrets: Any, arguments: Mapping[str, Any]) -> None:
    """No more questions; a method that was stopped in its last moment was stopped."""
    guard = _guard(arguments, secrets)
    guard.end_method()
    guard.check()


@_interrupting
def after_experiment_control(*, context: Any, state: Any, secrets: Any, arguments: Mapping[str, Any]) -> None:
    """What the gate said goes to the journal, under `slo_gates`."""
    guard = _GUARDS.pop(_key(_new_guard(arguments, secrets).question), None)
    if guard is None:
        return
    guard.end_method()
    guard.ask_last()
    if isinstance(state, dict):
        state.setdefault("slo_gates", []).append(guard.report())


def _guard(arguments: Mapping[str, Any], secrets: Any) -> Guard:
    """The one that was made before the experiment; an experiment without it is not guarded."""
    found = _GUARDS.get(_key(_new_guard(arguments, secrets).question))
    if found is None:
        raise UsageError("the gate was not asked before the experiment; leave `scope` out of the control")
    return found


def _key(question: Question) -> tuple[str, str, tuple[str, ...]]:
    return question.server.url, question.gate, question.slos


def _new_guard(arguments: Mapping[str, Any], secrets: Any) -> Guard:
    for name in arguments:
        if name not in _ARGUMENTS:
            raise UsageError(f"there is no argument {name!r}; there are: {', '.join(_ARGUMENTS)}")
    slos = arguments.get("slos", [])
    url = str(arguments.get("url") or os.environ.get("SLO_URL", ""))
    question = Question(
        server=GateServer(url, _token(secrets) or None),
        gate=str(arguments.get("gate", "")),
        slos=(slos,) if isinstance(slos, str) else tuple(str(slo) for slo in slos),
        timeout_seconds=_positive(arguments, "timeout_seconds", 3.0),
    )
    return Guard(question, _positive(arguments, "poll_seconds", 5.0), int(_positive(arguments, "attempts", 3.0)))


def _positive(arguments: Mapping[str, Any], name: str, default: float) -> float:
    try:
        value = float(arguments.get(name, default))
    except (TypeError, ValueError):
        value = 0.0
    if not 0.0 < value < 3600.0 or (name == "attempts" and value < 1.0):
        raise UsageError(f"{name}: write a number over 0, such as {default:g}")
    return value


def _token(secrets: Any) -> str:
    """Of the experiment's secrets, `slo: {token: ...}`, else SLO_TOKEN."""
    own = secrets.get("slo") if isinstance(secrets, dict) else None
    token = own.get("token") if isinstance(own, dict) else None
    return str(token or os.environ.get("SLO_TOKEN", "")).strip()


def _shown(answer: Answer | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    decision = answer.decision or {}
    kept = {name: decision[name] for name in ("id", "at", "decision") if name in decision}
    return {**kept, "allowed": answer.allowed, "message": answer.message}

"""A gate asked by something that must stop where it does not say yes: no answer is no."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slo.errors import SLOError, UsageError
from slo.gate_server import GateServer

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. decision: of schema slo.decision/v1, None where there was none; message: why not, or why."""

    allowed: bool
    decision: Document | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One gate of a running service. slos: ids or globs, none for all that the gate names. Raises UsageError."""

    server: GateServer
    gate: str
    slos: tuple[str, ...] = ()
    timeout_seconds: float = 3.0

    def __post_init__(self) -> None:
        if not self.gate:
            raise UsageError("gate: write the name of the gate")

    def ask(self, told: Document | None = None) -> Answer:
        """The gate's answer; with something told, it is asked in the form that is recorded. Never raises."""
        try:
            decision = _within(self.timeout_seconds + 1.0, lambda: self._asked(told))
        except SLOError as error:
            return self._none(str(error))
        except TimeoutError:
            return self._none(f"{self.server.url} gave no answer in time")
        except Exception as error:  # whatever goes wrong, it is no yes
            return self._none(f"{self.server.url} could not be asked: {type(error).__name__}")
        said = f"gate {self.gate!r} says {decision.get('decision')}{_why(decision)}"
        return Answer(decision.get("allowed") is True, decision, said)

    def _asked(self, told: Document | None) -> Document:
        return self.server.ask(self.gate, self.slos, timeout_seconds=self.timeout_seconds, told=told)

    def _none(self, what: str) -> Answer:
        return Answer(False, None, f"gate {self.gate!r} decided nothing: {what}")


def _why(decision: Document) -> str:
    """The message of the reason that decided."""
    reasons = decision.get("reasons")
    for reason in reasons if isinstance(reasons, list) else ():
        if isinstance(reason, dict) and reason.get("decisive") is True:
            return f": {str(reason.get('message', ''))[:500]}"
    return ""


def _within(seconds: float, work: Callable[[], Document]) -> Document:
    """Its result, or what it raises; a TimeoutError where it takes longer: names may be looked up for minutes."""
    done: queue.Queue[Document | Exception] = queue.Queue()

    def run() -> None:
        try:
            done.put(work())
        except Exception as error:
            done.put(error)

    threading.Thread(target=run, name="slo-gate", daemon=True).start()
    try:
        result = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(result, Exception):
        raise result
    return result

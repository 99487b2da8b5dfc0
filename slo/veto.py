"""Signals besides budgets that close a gate: a condition in the operator's own file, evaluated once a cycle. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from slo.clock import format_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Veto:
    """query: PromQL; any result that is not zero is a veto. prometheus: the server that is asked, "" for the unnamed
    one. when_absent: what an empty result means: deny, allow or unknown. reason: for people."""

    name: str
    query: str
    when_absent: str
    prometheus: str = ""
    reason: str = ""


class Signal(Enum):
    QUIET = "quiet"
    RAISED = "raised"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class VetoFinding:
    """What the evaluation of a veto found, and when. message: why a signal is unknown, or that it is absent."""

    veto: str
    at: datetime
    signal: Signal
    message: str = ""


def finding_of(veto: Veto, values: Iterable[float], *, at: datetime) -> VetoFinding:
    """What the values of its query mean. What is not a number is no zero."""
    found = list(values)
    if found:
        is_raised = any(value != 0 or math.isnan(value) for value in found)
        return VetoFinding(veto=veto.name, at=at, signal=Signal.RAISED if is_raised else Signal.QUIET)
    absent = {"deny": Signal.RAISED, "allow": Signal.QUIET, "unknown": Signal.UNKNOWN}[veto.when_absent]
    return VetoFinding(veto=veto.name, at=at, signal=absent, message="its signal is absent")


def failed(veto: Veto, error: str, *, at: datetime) -> VetoFinding:
    """What is found where the query could not be answered."""
    return VetoFinding(veto=veto.name, at=at, signal=Signal.UNKNOWN, message=f"it could not be evaluated: {error}")


def heard(veto: Veto, finding: VetoFinding | None, at: datetime, max_age_seconds: int) -> tuple[Signal, str]:
    """What a finding says at a later time, and in which words; one that is missing or too old says nothing."""
    about = f"veto {veto.name!r}"
    if finding is None:
        return Signal.UNKNOWN, f"{about}: it was not evaluated"
    if int((at - finding.at).total_seconds()) > max_age_seconds:
        return Signal.UNKNOWN, f"{about}: it was last evaluated at {format_time(finding.at)}"
    if finding.signal is Signal.RAISED:
        told = veto.reason or "its condition holds"
        return Signal.RAISED, f"{about}: {told}" + (f" ({finding.message})" if finding.message else "")
    return finding.signal, f"{about}: {finding.message}"

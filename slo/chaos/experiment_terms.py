"""What the arguments of a control say: whom to ask, whose budget is spent, and what an experiment does. Each mistake is
one line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from slo.chaos.engine import EngineSpec
from slo.chaos.experiment import Terms
from slo.chaos.service_budget import whole_objectives
from slo.errors import UsageError
from slo.governance import ChaosWish, equal_labels
from slo.units import parse_ratio

ARGUMENTS = (
    "gate",
    "url",
    "slos",
    "duration_seconds",
    "affected_ratio",
    "grace_seconds",
    "fault",
    "namespace",
    "labels",
    "service_account",
    "poll_seconds",
    "timeout_seconds",
    "attempts",
    "settle_seconds",
)
_GOVERNED = ("fault", "namespace", "labels", "service_account")
_A_DAY_SECONDS = 86_400.0
_MOST_POLL_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """url: "" where the argument does not say. silent: which of the things that rules judge are not said."""

    url: str
    timeout_seconds: float
    terms: Terms
    silent: tuple[str, ...]


def read_arguments(arguments: Mapping[str, Any]) -> Asked:
    """Raises UsageError with what to write instead."""
    for name in arguments:
        if name not in ARGUMENTS:
            raise UsageError(f"there is no argument {str(name)[:100]!r}; there are: {', '.join(ARGUMENTS)}")
    if not (gate := _text(arguments, "gate")):
        raise UsageError("gate: write the name of the gate")
    return Asked(
        url=_text(arguments, "url").rstrip("/"),
        timeout_seconds=_number(arguments, "timeout_seconds", 5.0, _MOST_POLL_SECONDS),
        terms=Terms(
            gate=gate,
            slos=_slos(arguments),
            wanted=_wanted(arguments),
            poll_seconds=_number(arguments, "poll_seconds", 5.0, _MOST_POLL_SECONDS),
            attempts=int(_number(arguments, "attempts", 4, 100, least=1)),
            settle_seconds=_number(arguments, "settle_seconds", 150, 3600, least=0),
        ),
        silent=tuple(name for name in _GOVERNED if not arguments.get(name)),
    )


def _slos(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    if not (named := _texts(arguments, "slos")):
        raise UsageError('slos: write whose budget the experiment spends, such as ["cloudshop/availability"]')
    return whole_objectives(named, "slos")


def _wanted(arguments: Mapping[str, Any]) -> EngineSpec:
    if "duration_seconds" not in arguments:
        raise UsageError("duration_seconds: write how long the method goes on; if it goes on longer it is stopped")
    duration = math.ceil(_number(arguments, "duration_seconds", 60, _A_DAY_SECONDS))
    namespace, slos = _text(arguments, "namespace"), _slos(arguments)
    return EngineSpec(
        name="",
        namespace=namespace,
        objectives=slos,
        wish=ChaosWish(
            faults=_texts(arguments, "fault"),
            namespace=namespace,
            target_namespace=namespace,
            labels=equal_labels(_text(arguments, "labels")),
            service_account=_text(arguments, "service_account"),
            duration_seconds=duration,
        ),
        duration_seconds=duration,
        affected_ratio=_share(arguments.get("affected_ratio", 1)),
        grace_seconds=math.ceil(_number(arguments, "grace_seconds", 30, 3600, least=0)),
    )


def _share(value: Any) -> Fraction:
    try:
        share = Fraction(0) if isinstance(value, bool) else Fraction(parse_ratio(str(value)))
    except ValueError:
        share = Fraction(0)
    if not 0 < share <= 1:
        raise UsageError("affected_ratio: write the share of requests that it can spoil, such as 0.5 or 1")
    return share


def _number(arguments: Mapping[str, Any], name: str, default: float, most: float, *, least: float = 0.001) -> float:
    value = arguments.get(name, default)
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not least <= number <= most:
        over = f"from {least:g}" if least in (0, 1) else "over 0"
        raise UsageError(f"{name}: write a number {over}, at most {most:g}, such as {default:g}")
    return number


def _text(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name, "")
    if not isinstance(value, str):
        raise UsageError(f"{name}: text is expected here; write it in quotes")
    return value.strip()


def _texts(arguments: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """One text, or a list of them."""
    value = arguments.get(name, [])
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
        raise UsageError(f"{name}: write a text, or a list of texts")
    return tuple(one.strip() for one in found if one.strip())

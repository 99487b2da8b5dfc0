"""What chaos a gate allows at all, whatever the budget: faults, targets, accounts and hours. What is not listed is
refused. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from slo.units import format_duration

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST_SHOWN = 80
_LONGEST_SELECTOR = 4096
_EQUAL = re.compile(r"([A-Za-z0-9_./-]+)\s*==?\s*([A-Za-z0-9_.-]+)", re.ASCII)

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """A stretch of some days of the week, in minutes since midnight on the clocks of the rules' zone; end excluded."""

    days: tuple[int, ...]
    start_minute: int
    end_minute: int

    def __str__(self) -> str:
        days = ",".join(DAYS[day] for day in self.days)
        start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (self.start_minute, self.end_minute))
        return f"{days} {start}-{end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosRules:
    """The `chaos` block of a gate.

    labels: sets of which a target must have one in full; hours: none for all; max_budget_share_ratio: how much of what
    is left of a budget one run may cost at worst; the cool-downs: how long no run follows on one.
    """

    faults: tuple[str, ...]
    namespaces: tuple[str, ...]
    labels: tuple[Labels, ...]
    service_accounts: tuple[str, ...]
    hours: tuple[Hours, ...] = ()
    time_zone: str = "UTC"
    max_duration_seconds: int | None = None
    max_budget_share_ratio: Decimal = Decimal("0.25")
    cool_down_minutes: int = 10
    cool_down_after_halt_minutes: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosWish:
    """What somebody wants to run. labels: None where the target is not told by labels that must be equal; doubts: what
    makes it hit something else than it says."""

    faults: tuple[str, ...]
    namespace: str
    target_namespace: str
    labels: Labels | None
    service_account: str
    duration_seconds: int
    doubts: tuple[str, ...] = ()


def equal_labels(selector: str) -> Labels | None:
    """The labels of a Kubernetes selector that says nothing else than what they are equal to; None for another one."""
    parts = [_EQUAL.fullmatch(part.strip()) for part in selector[:_LONGEST_SELECTOR].split(",")]
    return None if None in parts else frozenset((part[1], part[2]) for part in parts if part)


def check(rules: ChaosRules, wish: ChaosWish, *, at: datetime) -> tuple[str, ...]:
    """What the rules have against it at this time, one line each; nothing if it is allowed."""
    return tuple(_refusals(rules, wish, at))


def _refusals(rules: ChaosRules, wish: ChaosWish, at: datetime) -> Iterator[str]:
    if not wish.faults:
        yield "it names no fault"
    for fault in dict.fromkeys(wish.faults):
        if fault not in rules.faults:
            yield f"the fault {_shown(fault)} is not allowed; allowed: {', '.join(rules.faults)}"
    if wish.namespace not in rules.namespaces:
        yield f"the namespace {_shown(wish.namespace)} is not allowed; allowed: {', '.join(rules.namespaces)}"
    if wish.target_namespace != wish.namespace:
        yield f"it aims at the namespace {_shown(wish.target_namespace)} from {_shown(wish.namespace)}"
    if wish.labels is None or not any(allowed <= wish.labels for allowed in rules.labels):
        yield f"the target's labels are not allowed; allowed: {'; '.join(map(_selector, rules.labels))}"
    if wish.service_account not in rules.service_accounts:
        allowed = ", ".join(rules.service_accounts)
        yield f"the service account {_shown(wish.service_account)} is not allowed; allowed: {allowed}"
    if rules.max_duration_seconds is not None and wish.duration_seconds > rules.max_duration_seconds:
        longest = format_duration(rules.max_duration_seconds)
        yield f"it lasts {format_duration(wish.duration_seconds)}, at most {longest} are allowed"
    if rules.hours and not any(_is_within(one, rules.time_zone, at) for one in rules.hours):
        yield f"chaos is allowed only at {'; '.join(map(str, rules.hours))} ({rules.time_zone})"
    yield from wish.doubts


def _is_within(hours: Hours, zone: str, at: datetime) -> bool:
    local = at.astimezone(ZoneInfo(zone))
    return local.weekday() in hours.days and hours.start_minute <= local.hour * 60 + local.minute < hours.end_minute


def _selector(labels: Labels) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(labels))


def _shown(text: str) -> str:
    return repr(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}...")

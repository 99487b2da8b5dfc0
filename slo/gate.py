"""What a gate demands of objectives before it lets a deploy or a chaos run through, and which objectives it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import lru_cache

from slo.governance import ChaosRules
from slo.recurrence import Recurrence
from slo.veto import Veto
from slo.window import Interval, datetime_of, minute_of

_DAY, _DAYS_AHEAD = 1440, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A time in which the answer is deny, and why. recurrence: where it comes again, its first time is start to end."""

    start: datetime
    end: datetime
    reason: str
    recurrence: Recurrence | None = None

    def until(self, at: datetime) -> datetime | None:
        """When it ends, if it holds at this time; of times that overlap, the last end."""
        if self.recurrence is None:
            return self.end if self.start <= at < self.end else None
        minute = minute_of(at)
        ends = [one.end for one in _occurrences(self.recurrence, minute // _DAY) if one.start <= minute < one.end]
        return datetime_of(max(ends)) if ends else None

    def next_change(self, at: datetime) -> datetime | None:
        """When it begins or ends next after this time, as far as that is within the next week."""
        if self.recurrence is None:
            return next((edge for edge in (self.start, self.end) if edge > at), None)
        minute = minute_of(at)
        edges = [edge for one in _occurrences(self.recurrence, minute // _DAY) for edge in one if edge > minute]
        return datetime_of(min(edges)) if edges else None


@lru_cache(maxsize=4096)
def _occurrences(recurrence: Recurrence, day: int) -> tuple[Interval, ...]:
    """Those that concern a day and the week after it: a rule is followed from its start, which takes too long for
    every request."""
    return tuple(recurrence.within(Interval(day * _DAY, (day + _DAYS_AHEAD) * _DAY)))


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnLimit:
    """The budget burns too fast when it does so over the long window and, if there is one, over the short one."""

    long_minutes: int
    max_burn_rate: Decimal
    short_minutes: int | None = None
    max_burn_ratio: Fraction = field(init=False, compare=False, repr=False)
    """The limit as an exact number to compute with."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_burn_ratio", Fraction(self.max_burn_rate))


@dataclass(frozen=True, slots=True, kw_only=True)
class WarnLevel:
    """As the demands of a gate, but what falls short of it is let through with a warning."""

    min_budget_remaining_ratio: Decimal | None = None
    max_burn_rate: tuple[BurnLimit, ...] = ()


NO_WARNINGS = WarnLevel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Every objective that it names must meet every demand.

    objectives: ids, globs of ids, or label sets; on_unknown: "allow" or "deny" by cause, the key "default" for every
    other cause; needs_evidence: few events neither deny nor allow by chance (see slo.verdict); dry_run: it tells what
    it would say, and lets everything through; min_coverage_ratio: beyond what each objective demands itself; chaos:
    None where the gate does not govern which chaos may run.
    """

    name: str
    objectives: tuple[str | tuple[tuple[str, str], ...], ...]
    min_budget_remaining_ratio: Decimal | None = None
    max_burn_rate: tuple[BurnLimit, ...] = ()
    max_data_age_seconds: int
    min_coverage_ratio: Decimal | None = None
    needs_evidence: bool = True
    on_unknown: Mapping[str, str]
    warn: WarnLevel = NO_WARNINGS
    freeze: tuple[Freeze, ...] = ()
    maintenance: tuple[Freeze, ...] = ()
    dry_run: bool = False
    description: str = ""
    vetoes: tuple[Veto, ...] = ()
    chaos: ChaosRules | None = None

    def allows_unknown(self, cause: str) -> bool:
        """Whether it lets through what it cannot judge for this cause."""
        return self.on_unknown.get(cause, self.on_unknown["default"]) == "allow"


def matches(gate: Gate, slo: str, labels: Mapping[str, str]) -> bool:
    """Whether a gate names the objective or group with this id; labels: the objective's own.

    A label set means objectives as a whole; groups are named by their ids.
    """
    return any(
        id_matches(chosen, slo)
        if isinstance(chosen, str)
        else "{" not in slo and all(labels.get(label) == value for label, value in chosen)
        for chosen in gate.objectives
    )


def concerns(gate: Gate, objective_id: str, labels: Mapping[str, str]) -> bool:
    """Whether a gate names an objective, or any group that it might have."""
    wholes = [chosen.partition("{")[0] for chosen in gate.objectives if isinstance(chosen, str)]
    return matches(gate, objective_id, labels) or any(id_matches(whole, objective_id) for whole in wholes)


def id_matches(pattern: str, slo: str) -> bool:
    """Whether an id is the one that is written, or fits the glob; a `*` stops at `{`, so groups are named as such."""
    if pattern == slo:
        return True
    whole, brace, group = pattern.partition("{")
    slo_whole, slo_brace, slo_group = slo.partition("{")
    return brace == slo_brace and fnmatchcase(slo_whole, whole) and fnmatchcase(slo_group, group)


def longest_window_minutes(gate: Gate) -> int:
    """The longest window of its limits; 0 without any."""
    limits = (*gate.max_burn_rate, *gate.warn.max_burn_rate)
    return max((limit.long_minutes for limit in limits), default=0)

"""What a gate demands of objectives before it lets a deploy or a chaos run through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A time in which the answer is deny, and why."""

    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Every objective that it names must meet every demand.

    objectives: ids, globs of ids, or label sets; max_burn_rate: by window in minutes;
    on_unknown: "allow" or "deny" by cause, the key "default" for every other cause.
    """

    name: str
    objectives: tuple[str | tuple[tuple[str, str], ...], ...]
    min_budget_remaining_ratio: Decimal | None = None
    max_burn_rate: Mapping[int, Decimal]
    max_data_age_seconds: int
    on_unknown: Mapping[str, str]
    freeze: tuple[Freeze, ...] = ()

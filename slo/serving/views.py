"""What the page shows of an objective: frozen values that the child makes once a cycle and the page renders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from slo.objective import Group
from slo.report import State


class Burn(NamedTuple):
    """One line of the burn rates; the rate is None without events or without a budget."""

    window_minutes: int
    burn_rate: float | None
    bad_events: int
    total_events: int


class Alert(NamedTuple):
    severity: str
    long_minutes: int
    short_minutes: int
    factor: float
    firing: bool


class Point(NamedTuple):
    """One point of the burn-down: what was left of the period's budget at the end of a minute since the epoch."""

    minute: int
    remaining_ratio: float | None


class IncidentView(NamedTuple):
    """A stretch that spent budget: the minutes `(start_minute, end_minute]` and the share of the budget."""

    start_minute: int
    end_minute: int
    bad_events: int
    consumed_ratio: float


class CorrectionView(NamedTuple):
    """A stretch that does not count, or counts as good, and who said so and why."""

    start_minute: int
    end_minute: int
    kind: str
    by: str
    reason: str


class Note(NamedTuple):
    """A reason of the report: a stable code and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the overview: an objective, or one of its groups.

    target_percent, availability_percent: as slo.render.figures spells them, floored from whole counts.
    sparkline: about 30 points of what was left of the budget over the period, None where nothing was known.
    severity: of the most urgent alert that fires, "" for none. reason: the first thing to know, "" for nothing.
    """

    slo: str
    service: str
    group: Group = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    state: State
    target_percent: str
    availability_percent: str
    window_text: str
    remaining_ratio: float | None
    remaining_minutes: float | None
    total_minutes: float | None
    burn_1h: float | None
    burn_6h: float | None
    sparkline: tuple[float | None, ...]
    severity: str = ""
    reason: str = ""
    data_until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveView:
    """Everything of one objective's page but its gates' decisions.

    period: first and last minute of the period, the last in the future for a calendar window.
    runbook: as the objective file has it, "" for none; the page links none but http and https.
    groups: of an objective as a whole, its groups, worst first; more_groups: how many more there are.
    """

    row: Row
    description: str
    runbook: str
    period: tuple[int, int]
    good_events: int
    bad_events: int
    total_events: int
    coverage_ratio: float
    observed_ratio: float
    reasons: tuple[Note, ...]
    burn_rates: tuple[Burn, ...]
    alerts: tuple[Alert, ...]
    burn_down: tuple[Point, ...]
    incidents: tuple[IncidentView, ...] = ()
    groups: tuple[Row, ...] = ()
    more_groups: int = 0
    gates: tuple[str, ...] = ()
    corrections: tuple[CorrectionView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesStatus:
    """Whether the objective files were understood when they were last read; problems: in full, "" for none."""

    ok: bool
    problems: str
    loaded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorStatus:
    """How the collector fared in its last cycle. failures: by id of the objective, what its source said."""

    lag_seconds: float | None
    cycle_seconds: float
    failures: Mapping[str, str]
    files: FilesStatus
    ledger_ok: bool
    ledger_message: str
    simulated: bool = False

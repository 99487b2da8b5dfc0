"""What a guard knows of the gate and the budgets at one time, and when that stops a run. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from slo.chaos.affordability import Standing, is_overspent
from slo.clock import format_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """allowed, outcome, message, decision_id: of the gate's decision; standings: by the id of the objective."""

    at: datetime
    allowed: bool
    outcome: str
    message: str
    decision_id: str
    standings: Mapping[str, Standing]

    def covers(self, ended: datetime) -> bool:
        """Whether everything until then is counted in it."""
        minutes = [one.data_until for one in self.standings.values()]
        return all(minute is not None and minute * 60 >= ended.timestamp() for minute in minutes)


class BudgetSource(Protocol):
    """Where readings come from."""

    def read(self, told: Mapping[str, Any] | None = None) -> Reading:
        """The newest; told: what a service is to keep with its decision. Raises SLOError where it cannot be had."""

    def tell(self, faults: Sequence[str]) -> None:
        """A run with these faults goes on, for dashboards of a service. Raises SLOError where that is not heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """What a run may spend of each budget, and how these stood before it."""

    before: Mapping[str, Standing]
    events: Mapping[str, int]

    def spent(self, now: Mapping[str, Standing]) -> dict[str, int]:
        """Bad events since before the run."""
        return {slo: max(0, now[slo].bad_ever - before.bad_ever) for slo, before in self.before.items() if slo in now}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """blind_seconds: how long a run may go on without a reading; data_age_seconds: how old the data of one may be."""

    blind_seconds: float = 20.0
    data_age_seconds: float = 300.0


def objection(
    reserved: Reserved, reading: Reading | None, trouble: str, last_at: datetime, at: datetime, patience: Patience
) -> str:
    """Why a run must not go on, "" if it may. reading: None where it could not be had, for the trouble; last_at: when
    the last one was had."""
    if reading is None:
        if (at - last_at).total_seconds() < patience.blind_seconds:
            return ""
        return f"the budget could not be observed since {format_time(last_at)}: {trouble}"
    if not reading.allowed:
        return f"the gate closed: {reading.message or reading.outcome}"
    for slo, before in reserved.before.items():
        now = reading.standings.get(slo)
        if now is None or now.data_until is None:
            return f"{slo}: there are no data of it any more"
        if at.timestamp() - now.data_until * 60 > patience.data_age_seconds:
            return f"{slo}: its data are older than {patience.data_age_seconds:g} s"
        if is_overspent(before, now, reserved.events[slo]):
            spent = now.bad_ever - before.bad_ever
            return f"{slo}: {spent} bad events since the start, and {reserved.events[slo]} were reserved"
    return ""

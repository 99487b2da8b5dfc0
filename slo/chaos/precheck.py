"""Everything that must hold before a run may start, looked at without touching anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from slo.chaos.affordability import Estimate, Exposure, estimate
from slo.chaos.engine import EngineSpec
from slo.chaos.lease import LeaseView
from slo.chaos.machine import EngineView
from slo.chaos.reading import Reading
from slo.clock import format_time
from slo.governance import ChaosRules, check

DEFAULT_SHARE_RATIO = Decimal("0.25")
"""Of a gate without rules on chaos; the same as of rules that do not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run would be, and what stands against it: refusals, one line each, empty if nothing does."""

    gate: str
    engine: EngineSpec
    slos: tuple[str, ...]
    reading: Reading
    exposure: Exposure
    estimates: Mapping[str, Estimate]
    refusals: tuple[str, ...]


def make_plan(
    gate: str,
    rules: ChaosRules | None,
    engine: EngineSpec,
    slos: Sequence[str],
    reading: Reading,
    exposure: Exposure,
    leases: Mapping[str, LeaseView],
    *,
    at: datetime,
    live: EngineView | None = None,
) -> Plan:
    """leases: as far as they are known; live: the engine in the cluster, None if it is not there or not looked at."""
    share = rules.max_budget_share_ratio if rules else DEFAULT_SHARE_RATIO
    key = f"{engine.namespace}/{engine.name}"
    estimates = {}
    for slo in slos:
        history = leases[slo].history.get(key, ()) if slo in leases else ()
        estimates[slo] = estimate(reading.standings[slo], exposure, share, history)
    refusals = []
    if rules is not None:
        refusals += [f"not allowed by the gate's rules: {line}" for line in check(rules, engine.wish, at=at)]
    if not reading.allowed:
        refusals.append(f"the gate {gate!r} says {reading.outcome}: {reading.message}")
    refusals += [one.refusal for one in estimates.values() if one.refusal]
    refusals += _cooling(leases, at)
    if live is not None and live.is_active:
        whose = f"run {live.run}" if live.run else "somebody else"
        refusals.append(f"the engine is active already, started by {whose}; it is left alone")
    return Plan(
        gate=gate,
        engine=engine,
        slos=tuple(slos),
        reading=reading,
        exposure=exposure,
        estimates=estimates,
        refusals=tuple(refusals),
    )


def _cooling(leases: Mapping[str, LeaseView], at: datetime) -> list[str]:
    return [
        f"{slo}: the budget rests after the last run until {format_time(view.cool_down_until)}"
        for slo, view in leases.items()
        if view.cool_down_until is not None and at < view.cool_down_until
    ]


def difference(wanted: Any, found: Any, path: str = "spec") -> str:
    """Where what is in the cluster is not what the file says, "" where all of it is; the cluster may have more keys."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, value in wanted.items():
            if key not in found:
                return f"{path}.{key}"
            if place := difference(value, found[key], f"{path}.{key}"):
                return place
        return ""
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        places = (difference(*pair, f"{path}[{place}]") for place, pair in enumerate(zip(wanted, found, strict=True)))
        return next((place for place in places if place), "")
    return "" if wanted == found else path

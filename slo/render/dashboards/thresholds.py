"""What differs from objective to objective in a panel of many: where colours change, how many decimals, which runbook.

The setting of most is the panel's own, others stand as overrides by the names of their series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from slo.objective import Objective
from slo.render.dashboards.panels import GREEN, ORANGE, RED, Looks, override, thresholds

Steps = tuple[tuple[str, float | None], ...]
WARN_BELOW = 0.25
"""The share of the budget below which it is short."""


def fitted(
    looks: Looks, objectives: Sequence[Objective], of: Callable[[Objective], Looks], keys: Sequence[str]
) -> Looks:
    """`looks` with the fields `keys` of what `of` gives for most, and overrides for the others."""
    kinds: dict[str, tuple[Looks, list[str]]] = {}
    for objective in objectives:
        each = of(objective)
        kinds.setdefault(repr([getattr(each, key) for key in keys]), (each, []))[1].append(objective.id)
    ordered = sorted(kinds.values(), key=lambda kind: -len(kind[1]))
    if not ordered:
        return looks
    most, others = ordered[0][0], ordered[1:]
    overrides = [override(_named(ids), _properties(each, _differing(each, most, keys))) for each, ids in others]
    return replace(looks, **{key: getattr(most, key) for key in keys}, overrides=[*looks.overrides, *overrides])


def of_availability(objective: Objective) -> Looks:
    """Green from the target on; the dial begins where the budget is spent ten times over."""
    target, budget = float(objective.target_ratio), float(objective.budget_ratio)
    percent = objective.target_ratio.normalize() * 100
    decimals = max(0, -int(percent.normalize().as_tuple().exponent))
    low = max(0.0, round(1 - 10 * budget, 12)) if budget else 0.99
    return Looks("percentunit", decimals=min(decimals + 2, 8), low=low, steps=((RED, None), (GREEN, target)))


def of_minutes(objective: Objective) -> Looks:
    """Short of a quarter of the budget's minutes, and gone."""
    minutes = float(objective.budget_ratio) * objective.window.nominal_minutes
    return Looks("none", steps=budget_steps(round(WARN_BELOW * minutes, 6)))


def budget_steps(warn_below: float = WARN_BELOW) -> Steps:
    """Without a budget any bad event is one too many."""
    return ((RED, None), (ORANGE, 0), (GREEN, warn_below)) if warn_below else ((RED, None), (GREEN, 0))


def _differing(one: Looks, other: Looks, keys: Sequence[str]) -> Sequence[str]:
    return [key for key in keys if getattr(one, key) != getattr(other, key)]


def _named(ids: Sequence[str]) -> dict[str, Any]:
    """Series are called by the id, or by it and a word more. Grafana anchors a pattern that is not between slashes.

    Ids hold nothing that would need escaping in one.
    """
    return {"id": "byRegexp", "options": f"(?:{'|'.join(sorted(ids))})(?: .*)?"}


def _properties(looks: Looks, keys: Sequence[str]) -> Mapping[str, Any]:
    values: dict[str, Any] = {
        "steps": ("thresholds", thresholds(looks.steps)),
        "decimals": ("decimals", looks.decimals),
        "low": ("min", looks.low),
        "links": ("links", list(looks.links)),
    }
    return dict(values[key] for key in keys)

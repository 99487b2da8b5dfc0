"""How objectives are written down in the ledger: their indicators, groups and windows as text that compares equal."""

from __future__ import annotations

from typing import Any

import orjson

from slo.objective import Group, LatencySLI, Objective, ProbeSLI
from slo.promql.text import selector_text
from slo.window import CalendarWindow


def indicator_text(objective: Objective) -> str:
    """Everything that decides which events are counted for an objective, and nothing else."""
    sli = objective.sli
    if isinstance(sli, ProbeSLI):
        counted: dict[str, Any] = {
            "series": selector_text(sli.series),
            "good_when": f"{sli.comparison.value} {sli.value:g}",
        }
    elif isinstance(sli, LatencySLI):
        counted = {"histogram": selector_text(sli.histogram), "threshold": f"{sli.threshold.normalize():f}"}
    else:
        counted = {"total": selector_text(sli.total)}
        counted |= {"bad": selector_text(sli.bad)} if sli.bad else {}
        counted |= {"good": selector_text(sli.good)} if sli.good else {}
    counted |= {"group_by": list(objective.group_by)} if objective.group_by else {}
    return orjson.dumps(counted, option=orjson.OPT_SORT_KEYS).decode()


def labels_of(group: Group) -> str:
    """A group as text; empty for the objective as a whole."""
    return orjson.dumps(group).decode() if group else ""


def group_of(labels: str) -> Group:
    return tuple((label, value) for label, value in orjson.loads(labels)) if labels else ()


def period_text(objective: Objective) -> str:
    """A window as text: minutes, or the unit and zone of a calendar window."""
    window = objective.window
    if isinstance(window, CalendarWindow):
        return f"{window.unit.value} {window.time_zone}"
    return f"{window.minutes}m"

"""What is to be known of the data that an objective was counted from, beside the figures."""

from __future__ import annotations

from collections.abc import Collection

from slo.objective import Objective
from slo.report import Reason
from slo.source.query_plan import Role, uses_of


def data_notes(
    objective: Objective, roles_found: Collection[Role], groups: int, groups_left_out: int, uncertain_series: int
) -> tuple[Reason, ...]:
    """Selectors without any series, groups over the limit, and series that appeared without a known start."""
    notes = []
    for role in (Role.BAD, Role.GOOD):
        wanted = any(use.role is role for use in uses_of(objective))
        if wanted and Role.TOTAL in roles_found and role not in roles_found:
            counted = "none is counted" if role is Role.BAD else "all events are counted as bad"
            message = f"no series matches the selector of {role.value} events: {counted}"
            notes.append(Reason(code=f"no_{role.value}_series", message=message))
    if groups_left_out:
        found = groups + groups_left_out
        message = f"{found} groups were found, {groups} are shown; the whole counts all of them"
        limit = float(objective.max_groups)
        notes.append(Reason(code="max_groups", message=message, observed=float(found), threshold=limit))
    if uncertain_series:
        message = f"{uncertain_series} series appeared without a known start: what they counted before is left out"
        notes.append(Reason(code="uncertain_start", message=message, observed=float(uncertain_series)))
    return tuple(notes)

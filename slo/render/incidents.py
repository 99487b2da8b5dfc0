"""Incidents and their bills, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slo.clock import format_time
from slo.incident import GroupBill, Incident, IncidentRule
from slo.objective import Objective, group_id
from slo.render.figures import MINUTES_NOTE, SIMULATED_NOTE
from slo.render.text import columns, printable
from slo.units import format_duration
from slo.window import Interval, datetime_of

SCHEMA = "slo.incidents/v1"
_MOST_RECORDED = 20
_TITLES = ("objective", "from", "to", "lasted", "bad events", "of all", "budget spent", "minutes", "most of it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One entry of the record of decisions; outcome and allowed where it is a decision, a verdict or a call. chaos: the
    run or the experiment that a guard called for, "" for other callers."""

    at: datetime
    kind: str
    gate: str
    slo: str
    outcome: str | None
    allowed: bool | None
    by: str
    chaos: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An incident of an objective, the part of each group in it, and what was decided at the time, oldest first."""

    objective: Objective
    incident: Incident
    groups: tuple[GroupBill, ...]
    recorded: tuple[Recorded, ...] = ()


def render_table(
    found: Sequence[Found],
    looked_at: Sequence[tuple[Objective, Interval]],
    rule: IncidentRule,
    *,
    simulated: bool,
) -> str:
    """One line for each incident in the given order."""
    lines = [SIMULATED_NOTE] if simulated else []
    what = f"at least {float(rule.least_share * 100):g} % of a period's budget"
    if found:
        lines.append(f"Times that cost {what}, dearest first (UTC)")
        lines += columns([_TITLES, *(_cells(one) for one in found)], right={3, 4, 5, 6, 7})
        lines.append(f"{MINUTES_NOTE} Pauses up to {format_duration(rule.gap_minutes * 60)} belong to an incident.")
    for one in found:
        lines += _record_lines(one)
    for objective, within in looked_at:
        if not objective.budget_ratio:
            lines.append(f"{printable(objective.id)}: a target of 100 % has no budget to spend")
        elif all(one.objective is not objective for one in found):
            span = f"{short_time(within.start)} to {short_time(within.end)} UTC"
            lines.append(f"{printable(objective.id)}: nothing cost {what} from {span}")
    return "".join(f"{line}\n" for line in lines)


def render_json(
    found: Sequence[Found],
    looked_at: Sequence[tuple[Objective, Interval]],
    rule: IncidentRule,
    *,
    simulated: bool,
) -> str:
    """The incidents as a document of schema `slo.incidents/v1`."""
    document = {
        "schema": SCHEMA,
        **({"simulated": True} if simulated else {}),
        "incident_share": float(rule.least_share),
        "gap": format_duration(rule.gap_minutes * 60),
        "looked_at": [{"slo": objective.id, **interval_document(within)} for objective, within in looked_at],
        "incidents": [_document(one) for one in found],
    }
    return json.dumps(document, allow_nan=False, indent=2) + "\n"


def interval_document(interval: Interval) -> dict[str, str]:
    """The two ends as RFC 3339."""
    return {"start": format_time(datetime_of(interval.start)), "end": format_time(datetime_of(interval.end))}


def short_time(minute: int) -> str:
    """A minute for people, in UTC."""
    return f"{datetime_of(minute):%Y-%m-%d %H:%M}"


def percent(ratio: float | None) -> str:
    """A share for people, with a tenth below a hundred percent."""
    return "-" if ratio is None else f"{ratio * 100:.1f} %" if abs(ratio) < 1 else f"{ratio * 100:.0f} %"


def _cells(one: Found) -> tuple[str, ...]:
    incident = one.incident
    most = one.groups[0] if one.groups else None
    return (
        printable(one.objective.id),
        short_time(incident.interval.start),
        short_time(incident.interval.end),
        format_duration(incident.interval.minutes * 60),
        str(incident.bad_events),
        percent(incident.bad_events / incident.total_events if incident.total_events else None),
        percent(incident.consumed_ratio),
        f"{incident.outage_minutes:.1f}",
        f"{printable(_group_name(most))} ({percent(most.share_ratio)})" if most else "",
    )


def _record_lines(one: Found) -> Iterator[str]:
    if not one.recorded:
        return
    yield f"Recorded around {short_time(one.incident.interval.start)}, {printable(one.objective.id)}:"
    for entry in one.recorded[:_MOST_RECORDED]:
        gate = f" of gate {printable(entry.gate)}" if entry.gate else ""
        by = f" by {printable(entry.by)}" if entry.by else ""
        answer = f": {entry.outcome}" if entry.outcome else ""
        passed = {None: "", True: ", let through", False: ", blocked"}[entry.allowed]
        kind = f"chaos {printable(entry.chaos)}: {entry.kind}" if entry.chaos else entry.kind
        yield f"  {entry.at:%Y-%m-%d %H:%M:%S} {kind}{gate}{by}{answer}{passed}"
    if len(one.recorded) > _MOST_RECORDED:
        yield f"  and {len(one.recorded) - _MOST_RECORDED} more (-o json lists all)"


def _group_name(bill: GroupBill) -> str:
    return ", ".join(value for _, value in bill.group)


def _document(one: Found) -> dict[str, Any]:
    incident = one.incident
    return {
        "slo": one.objective.id,
        **interval_document(incident.interval),
        "minutes": incident.interval.minutes,
        "bad_events": incident.bad_events,
        "total_events": incident.total_events,
        "budget_events": incident.budget_events,
        "consumed_ratio": incident.consumed_ratio,
        "outage_minutes": incident.outage_minutes,
        "groups": [
            {
                "slo": group_id(one.objective.id, bill.group),
                "bad_events": bill.bad_events,
                "total_events": bill.total_events,
                "share_ratio": bill.share_ratio,
            }
            for bill in one.groups
        ],
        "recorded": [
            {
                "at": format_time(entry.at),
                "kind": entry.kind,
                "gate": entry.gate,
                "slo": entry.slo,
                "decision": entry.outcome,
                "allowed": entry.allowed,
                "by": entry.by,
                **({"chaos": entry.chaos} if entry.chaos else {}),
            }
            for entry in one.recorded
        ],
    }

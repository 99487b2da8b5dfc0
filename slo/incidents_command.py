"""The command `incidents`: what burned the budget, dearest first, and who was hit."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING

from slo.chaos_calls import chaos_told
from slo.commands import DONE, SOURCE_FAILED, Result, chosen_files
from slo.errors import UsageError
from slo.gate import concerns
from slo.history import Histories, read_histories
from slo.incident import IncidentRule, bill_by_group, find_incidents
from slo.objective import Objective
from slo.render.incidents import Found, Recorded, render_json, render_table
from slo.settings import load_settings
from slo.units import parse_duration, parse_ratio
from slo.window import Interval, datetime_of

if TYPE_CHECKING:
    from slo.record import RecordEntry

_BEFORE_MINUTES = 60


def incidents(arguments: Namespace) -> Result:
    """The incidents of every objective; those whose data could not be had make the exit code 3."""
    rule = incident_rule(arguments)
    histories = read_histories(arguments, begin=arguments.begin, end=arguments.end)
    with _recorded(arguments) as around:
        found = _found(histories, rule, around)
    looked_at = [(one.objective, one.within) for one in histories.found]
    render = render_json if arguments.output == "json" else render_table
    text = render(found, looked_at, rule, simulated=histories.simulated)
    return Result(text, SOURCE_FAILED if histories.failures else DONE, histories.failures)


Around = Callable[[Objective, Interval], tuple[Recorded, ...]]
"""What the record of decisions tells of the time of an incident of an objective."""


def _found(histories: Histories, rule: IncidentRule, around: Around) -> list[Found]:
    """Every incident of every objective, dearest first."""
    found = [
        Found(
            objective=one.objective,
            incident=incident,
            groups=bill_by_group(incident, one.groups),
            recorded=around(one.objective, incident.interval),
        )
        for one in histories.found
        for incident in find_incidents(
            one.events, one.objective.budget_ratio, one.objective.window, one.within, rule=rule
        )
    ]
    found.sort(key=lambda one: (-one.incident.consumed_ratio, one.incident.interval.start, one.objective.id))
    return found


@contextmanager
def _recorded(arguments: Namespace) -> Iterator[Around]:
    """Verdicts on the objective, and what the gates that name it decided, whom they answered, who overrode them: from
    an hour before, as what began it came before it. Oldest first; nothing without `--record`."""
    if arguments.record is None:
        yield lambda objective, interval: ()
        return
    from slo.record import MOST_ENTRIES, Record
    from slo.spec import load_files

    gates = load_files(chosen_files(arguments.files, load_settings(os.environ, arguments.settings))).gates
    with Record(arguments.record) as record:

        def around(objective: Objective, interval: Interval) -> tuple[Recorded, ...]:
            names = {gate.name for gate in gates if concerns(gate, objective.id, objective.labels)}
            since, until = datetime_of(interval.start - _BEFORE_MINUTES), datetime_of(interval.end)
            entries = record.query(since=since, until=until, limit=MOST_ENTRIES)
            return tuple(
                _entry(entry)
                for entry in reversed(entries)
                if (entry.slo.partition("{")[0] == objective.id if entry.slo else entry.gate in names)
            )

        yield around


def _entry(entry: RecordEntry) -> Recorded:
    return Recorded(
        at=entry.at,
        kind=entry.kind.value,
        gate=entry.gate,
        slo=entry.slo,
        outcome=entry.outcome.value if entry.outcome else None,
        allowed=entry.allowed,
        by=entry.by,
        chaos=chaos_told(entry.details.get("body", "")),
    )


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"incidents": incidents}


def incident_rule(arguments: Namespace) -> IncidentRule:
    """What `--incident-share` and `--gap` say. Raises UsageError with what to write instead."""
    try:
        share = Fraction(parse_ratio(arguments.incident_share))
    except ValueError as error:
        raise UsageError(f"--incident-share: {error}") from None
    try:
        seconds = parse_duration(arguments.gap)
    except ValueError as error:
        raise UsageError(f"--gap: {error}") from None
    if not 0 < share <= 1:
        raise UsageError("--incident-share is over 0 and at most 100%, such as 2%")
    if seconds < 60 or seconds % 60:
        raise UsageError("--gap is a number of whole minutes, such as 30m")
    return IncidentRule(least_share=share, gap_minutes=int(seconds) // 60)

"""The command `incidents`: what burned the budget, dearest first, and who was hit."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from fractions import Fraction

from slo.commands import DONE, SOURCE_FAILED, Result
from slo.errors import UsageError
from slo.history import read_histories
from slo.incident import IncidentRule, bill_by_group, find_incidents
from slo.render.incidents import Found, render_json, render_table
from slo.units import parse_duration, parse_ratio


def incidents(arguments: Namespace) -> Result:
    """The incidents of every objective; those whose data could not be had make the exit code 3."""
    rule = incident_rule(arguments)
    histories = read_histories(arguments, begin=arguments.begin, end=arguments.end)
    found = [
        Found(objective=one.objective, incident=incident, groups=bill_by_group(incident, one.groups))
        for one in histories.found
        for incident in find_incidents(
            one.events, one.objective.budget_ratio, one.objective.window, one.within, rule=rule
        )
    ]
    found.sort(key=lambda one: (-one.incident.consumed_ratio, one.incident.interval.start, one.objective.id))
    looked_at = [(one.objective, one.within) for one in histories.found]
    render = render_json if arguments.output == "json" else render_table
    text = render(found, looked_at, rule, simulated=histories.simulated)
    return Result(text, SOURCE_FAILED if histories.failures else DONE, histories.failures)


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

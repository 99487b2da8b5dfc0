"""Whole histories for the analysing commands: the objectives of files, with every minute of their events."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from slo.clock import parse_time, utc_now
from slo.commands import chosen_files, chosen_objectives, progress_bar
from slo.correction import Correction
from slo.errors import SourceError, UsageError
from slo.events import EventSeries
from slo.objective import Group, Objective
from slo.opening import DataChoice, choose_data, opened
from slo.report import needed_interval
from slo.settings import load_settings
from slo.time_slices import to_slices
from slo.window import Interval, minute_of

_YEAR_AND_A_MONTH = 396 * 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One objective over the part of the asked time in which it was seen.

    groups: the events as a whole under `()`, then each group; from before `within` on, where windows look back;
    time slices where the objective has them. corrections: of the ledger; nothing is left out of the events.
    """

    objective: Objective
    groups: Mapping[Group, EventSeries]
    corrections: tuple[Correction, ...]
    within: Interval

    @property
    def events(self) -> EventSeries:
        """The objective as a whole."""
        return self.groups[()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histories:
    """What could be had, and a line for each objective that could not."""

    found: tuple[History, ...]
    failures: tuple[str, ...]
    simulated: bool


def read_histories(
    arguments: Namespace,
    *,
    begin: str | None = None,
    end: str | None = None,
    is_wanted: Callable[[Objective], bool] = lambda objective: True,
) -> Histories:
    """The histories that files, `--slo` and the options of data ask for.

    begin, end: as `--from` and `--to` give them. Without a beginning, all that a file or a ledger has, and one period
    from a Prometheus, which is asked for every sample. is_wanted: which of the chosen objectives are read. Raises as
    the opening of data does.
    """
    settings = load_settings(os.environ, arguments.settings)
    choice = choose_data(arguments, settings)
    begun, ended = time_of(begin, "--from"), time_of(end, "--to")
    chosen = chosen_objectives(chosen_files(arguments.files, settings), arguments.globs)
    objectives = [objective for objective in chosen if is_wanted(objective)]
    if not objectives:
        raise UsageError("the files hold no objective that is concerned")
    if ended is None and (choice.ledger is not None or choice.servers is not None):
        ended = utc_now()
    with opened(choice, objectives, ended) as (source, at), progress_bar() as progress:
        asked = [_asked(objective, choice, begun, minute_of(at)) for objective in objectives]
        read = [
            Interval(needed_interval(objective, one.start).start, one.end) if begun else one
            for objective, one in zip(objectives, asked, strict=True)
        ]
        measured = source.events(objectives, read, progress)
    found, failures = [], []
    for objective, interval in zip(objectives, asked, strict=True):
        of_one = measured.get(objective.id, SourceError("the source gave no answer for this objective"))
        if isinstance(of_one, SourceError):
            failures.append(f"{objective.id}: {of_one}")
            continue
        groups = {group: _counted(objective, events) for group, events in of_one.groups.items()}
        within = _seen(groups[()], interval)
        if within is None:
            failures.append(f"{objective.id}: there are no data of that time")
        else:
            found.append(History(objective=objective, groups=groups, corrections=of_one.corrections, within=within))
    return Histories(found=tuple(found), failures=tuple(failures), simulated=arguments.demo)


def time_of(text: str | None, option: str) -> datetime | None:
    """The time that an option gives. Raises UsageError that names the option."""
    try:
        return None if text is None else parse_time(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None


def _asked(objective: Objective, choice: DataChoice, begun: datetime | None, end: int) -> Interval:
    if begun is not None:
        start = minute_of(begun)
        if start >= end:
            raise UsageError("--from is not before --to")
        return Interval(start, end)
    if choice.servers is not None:
        return needed_interval(objective, end)
    return Interval(end - _YEAR_AND_A_MONTH, end)


def _counted(objective: Objective, events: object) -> EventSeries:
    assert isinstance(events, EventSeries), "sources of histories give every minute"
    if objective.time_slices and not events.slice_minutes:
        return to_slices(events, objective.time_slices)
    return events


def _seen(events: EventSeries, asked: Interval) -> Interval | None:
    """The part of the asked time between the first and the last minute that was seen."""
    if events.observed is None:
        return None
    within = Interval(max(asked.start, events.observed.start), min(asked.end, events.observed.end))
    return within if within.minutes > 0 else None

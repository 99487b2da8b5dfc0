"""The command `backfill`: the history of what the rules record, as a file that promtool makes blocks of."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from slo.clock import parse_time, utc_now
from slo.commands import DONE, SOURCE_FAILED, Result, chosen_files, chosen_objectives, progress_bar
from slo.errors import SourceError, UsageError
from slo.opening import DataChoice, choose_data, opened
from slo.report import needed_interval
from slo.settings import load_settings
from slo.whole_file import whole_file
from slo.window import Interval, minute_of

if TYPE_CHECKING:
    from slo.objective import Objective
    from slo.render.rules.history import Measured
    from slo.source.protocol import ReportSource

_HEAD = timedelta(hours=3)
"""A Prometheus still writes to what is younger: blocks brought in would overlap with its own."""


def backfill(arguments: Namespace) -> Result:
    """Write the file, and tell how Prometheus takes it in; nothing is written unless all objectives could be read."""
    settings = load_settings(os.environ, arguments.settings)
    choice = choose_data(arguments, settings)
    begin, end = _time(arguments.begin, "--from"), _time(arguments.end, "--to") or _usual_end(choice)
    chosen = chosen_objectives(chosen_files(arguments.files, settings), arguments.globs)
    objectives = [objective for objective in chosen if not objective.time_slices]
    left_out = [f"{one.id}: rules cannot count time slices; left out" for one in chosen if one.time_slices]
    with opened(choice, objectives, end) as (source, at):
        measured, failures = _measured(objectives, source, begin, at)
    if failures:
        return Result("", SOURCE_FAILED, (*failures, "nothing is written"))
    from slo.render.rules.history import openmetrics

    samples = 0
    with whole_file(arguments.output) as file:
        for line in openmetrics(measured, counts_only=arguments.counts):
            file.write(line.encode())
            samples += not line.startswith("#")
    if not samples:
        left_out.append("there is nothing to write: no minute of that time was seen")
    how = f"next: promtool tsdb create-blocks-from openmetrics {arguments.output} DIR, DIR being Prometheus' storage"
    return Result("", DONE, (*left_out, how))


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"backfill": backfill}


def _measured(
    objectives: Sequence[Objective], source: ReportSource, begin: datetime | None, end: datetime
) -> tuple[list[Measured], list[str]]:
    """The events behind every sample: what is written of an objective, and the longest window before it."""
    from slo.render.rules.history import Measured

    end_minute = minute_of(end)
    written = [_written(objective, begin, end_minute) for objective in objectives]
    looked_at = [
        Interval(needed_interval(one, interval.start).start, end_minute)
        for one, interval in zip(objectives, written, strict=True)
    ]
    with progress_bar() as progress:
        found = source.events(objectives, looked_at, progress)
    measured, failures = [], []
    for objective, interval in zip(objectives, written, strict=True):
        events = found.get(objective.id, SourceError("the source gave no answer for this objective"))
        if isinstance(events, SourceError):
            failures.append(f"{objective.id}: {events}")
        else:
            measured.append(Measured(objective, events.groups, interval))
    return measured, failures


def _written(objective: Objective, begin: datetime | None, end_minute: int) -> Interval:
    start = needed_interval(objective, end_minute).start if begin is None else minute_of(begin)
    if start >= end_minute:
        raise UsageError("--from is not before --to (three hours ago, unless given)")
    return Interval(start, end_minute)


def _usual_end(choice: DataChoice) -> datetime | None:
    """Three hours ago, on the hour, where data go on; a file and the simulation have an end of their own."""
    if choice.servers is None and choice.ledger is None:
        return None
    return (utc_now() - _HEAD).replace(minute=0, second=0, microsecond=0)


def _time(text: str | None, option: str) -> datetime | None:
    try:
        return None if text is None else parse_time(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None

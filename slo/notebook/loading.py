"""From objective files and a place with data to histories by id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path

import pandas as pd

from slo.clock import parse_time, utc_now
from slo.commands import chosen_objectives
from slo.errors import SourceError, UsageError
from slo.events import EventSeries
from slo.notebook.objective_history import ObjectiveHistory
from slo.objective import Objective
from slo.opening import DataChoice, opened
from slo.report import needed_interval
from slo.server_settings import check_prometheus_url
from slo.source.frame import FrameSource
from slo.source.protocol import Findings, ReportSource
from slo.source.server import Server
from slo.time_slices import to_slices
from slo.window import Interval, datetime_of, minute_of

_EVERYTHING_MINUTES = 396 * 1440
_COLUMNS = ("state", "availability_ratio", "target_ratio", "budget_remaining_ratio", "budget_remaining_minutes")


class Loaded(Mapping[str, ObjectiveHistory]):
    """The histories by id, in the order of the files; `failures` tells by id what could not be had."""

    def __init__(self, histories: Mapping[str, ObjectiveHistory], failures: Mapping[str, str]) -> None:
        self._histories = dict(histories)
        self.failures = dict(failures)

    def __getitem__(self, slo: str) -> ObjectiveHistory:
        if slo not in self._histories:
            why = self.failures.get(slo) or f"there is no such objective; there are: {', '.join(self) or 'none'}"
            raise KeyError(f"{slo}: {why}")
        return self._histories[slo]

    def __iter__(self) -> Iterator[str]:
        return iter(self._histories)

    def __len__(self) -> int:
        return len(self._histories)

    def table(self) -> pd.DataFrame:
        """The report: a row for each objective, ratios in [0, 1], minutes of total outage at average traffic."""
        rows = []
        for history in self._histories.values():
            report = history.report()
            budget = report.budget
            figures = (report.state.value, report.availability_ratio, float(report.target_ratio))
            rows.append((*figures, budget.remaining_ratio, budget.remaining_minutes))
        return pd.DataFrame(rows, columns=list(_COLUMNS), index=pd.Index(list(self), name="slo"))


def load(
    *files: str | Path,
    ledger: str | None = None,
    prometheus: str | None = None,
    data: str | Path | pd.DataFrame | None = None,
    demo: bool = False,
    at: str | datetime | None = None,
    since: str | datetime | None = None,
    slo: Sequence[str] = (),
) -> Loaded:
    """The histories of the objectives of files, from one place: a ledger, a Prometheus, events or the demo.

    data: a Parquet or CSV file of events, or a data frame with its columns.
    at: where the histories end (the newest data); since: where they begin (all that there is; one period from a
    Prometheus, which is asked for every sample). Times are aware, or RFC 3339 text. slo: ids or globs.
    Corrections of the ledger are applied. Raises UsageError, SpecError, SourceError, LedgerError.
    """
    given = {"ledger": ledger, "prometheus": prometheus, "data": data, "demo": demo or None}
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) != 1:
        raise UsageError(f"where are the data? give one of ledger, prometheus, data and demo=True, not {chosen}")
    servers = {"": Server(urls=(check_prometheus_url(prometheus, "prometheus"),))} if prometheus else None
    objectives = chosen_objectives(tuple(Path(file) for file in files), slo)
    # A ledger that is asked for the present answers from sums; told a time, it gives every minute.
    ended = _time(at) or (utc_now() if ledger is not None else None)
    place: AbstractContextManager[tuple[ReportSource, datetime]]
    if isinstance(data, pd.DataFrame):
        table = FrameSource(data)
        place = nullcontext((table, ended or table.end))
    else:
        choice = DataChoice(servers=servers, ledger=ledger, data=None if data is None else Path(data))
        place = opened(choice, objectives, ended)
    with place as (source, evaluated_at):
        end = minute_of(evaluated_at)
        intervals = [_wanted(one, _time(since), end, is_dear=servers is not None) for one in objectives]
        measured = source.events(objectives, intervals, lambda share: None)
    histories, failures = {}, {}
    for one, interval in zip(objectives, intervals, strict=True):
        found = measured.get(one.id, SourceError("the source gave no answer for this objective"))
        if isinstance(found, SourceError):
            failures[one.id] = str(found)
        else:
            histories[one.id] = _history(one, found, interval)
    return Loaded(histories, failures)


def _time(given: str | datetime | None) -> datetime | None:
    return parse_time(given) if isinstance(given, str) else given


def _wanted(objective: Objective, since: datetime | None, end: int, *, is_dear: bool) -> Interval:
    needed = needed_interval(objective, end)
    if since is not None:
        return Interval(min(needed_interval(objective, minute_of(since)).start, needed.start), end)
    return needed if is_dear else Interval(min(end - _EVERYTHING_MINUTES, needed.start), end)


def _history(objective: Objective, found: Findings, interval: Interval) -> ObjectiveHistory:
    groups = {}
    for group, events in found.groups.items():
        assert isinstance(events, EventSeries), "sources of histories give every minute"
        sliced = objective.time_slices if not events.slice_minutes else None
        groups[group] = to_slices(events, sliced) if sliced else events
    corrections = tuple(one for one in found.corrections if one.concerns(objective))
    return ObjectiveHistory(objective, groups, corrections, found.reasons, datetime_of(interval.end))

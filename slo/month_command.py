"""The command `month`: a calendar month for those who promised it, as Markdown or as a page that prints."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from slo.clock import format_time, utc_now
from slo.commands import DONE, SOURCE_FAILED, Result
from slo.errors import UsageError
from slo.history import Histories, History, read_histories
from slo.incidents_command import incident_rule
from slo.monthly import Month, MonthOfObjective, month_of
from slo.render.month import MonthReport, Recorded, render_html, render_markdown
from slo.render.plotting import require_matplotlib
from slo.whole_file import whole_file
from slo.window import CalendarWindow, datetime_of, minute_of

if TYPE_CHECKING:
    from slo.record import RecordEntry

_MOST_BEFORE = 24
_MOST_RECORDED = 200


def month(arguments: Namespace) -> Result:
    """The report, on standard output or in a folder; objectives without data make the exit code 3."""
    if arguments.format not in ("markdown", "html"):
        raise UsageError(f"--format: {arguments.format[:60]!r} is none of markdown, html")
    if not 0 <= arguments.months_before <= _MOST_BEFORE:
        raise UsageError(f"--before is a number of months from 0 to {_MOST_BEFORE}")
    zone = _checked_zone(arguments.time_zone)
    chosen = Month.parse(arguments.month) if arguments.month else _last_month(zone)
    draws = arguments.format == "html" or arguments.output is not None
    if draws:
        require_matplotlib("the plots of the monthly report")
    histories = _histories(arguments, chosen)
    found = [one for each in histories.found if (one := _month(each, chosen, zone, arguments)) is not None]
    missing = [f"{one.objective.id}: there are no data of {chosen}" for one in histories.found if not _has(one, found)]
    report = MonthReport(
        month=chosen,
        objectives=tuple(found),
        simulated=histories.simulated,
        recorded=_recorded(arguments, found),
        rule=incident_rule(arguments),
    )
    failures = (*histories.failures, *missing)
    if not found:
        return Result("", SOURCE_FAILED, failures)
    return Result(_delivered(report, arguments, draws=draws), SOURCE_FAILED if failures else DONE, failures)


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"month": month}


def _checked_zone(name: str | None) -> str | None:
    try:
        if name is not None:
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"--time-zone: {name!r} is no time zone; write one such as Europe/Paris") from None
    return name


def _last_month(zone: str | None) -> Month:
    """The last one that is over."""
    today = utc_now().astimezone(ZoneInfo(zone or "UTC"))
    return Month(today.year, today.month).before()


def _histories(arguments: Namespace, chosen: Month) -> Histories:
    """From the first month that is told of to the end of this one, whatever the zones, or until now."""
    day = 1440
    begin = chosen.before(arguments.months_before).interval("UTC").start - day
    end = chosen.interval("UTC").end + day
    if arguments.data is None and not arguments.demo:
        end = min(end, minute_of(utc_now()))
    if end <= begin + day:
        raise UsageError(f"the month {chosen} has not begun")
    begun, ended = (format_time(datetime_of(minute)) for minute in (begin, end))
    return read_histories(arguments, begin=begun, end=ended)


def _month(history: History, chosen: Month, zone: str | None, arguments: Namespace) -> MonthOfObjective | None:
    window = history.objective.window
    own = window.time_zone if isinstance(window, CalendarWindow) else "UTC"
    is_file = arguments.data is not None or arguments.demo
    return month_of(
        history.objective,
        history.groups,
        history.corrections,
        chosen,
        time_zone=zone or own,
        end_minute=history.within.end if is_file else minute_of(utc_now()),
        months_before=arguments.months_before,
        rule=incident_rule(arguments),
    )


def _has(history: History, found: Sequence[MonthOfObjective]) -> bool:
    return any(one.objective.id == history.objective.id for one in found)


def _recorded(arguments: Namespace, found: Sequence[MonthOfObjective]) -> tuple[Recorded, ...]:
    """What gates began to answer in the month, and who opened one, newest first; nothing without `--record`."""
    if arguments.record is None or not found:
        return ()
    from slo.record import Kind, Record

    with Record(arguments.record) as record:
        entries = record.query(
            kinds=[Kind.DECISION, Kind.OVERRIDE],
            since=datetime_of(min(one.report.window.start for one in found)),
            until=datetime_of(max(one.report.window.end for one in found)),
            limit=_MOST_RECORDED,
        )
    return tuple(_entry(one) for one in entries)


def _entry(entry: RecordEntry) -> Recorded:
    if entry.until is not None:
        what = f"opened by {entry.by} until {format_time(entry.until)}"
        return Recorded(at=entry.at, gate=entry.gate, what=what, why=str(entry.details["reason"]))
    what = f"began to answer {entry.outcome.value}" if entry.outcome else "answered"
    reasons = entry.details["reasons"]
    return Recorded(at=entry.at, gate=entry.gate, what=what, why=str(reasons[0]["message"]) if reasons else "")


def _delivered(report: MonthReport, arguments: Namespace, *, draws: bool) -> str:
    """The report itself, or where it was written."""
    images = [_drawn(one) for one in report.objectives] if draws else []
    if arguments.format == "html":
        page = render_html(report, images)
        return page if arguments.output is None else _written(arguments.output, f"{report.month}.html", page, {})
    if arguments.output is None:
        return render_markdown(report, [])
    names = [(f"{report.month}-{n}-budget.png", f"{report.month}-{n}-errors.png") for n, _ in enumerate(images, 1)]
    files = {name: image for pair in zip(names, images, strict=True) for name, image in zip(*pair, strict=True)}
    return _written(arguments.output, f"{report.month}.md", render_markdown(report, names), files)


def _written(folder: Path, name: str, text: str, images: Mapping[str, bytes]) -> str:
    """Writes the images, then the report that names them, and says where."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made: {error.strerror or error}") from None
    for each, content in (*images.items(), (name, text.encode())):
        with whole_file(folder / each) as file:
            file.write(content)
    return f"{folder / name}\n"


def _drawn(one: MonthOfObjective) -> tuple[bytes, bytes]:
    """How the budget was spent, and the errors, as PNG."""
    from slo.notebook import ObjectiveHistory, plots

    history = ObjectiveHistory(one.objective, one.groups, (), (), datetime_of(one.report.window.end))
    start = datetime_of(max(one.report.window.start, history.within.start))
    errors = plots.error_ratio(history, zone=one.time_zone, start=start, end=datetime_of(history.within.end))
    return plots.png(plots.burn_down(history, zone=one.time_zone)), plots.png(errors)

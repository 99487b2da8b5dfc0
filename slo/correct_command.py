"""The verbs of `slo correct`: times that do not count, tried out before they are stored, and never forgotten."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from slo.clock import parse_time, utc_now
from slo.commands import Result, chosen_files, chosen_objectives
from slo.correction import Category, Correction, check
from slo.errors import UsageError
from slo.ledger_commands import ledger_dsn
from slo.recurrence import Recurrence
from slo.render.corrections import correction_lines, entries_json, entry_lines, in_force_json, trial_lines
from slo.render.silences import silences_json
from slo.settings import check_duration, load_settings
from slo.user_name import user_name
from slo.window import Interval, minute_of

if TYPE_CHECKING:
    from slo.ledger.store import Ledger
    from slo.objective import Objective
    from slo.report import ObjectiveReport


def add(arguments: Namespace) -> Result:
    """What every report would say with the correction; with --yes, the correction in force."""
    from slo.ledger import corrections

    settings = load_settings(os.environ, arguments.settings)
    drafted = _drafted(arguments)
    check(drafted, at_minute=minute_of(drafted.made_at), is_planned=arguments.planned)
    objectives = chosen_objectives(chosen_files(arguments.files, settings), arguments.globs)
    dsn = ledger_dsn(arguments, settings)
    lines = trial_lines(_tried(dsn, objectives, drafted))
    if not arguments.yes:
        return Result("".join(lines), errors=("nothing was stored: this was a trial; add --yes to store it",))
    with _ledger(arguments) as ledger:
        made = corrections.make(ledger, drafted)
    return Result("".join([*lines, f"correction {made.id} is in force\n"]))


def list_(arguments: Namespace) -> Result:
    """Those in force, oldest first."""
    from slo.ledger.corrections import corrections_in_force

    with _ledger(arguments) as ledger:
        found = corrections_in_force(ledger)
    return Result(in_force_json(found) if arguments.output == "json" else "".join(correction_lines(found)))


def withdraw(arguments: Namespace) -> Result:
    """Let events count again."""
    from slo.ledger import corrections

    if not arguments.id.isdecimal():
        raise UsageError(f"{arguments.id[:60]!r} is not the number of a correction; `slo correct list` shows them")
    with _ledger(arguments) as ledger:
        corrections.withdraw(
            ledger, int(arguments.id), author=_author(arguments), reason=arguments.reason, at=utc_now()
        )
    return Result(f"correction {arguments.id} is withdrawn\n")


def history(arguments: Namespace) -> Result:
    """Every entry, oldest first."""
    from slo.ledger.corrections import all_entries

    with _ledger(arguments) as ledger:
        found = all_entries(ledger)
    return Result(entries_json(found) if arguments.output == "json" else "".join(entry_lines(found)))


def silences(arguments: Namespace) -> Result:
    """What `amtool silence import` and Alertmanager's API take."""
    from slo.ledger.corrections import corrections_in_force

    horizon = int(check_duration(arguments.horizon, "--horizon") // 60)
    now = minute_of(utc_now())
    with _ledger(arguments) as ledger:
        found = corrections_in_force(ledger)
    return Result(silences_json(found, Interval(now, now + max(horizon, 1))))


def _drafted(arguments: Namespace) -> Correction:
    if arguments.category not in {one.value for one in Category}:
        raise UsageError(
            f"--category: {arguments.category[:60]!r} is none of {', '.join(one.value for one in Category)}"
        )
    if not arguments.globs:
        raise UsageError("which objectives? give --slo GLOB; '*' corrects all of them")
    return Correction(
        id=0,
        slos=tuple(arguments.globs),
        when=_when(arguments),
        category=Category(arguments.category),
        reason=arguments.reason,
        author=_author(arguments),
        made_at=utc_now(),
    )


def _when(arguments: Namespace) -> Interval | Recurrence:
    begin = _whole_minute(arguments.begin, "--from")
    if (arguments.end is None) == (arguments.duration is None):
        raise UsageError("where does it end? give either --to TIME or --for DURATION")
    if arguments.end is not None:
        minutes = minute_of(_whole_minute(arguments.end, "--to")) - minute_of(begin)
    else:
        minutes = int(check_duration(arguments.duration, "--for") // 60)
    start = minute_of(begin)
    if arguments.rule is None:
        return Interval(start, start + minutes)
    from slo.spec.values import as_zone

    try:
        zone = as_zone(arguments.time_zone)
        return Recurrence(rule=arguments.rule, start=begin, duration_minutes=minutes, time_zone=zone)
    except ValueError as error:
        raise UsageError(f"--rule: {error}") from None


def _whole_minute(text: str, flag: str) -> datetime:
    try:
        at = parse_time(text)
    except UsageError as error:
        raise UsageError(f"{flag}: {error}") from None
    if at.second or at.microsecond:
        raise UsageError(f"{flag}: {text.strip()!r} is within a minute; corrections begin and end at whole minutes")
    return at


def _author(arguments: Namespace) -> str:
    return user_name() if arguments.author is None else str(arguments.author)


def _tried(
    dsn: str, objectives: Sequence[Objective], drafted: Correction
) -> list[tuple[ObjectiveReport, ObjectiveReport]]:
    """The report on each objective without and with the correction, by the newest data."""
    from slo.opening import DataChoice, opened
    from slo.report import evaluate, needed_interval

    with opened(DataChoice(ledger=dsn), objectives, None) as (source, at):
        intervals = [needed_interval(one, minute_of(at)) for one in objectives]
        measured = source.events(objectives, intervals, lambda share: None)
        pairs = []
        for one in objectives:
            found = measured[one.id]
            if isinstance(found, Exception):
                raise found
            before, after = (
                evaluate(one, found.groups[()], at=at, corrections=corrections)
                for corrections in (found.corrections, (*found.corrections, drafted))
            )
            pairs.append((before, after))
        return pairs


@contextmanager
def _ledger(arguments: Namespace) -> Iterator[Ledger]:
    from slo.ledger.store import Ledger

    with Ledger(ledger_dsn(arguments, load_settings(os.environ, arguments.settings))) as ledger:
        yield ledger


_VERBS: dict[str, Callable[[Namespace], Result]] = {
    "add": add,
    "list": list_,
    "withdraw": withdraw,
    "history": history,
    "silences": silences,
}


def _verb(arguments: Namespace) -> Result:
    return _VERBS[arguments.verb](arguments)


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"correct": _verb}

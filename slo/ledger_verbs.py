"""The verbs of `slo ledger`: looking into a ledger and looking after it."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from slo.clock import parse_time, utc_now
from slo.commands import DONE, SOURCE_FAILED, Result, chosen_files, chosen_objectives, progress_bar
from slo.errors import LedgerError, UsageError
from slo.ledger_commands import ledger_dsn
from slo.opening import servers_of, source_of, timeout_of
from slo.render.text import printable
from slo.settings import Settings, check_duration, load_settings
from slo.window import Interval, minute_of

if TYPE_CHECKING:
    from slo.ledger.prune import Removal
    from slo.ledger.recount import Recounted
    from slo.ledger.store import Ledger
    from slo.objective import Objective
    from slo.source.protocol import Source

BLOCKED = 1
_MAX_IDS_LISTED = 20


def status(arguments: Namespace) -> Result:
    """What is counted of each objective."""
    from slo.ledger.status import look
    from slo.ledger_views import status_json, status_table

    with _ledger(arguments) as (ledger, _):
        found = look(ledger, arguments.globs, minute_of(utc_now()))
    return Result(status_json(found) if arguments.output == "json" else status_table(found))


def export(arguments: Namespace) -> Result:
    """Every minute as a row of a file."""
    from slo.ledger.exchange import EVER, exported
    from slo.ledger.exchange_write import write_rows

    begin, end = _minute(arguments.begin, "--from"), _minute(arguments.end, "--to")
    interval = Interval(EVER.start if begin is None else begin, EVER.end if end is None else end)
    with _ledger(arguments) as (ledger, _):
        rows = write_rows(arguments.data, exported(ledger, arguments.globs, interval))
    return Result(f"wrote {_count(rows, 'row')} to {printable(str(arguments.data))}\n")


def import_(arguments: Namespace) -> Result:
    """The rows of a file, all of them or none; a ledger that is not there is made."""
    from slo.ledger.exchange_read import read_rows
    from slo.ledger.importing import take_in

    with _ledger(arguments, create=True) as (ledger, _), _sole_writer(ledger):
        done = take_in(ledger, read_rows(arguments.data), replace=arguments.replace)
    return Result(f"imported {_count(done.rows, 'row')} of {_count(done.objectives, 'objective')}\n")


def verify(arguments: Namespace) -> Result:
    """Counted beside recounted; exit code 1 where they differ by more than an event."""
    from slo.ledger.verifying import final_interval, verify
    from slo.ledger_views import verify_table

    with _ledger(arguments) as (ledger, settings), progress_bar() as progress:
        objectives = chosen_objectives(chosen_files(arguments.files, settings), arguments.globs)
        begin, end = _minute(arguments.begin, "--from"), _minute(arguments.end, "--to")
        interval = final_interval(ledger, objectives, begin, end)
        found, failures = verify(ledger, _source(arguments, settings, objectives), objectives, interval, progress)
    lines = tuple(f"{slo}: {error}" for slo, error in failures.items())
    code = SOURCE_FAILED if failures else BLOCKED if any(one.differs for one in found) else DONE
    return Result(verify_table(found, interval) if found else "", code, lines)


def recount(arguments: Namespace) -> Result:
    """By today's indicators, as far back as the source reaches."""
    from slo.ledger.recount import recount

    with _ledger(arguments) as (ledger, settings), _sole_writer(ledger), progress_bar() as progress:
        objectives = chosen_objectives(chosen_files(arguments.files, settings), arguments.globs)
        found = list(
            recount(
                ledger,
                _source(arguments, settings, objectives),
                objectives,
                earliest=minute_of(utc_now()) - settings.retention_minutes,
                since=_minute(arguments.begin, "--from"),
                progress=progress,
            )
        )
    lines = tuple(f"{one.slo}: {one.failure}" for one in found if one.failure)
    text = "".join(f"{_recounted(one)}\n" for one in found if not one.failure)
    return Result(text, SOURCE_FAILED if lines else DONE, lines)


def prune(arguments: Namespace) -> Result:
    """Objectives in no file, or minutes older than a duration."""
    from slo.ledger.prune import compact, remove

    with _ledger(arguments) as (ledger, settings):
        find = _finder(arguments, settings)
        if arguments.dry_run:
            return Result(_removal(find(ledger), "would remove"))
        with _sole_writer(ledger):
            removal = find(ledger)
            remove(ledger, removal)
            try:
                freed = compact(ledger)
            except LedgerError as error:
                kept = f"the space stays with the ledger's file, for what will be counted: {error}"
                return Result(_removal(removal, "removed"), errors=(kept,))
    return Result(_removal(removal, "removed") + ("gave the space back to the disk\n" if freed else ""))


def _finder(arguments: Namespace, settings: Settings) -> Callable[[Ledger], Removal]:
    """What to look for: minutes that are old, or objectives that are in none of the files."""
    from slo.ledger.prune import gone, old

    if not arguments.older_than:
        kept = {one.id for one in chosen_objectives(chosen_files(arguments.files, settings), ())}
        return lambda ledger: gone(ledger, kept)
    if arguments.files:
        raise UsageError("--older-than is for all objectives: give it without FILE")
    before = minute_of(utc_now()) - int(check_duration(arguments.older_than, "--older-than") // 60)
    return lambda ledger: old(ledger, before)


def _removal(removal: Removal, verb: str) -> str:
    if not removal.slos:
        return "nothing to remove\n"
    more = len(removal.slos) - _MAX_IDS_LISTED
    names = ", ".join(map(printable, removal.slos[:_MAX_IDS_LISTED])) + (f" and {more} more" if more > 0 else "")
    size = f"{_count(removal.minutes, 'minute')} in {_count(removal.blocks, 'block')}"
    if removal.before is None:
        return f"{verb} {_count(len(removal.slos), 'objective')} ({size}): {names}\n"
    from slo.ledger_views import time

    return f"{verb} what is before {time(removal.before)} ({size}) of {names}\n"


def _recounted(one: Recounted) -> str:
    from slo.ledger_views import time

    if one.interval is None:
        return f"{printable(one.slo)}: nothing recounted: {one.reason}"
    return f"{printable(one.slo)}: recounted from {time(one.interval.start)} to {time(one.interval.end)}"


@contextmanager
def _ledger(arguments: Namespace, *, create: bool = False) -> Iterator[tuple[Ledger, Settings]]:
    from slo.ledger.store import Ledger

    settings = load_settings(os.environ, arguments.settings)
    with Ledger(ledger_dsn(arguments, settings), create=create) as ledger:
        yield ledger, settings


@contextmanager
def _sole_writer(ledger: Ledger) -> Iterator[None]:
    from slo.ledger.lease import Lease

    with Lease(ledger) as lease:
        if not lease.acquire():
            raise LedgerError(f"{ledger.name} is being written by a collector or another command; stop that first")
        yield


def _source(arguments: Namespace, settings: Settings, objectives: Sequence[Objective]) -> Source:
    servers = servers_of(arguments, settings)
    if not servers:
        raise UsageError("nothing to count from: give --prometheus URL (or SLO_PROMETHEUS_URL)")
    return source_of(servers, objectives, timeout_of(arguments, settings))


def _minute(text: str | None, flag: str) -> int | None:
    try:
        return None if text is None else minute_of(parse_time(text))
    except UsageError as error:
        raise UsageError(f"{flag}: {error}") from None


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


_VERBS: dict[str, Callable[[Namespace], Result]] = {
    "status": status,
    "export": export,
    "import": import_,
    "verify": verify,
    "recount": recount,
    "prune": prune,
}


def _verb(arguments: Namespace) -> Result:
    return _VERBS[arguments.verb](arguments)


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"ledger": _verb}

"""The commands on the record of decisions: `slo decisions` looks into it, `slo override` opens a gate and closes it."""

from __future__ import annotations

import asyncio
import os
from argparse import Namespace
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from slo.clock import format_time, parse_time, utc_now
from slo.commands import Result
from slo.errors import UsageError
from slo.record_options import KINDS
from slo.render.text import printable
from slo.settings import Settings, check_duration, load_settings
from slo.units import format_duration
from slo.user_name import user_name


def record_dsn(flag: str | None, settings: Settings, ledger: str | None) -> str:
    """The record of the flag or the settings, else the file beside an SQLite ledger."""
    if chosen := flag or settings.record:
        return str(chosen)
    if ledger is None or "://" in ledger.removeprefix("sqlite:///"):
        raise UsageError(
            "which record? give --record slo-record.db or --record postgresql://user@host/name (or SLO_RECORD)"
        )
    beside = Path(ledger.removeprefix("sqlite:///"))
    return str(beside.with_name(f"{beside.stem}-record.db"))


def decisions(arguments: Namespace) -> Result:
    """Entries of the record, newest first."""
    from slo.record import MOST_ENTRIES, Kind, Record
    from slo.record_views import entries_json, entries_table

    for kind in arguments.kinds:
        if kind not in KINDS:
            raise UsageError(f"--kind: {kind[:60]!r} is none of {', '.join(KINDS)}")
    if not 1 <= arguments.limit <= MOST_ENTRIES:
        raise UsageError(f"--limit: {arguments.limit} is not a number of entries from 1 to {MOST_ENTRIES}")
    with Record(_dsn(arguments)) as record:
        found = record.query(
            gate=arguments.gate,
            slo=arguments.slo,
            kinds=[Kind(kind) for kind in arguments.kinds],
            since=_time(arguments.since, "--since"),
            until=_time(arguments.until, "--until"),
            limit=arguments.limit,
            before=arguments.before,
        )
    further = found[-1].id if len(found) == arguments.limit else None
    return Result(entries_json(found, further) if arguments.output == "json" else entries_table(found, further))


def override(arguments: Namespace) -> Result:
    """Open a gate for a time, end that, or list what is in force."""
    if arguments.revoke is not None:
        return _revoke(arguments)
    if arguments.gate is None:
        return _list(arguments)
    from slo.record import Kind, Record

    settings = load_settings(os.environ, arguments.settings)
    until = _end(arguments)
    longest = settings.service.max_override_seconds
    if (until - utc_now()).total_seconds() > longest:
        raise UsageError(f"an override may last {format_duration(int(longest))} at most (SLO_MAX_OVERRIDE)")
    with Record(_dsn(arguments)) as record:
        made = asyncio.run(
            record.override(
                gate=arguments.gate, slos=arguments.slos, by=_who(arguments), reason=arguments.reason, until=until
            )
        )
        is_known = bool(record.query(gate=arguments.gate, kinds=[Kind.DECISION], limit=1))
    text = f"override {made.id}: gate {printable(made.gate)} is open until {format_time(made.until)}\n"
    notice = f"no decision of a gate {made.gate!r} is recorded; is that its name? see `slo override --revoke`"
    return Result(text, errors=() if is_known else (notice,))


def _revoke(arguments: Namespace) -> Result:
    from slo.record import Record

    if arguments.gate is not None:
        raise UsageError("--revoke takes the number of an override, and no GATE")
    with Record(_dsn(arguments)) as record:
        ended = asyncio.run(record.revoke(arguments.revoke, by=_who(arguments), reason=arguments.reason))
    return Result(f"override {ended.id} of gate {printable(ended.gate)} is ended\n")


def _list(arguments: Namespace) -> Result:
    from slo.record import Record
    from slo.record_views import overrides_json, overrides_table

    if arguments.reason or arguments.duration or arguments.until:
        raise UsageError("which gate is to be opened? write its name: slo override GATE --for 2h --reason TEXT")
    with Record(_dsn(arguments)) as record:
        found = record.overrides(utc_now())
    return Result(overrides_json(found) if arguments.output == "json" else overrides_table(found))


def _dsn(arguments: Namespace) -> str:
    settings = load_settings(os.environ, arguments.settings)
    return record_dsn(arguments.record, settings, settings.ledger)


def _who(arguments: Namespace) -> str:
    return user_name() if arguments.by is None else str(arguments.by)


def _end(arguments: Namespace) -> datetime:
    if (arguments.until is None) == (arguments.duration is None):
        raise UsageError("until when? give either --for DURATION or --until TIME")
    if arguments.duration is not None:
        return _from_now(arguments.duration, "--for", 1)
    return _at(arguments.until, "--until")


def _time(text: str | None, flag: str) -> datetime | None:
    """A time, or so long ago."""
    if text is None:
        return None
    if text[:1].isdecimal() and "-" not in text:
        return _from_now(text, flag, -1)
    return _at(text, flag)


def _from_now(duration: str, flag: str, sign: int) -> datetime:
    try:
        return utc_now() + sign * timedelta(seconds=check_duration(duration, flag))
    except OverflowError:
        raise UsageError(f"{flag}: {duration} is longer than time is counted") from None


def _at(text: str, flag: str) -> datetime:
    try:
        return parse_time(text)
    except UsageError as error:
        raise UsageError(f"{flag}: {error}") from None


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"decisions": decisions, "override": override}

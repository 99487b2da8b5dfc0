"""Corrections as the ledger keeps them: entries that are only ever added, withdrawals among them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import select

from slo.clock import format_time, parse_time
from slo.correction import Category, Correction, CorrectionEntry
from slo.errors import UsageError
from slo.ledger.schema import CORRECTION
from slo.ledger.store import Ledger
from slo.recurrence import Recurrence
from slo.window import Interval


def make(ledger: Ledger, correction: Correction) -> Correction:
    """Keep a correction, which takes effect with the next evaluation; given back with its id."""
    values = _row(correction.made_at, correction.author, correction.reason)
    data = orjson.dumps(
        {"slos": correction.slos, "category": correction.category.value, **_when_document(correction.when)}
    ).decode()
    return replace(correction, id=_add(ledger, values | {"data": data}))


def withdraw(ledger: Ledger, id_: int, *, author: str, reason: str, at: datetime) -> Correction:
    """Let the events of a correction count again; the entry stays. Raises UsageError for one that is not in force."""
    found = next((one for one in corrections_in_force(ledger) if one.id == id_), None)
    if found is None:
        raise UsageError(f"no correction {id_} is in force; `slo correct list` shows those that are")
    if not reason.strip() or not author.strip():
        raise UsageError("a withdrawal needs a reason and an author: figures change by it")
    _add(ledger, _row(at, author, reason) | {"withdraws": id_, "data": "{}"})
    return found


def corrections_in_force(ledger: Ledger) -> tuple[Correction, ...]:
    """Every correction that was not withdrawn, in the order in which they were made."""
    entries = all_entries(ledger)
    withdrawn = {one.withdraws for one in entries}
    return tuple(one.made for one in entries if one.made is not None and one.id not in withdrawn)


def all_entries(ledger: Ledger) -> list[CorrectionEntry]:
    """The whole history, oldest first."""
    return [_entry(row) for row in ledger.rows(select(CORRECTION).order_by(CORRECTION.c.id))]


def _add(ledger: Ledger, values: dict[str, Any]) -> int:
    with ledger.transaction() as connection:
        key = connection.execute(CORRECTION.insert().values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def _row(at: datetime, author: str, reason: str) -> dict[str, Any]:
    return {"at": int(at.timestamp()), "author": author, "reason": reason}


def _entry(row: Any) -> CorrectionEntry:
    at = datetime.fromtimestamp(row.at, UTC)
    common: dict[str, Any] = {"id": row.id, "author": row.author, "reason": row.reason}
    if row.withdraws is not None:
        return CorrectionEntry(**common, at=at, withdraws=row.withdraws)
    document = orjson.loads(row.data)
    made = Correction(
        **common,
        slos=tuple(document["slos"]),
        when=_when(document),
        category=Category(document["category"]),
        made_at=at,
    )
    return CorrectionEntry(**common, at=at, made=made)


def _when_document(when: Interval | Recurrence) -> dict[str, Any]:
    if isinstance(when, Interval):
        return {"start_minute": when.start, "end_minute": when.end}
    return {
        "rule": when.rule,
        "start": format_time(when.start),
        "duration_minutes": when.duration_minutes,
        "time_zone": when.time_zone,
    }


def _when(document: dict[str, Any]) -> Interval | Recurrence:
    if "rule" not in document:
        return Interval(document["start_minute"], document["end_minute"])
    return Recurrence(
        rule=document["rule"],
        start=parse_time(document["start"]),
        duration_minutes=document["duration_minutes"],
        time_zone=document["time_zone"],
    )

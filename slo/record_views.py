"""What `slo decisions` and `slo override` show: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from slo.clock import format_time
from slo.decision import Override
from slo.ledger_views import columns
from slo.record import Kind, RecordEntry
from slo.render.text import printable

SCHEMA = "slo.record/v1"
_TITLES = ("number", "time", "kind", "gate", "objective", "decision", "by", "why")
_LONGEST_WHY = 100


def entries_json(entries: Sequence[RecordEntry], further: int | None) -> str:
    """As GET /decisions answers; next_before: where the next page begins."""
    documents = [entry.document() for entry in entries]
    return _json({"schema": SCHEMA, "decisions": documents, "next_before": further})


def entries_table(entries: Sequence[RecordEntry], further: int | None) -> str:
    """One line for each entry, newest first."""
    if not entries:
        return "nothing of this is recorded\n"
    lines = columns([_TITLES, *(_cells(entry) for entry in entries)], right={0})
    if further is not None:
        lines.append(f"Older ones: --before {further}")
    return "".join(f"{line}\n" for line in lines)


def overrides_json(overrides: Sequence[Override]) -> str:
    return _json({"overrides": [_document(one) for one in overrides]})


def overrides_table(overrides: Sequence[Override]) -> str:
    """One line for each that is in force, oldest first."""
    if not overrides:
        return "no override is in force\n"
    return "".join(f"{line}\n" for one in overrides for line in _lines(one))


def _lines(one: Override) -> Iterator[str]:
    whom = ", ".join(map(printable, one.slos)) or "all objectives"
    yield f"{one.id}: gate {printable(one.gate)} for {whom} until {format_time(one.until)}"
    yield f"   by {printable(one.by)}: {printable(one.reason)}"


def _document(one: Override) -> dict[str, Any]:
    return {
        "id": one.id,
        "gate": one.gate,
        "slos": list(one.slos),
        "by": one.by,
        "reason": one.reason,
        "start": format_time(one.start),
        "until": format_time(one.until),
    }


def _cells(entry: RecordEntry) -> tuple[str, ...]:
    outcome = entry.outcome.value if entry.outcome else ""
    if entry.kind is Kind.CALL:
        outcome += ", let through" if entry.allowed else ", turned away"
    cells = (entry.kind.value, entry.gate, entry.slo, outcome, entry.by, _why(entry))
    return (str(entry.id), format_time(entry.at), *map(printable, cells))


def _why(entry: RecordEntry) -> str:
    """The first reason, or what the person said."""
    if entry.kind is Kind.REVOCATION:
        return f"ends {entry.details['override']}: {entry.details['reason']}"
    if entry.until is not None:
        return f"until {format_time(entry.until)}: {entry.details['reason']}"
    reasons = entry.details["reasons"]
    if not reasons:
        return ""
    why = str(reasons[0]["message"])
    return why if len(why) <= _LONGEST_WHY else why[: _LONGEST_WHY - 1] + "…"


def _json(document: Any) -> str:
    return json.dumps(document, allow_nan=False, indent=2) + "\n"

"""What the verbs of `slo ledger` show: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from slo.clock import format_time
from slo.ledger.status import LedgerStatus, ObjectiveStatus
from slo.ledger.verifying import Verified
from slo.render.figures import UNDEFINED, share_percent
from slo.render.text import columns as columns
from slo.render.text import printable
from slo.units import format_duration
from slo.window import Interval, datetime_of

STATUS_SCHEMA = "slo.ledger/v1"

_TITLES = ("objective", "since", "live until", "final until", "lag", "seen", "groups", "target")
_VERIFY_TITLES = ("objective", "", "good", "bad", "seen")


def status_json(status: LedgerStatus) -> str:
    """Undefined values are null; `minutes` is there only for chosen objectives."""
    document = {
        "schema": STATUS_SCHEMA,
        "ledger": status.name.removeprefix("the ledger ").removeprefix("at "),
        "size_bytes": status.size_bytes,
        "blocks": status.blocks,
        "schema_version": status.schema_version,
        "objectives": [_document(one) for one in status.objectives],
    }
    return json.dumps(document, allow_nan=False, indent=2) + "\n"


def _document(one: ObjectiveStatus) -> dict[str, Any]:
    minutes = one.minutes
    detail = (
        {
            "gaps": [{"start": time(gap.start), "end": time(gap.end)} for gap in minutes.gaps],
            "gap_count": minutes.gap_count,
            "gap_minutes": minutes.gap_minutes,
            "provenance_ratio": dict(minutes.provenance_ratio),
        }
        if minutes
        else {}
    )
    return {
        "slo": one.slo,
        "epochs": [{"number": e.number, "since": time(e.since), "indicator": e.indicator} for e in one.epochs],
        "targets": [{"since": time(p.since), "target": p.target, "window": p.period} for p in one.targets],
        "groups": one.groups,
        "start": time(one.counted.start) if one.counted else None,
        "end": time(one.counted.end) if one.counted else None,
        "live_until": _time(one.live_until),
        "final_until": _time(one.final_until),
        "lag_minutes": one.lag_minutes,
        "coverage_ratio": one.coverage_ratio,
        **detail,
    }


def status_table(status: LedgerStatus) -> str:
    """One line for each objective, then what there is to say of those that were asked for."""
    size = f"{status.size_bytes / 1e6:.1f} MB, {status.blocks} blocks, schema {status.schema_version}"
    lines = [f"{printable(status.name)}: {size}"]
    if status.objectives:
        lines += columns([_TITLES, *(_cells(one) for one in status.objectives)], right={4, 5, 6, 7})
    for one in status.objectives:
        lines += _details(one)
    if status.objectives and all(one.minutes is None for one in status.objectives):
        lines.append(
            "Gaps, former indicators and targets, and where minutes are from: choose objectives by --slo GLOB."
        )
    return "".join(f"{line}\n" for line in lines)


def _cells(one: ObjectiveStatus) -> tuple[str, ...]:
    lag = UNDEFINED if one.lag_minutes is None else _span(one.lag_minutes)
    seen = UNDEFINED if one.coverage_ratio is None else share_percent(one.coverage_ratio)
    target = f"{_percent(one.targets[-1].target)}/{one.targets[-1].period}" if one.targets else UNDEFINED
    times = (one.counted.start if one.counted else None, one.live_until, one.final_until)
    return (printable(one.slo), *(_short(at) for at in times), lag, seen, str(one.groups), printable(target))


def _details(one: ObjectiveStatus) -> Iterator[str]:
    if one.minutes is None:
        return
    yield f"{printable(one.slo)}:"
    for epoch in one.epochs:
        yield f"  since {time(epoch.since)} counted by {printable(epoch.indicator) or 'an unknown indicator'}"
    for promise in one.targets:
        since = time(promise.since) if promise.since else "the beginning"
        yield f"  since {since} the target is {_percent(promise.target)} over {printable(promise.period) or UNDEFINED}"
    shares = ", ".join(f"{share_percent(share)} {word}" for word, share in one.minutes.provenance_ratio.items())
    yield f"  minutes: {shares or 'none'}"
    if not one.minutes.gap_count:
        yield "  gaps: none"
        return
    more = one.minutes.gap_count - len(one.minutes.gaps)
    listed = "; ".join(f"{time(gap.start)} to {time(gap.end)} ({_span(gap.minutes)})" for gap in one.minutes.gaps)
    total = f"{one.minutes.gap_count} of {_span(one.minutes.gap_minutes)} together"
    yield f"  gaps: {total}, newest first: {listed}" + (f"; and {more} more" if more else "")


def verify_table(found: Sequence[Verified], interval: Interval) -> str:
    """Counted beside recounted, then the minutes that differ most."""
    rows: list[tuple[str, ...]] = [_VERIFY_TITLES]
    for one in found:
        name = printable(one.slo)
        for title, sums in (("counted", one.counted), ("recounted", one.recounted)):
            seen = share_percent(sums.covered_minutes / max(interval.minutes, 1))
            rows.append((name, title, str(sums.good), str(sums.bad), seen))
            name = ""
        rows.append(("", "differs" if one.differs else "the same", f"{one.good:+d}", f"{one.bad:+d}", ""))
    lines = [f"From {time(interval.start)} to {time(interval.end)}", *columns(rows, right={2, 3, 4})]
    for one in found:
        for minute in one.worst if one.differs else ():
            counted, recounted = (f"{sums.good} good, {sums.bad} bad" for sums in (minute.counted, minute.recounted))
            lines.append(f"{printable(one.slo)} at {time(minute.start)}: counted {counted}; recounted {recounted}")
    return "".join(f"{line}\n" for line in lines)


def time(minute: int) -> str:
    """RFC 3339 of a minute."""
    return format_time(datetime_of(minute))


def _time(minute: int | None) -> str | None:
    return None if minute is None else time(minute)


def _short(minute: int | None) -> str:
    return UNDEFINED if minute is None else f"{datetime_of(minute):%Y-%m-%d %H:%M}"


def _span(minutes: int) -> str:
    return format_duration(minutes * 60) if minutes >= 0 else f"-{format_duration(-minutes * 60)}"


def _percent(target: str) -> str:
    return f"{(Decimal(target) * 100).normalize():f}%"

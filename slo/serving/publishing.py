"""One cycle's answers from objectives and a source of their events: everything that the web process is asked for.

What takes time for many objectives is done here, in the collector's process: evaluating, serialising, compressing.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson

from slo.clock import format_time
from slo.events import Events, EventSeries
from slo.gate import matches
from slo.render.figures import danger
from slo.render.report_json import SCHEMA, objective_document
from slo.reporting import Evaluation, evaluations
from slo.serving.gate_state import Judged, Vetoes, gate_sections
from slo.serving.incidents import Found, incidents_of, may_have_any
from slo.serving.rows import view_of
from slo.serving.sections import Ends, encoded, joined
from slo.serving.series_text import Measurement, Totals, series_text
from slo.serving.snapshot import status_facts
from slo.serving.view_json import row_to_json, view_to_json
from slo.serving.views import CollectorStatus, FilesStatus
from slo.source.protocol import ReportSource
from slo.spec import Spec
from slo.verdict import judge
from slo.window import Interval, datetime_of, minute_of

_QUICK = 1
"""Of gzip's levels. A report is a tenth of its size by it, and no smaller than a sixteenth by the slowest."""

CountEver = Callable[[str, Events], Totals | None]
"""The events of an id since the beginning of counting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """One cycle of the collector. count_ever: what the counters tell. vetoes: what was found of them, by gate."""

    number: int
    made_at: datetime
    next_at: datetime
    status: CollectorStatus
    count_ever: CountEver
    incidents: Found = field(default_factory=dict)
    vetoes: Vetoes = field(default_factory=dict)


def make_snapshot(
    spec: Spec,
    source: ReportSource,
    *,
    at: datetime,
    cycle: int = 1,
    made_at: datetime | None = None,
    next_cycle_at: datetime | None = None,
    status: CollectorStatus | None = None,
    simulated: bool = False,
    vetoes: Vetoes | None = None,
) -> bytes:
    """A snapshot without a collector: of what a source has at one time. See Snapshot.open."""
    made_at = made_at or at
    fine = CollectorStatus(
        lag_seconds=None,
        cycle_seconds=0.0,
        failures={},
        files=FilesStatus(ok=True, problems="", loaded_at=made_at),
        ledger_ok=True,
        ledger_message="",
        simulated=simulated,
    )
    evaluated = list(evaluations(spec.objectives, source, at=at, progress=lambda share: None))
    of_cycle = Cycle(
        number=cycle,
        made_at=made_at,
        next_at=next_cycle_at or made_at,
        status=status or fine,
        count_ever=since_first_seen(minute_of(at)),
        incidents=_all_incidents(evaluated),
        vetoes=vetoes or {},
    )
    return b"".join(snapshot_parts(spec, evaluated, of_cycle, at=at))


def snapshot_parts(spec: Spec, evaluated: Sequence[Evaluation], cycle: Cycle, *, at: datetime) -> Iterator[bytes]:
    """The bytes of a snapshot, in parts. evaluated: all objectives at that time, each followed by its groups."""
    at = datetime_of(minute_of(at))
    views = [view_of(one, cycle.incidents.get(one.report.slo, ())) for one in evaluated]
    report, report_edges = _report(evaluated, at, simulated=cycle.status.simulated)
    metrics = series_text([_measurement(one, cycle.count_ever) for one in evaluated])
    rows, row_edges = joined([row_to_json(view.row) for view in views])
    pages, page_edges = joined([view_to_json(view) for view in views])
    facts = {
        "cycle": cycle.number,
        "at": at.isoformat(),
        "made_at": cycle.made_at.isoformat(),
        "next_cycle_at": cycle.next_at.isoformat(),
        "report_etag": f'"{blake2b(report, digest_size=16).hexdigest()}"',
        "newest_minute": newest_minute(evaluated),
        "status": status_facts(cycle.status),
    }
    sections = {
        "ids": orjson.dumps([one.report.slo for one in evaluated]),
        "report": report,
        "report_edges": report_edges.tobytes(),
        "report_gzip": gzip.compress(report, _QUICK, mtime=0),
        "metrics": metrics,
        "rows": rows,
        "rows_edges": row_edges.tobytes(),
        "views": pages,
        "views_edges": page_edges.tobytes(),
        "families": _families(evaluated),
        "ranks": _ranks(evaluated),
        **gate_sections(_judged(spec, evaluated, at), (one.report.data_until for one in evaluated), cycle.vetoes),
    }
    yield from encoded(facts, sections)


def newest_minute(evaluated: Sequence[Evaluation]) -> int | None:
    """Until when anything was counted."""
    return max((one.report.data_until for one in evaluated if one.report.data_until is not None), default=None)


def _all_incidents(evaluated: Sequence[Evaluation]) -> Found:
    """Of a source that has every minute."""
    return {
        one.report.slo: incidents_of(one, one.everything)
        for one in evaluated
        if isinstance(one.everything, EventSeries) and may_have_any(one)
    }


def since_first_seen(at_minute: int) -> CountEver:
    """The counters of a source that begins with what it has."""

    def count(slo: str, events: Events) -> Totals | None:
        seen = events.observed
        if seen is None:
            return None
        counts = events.within(Interval(seen.start, max(at_minute, seen.start)))
        return Totals(counts.bad, counts.total)

    return count


def _judged(spec: Spec, evaluated: Sequence[Evaluation], at: datetime) -> list[Judged]:
    """The verdicts of every gate on the objectives that it names, and on their groups."""
    found = []
    for gate in spec.gates:
        judged = Judged(gate)
        is_whole_named = False
        for number, one in enumerate(evaluated):
            is_named = matches(gate, one.report.slo, one.objective.labels)
            if not one.report.group:
                is_whole_named = is_named
            if is_named or is_whole_named:
                verdict = judge(gate, one.objective, one.report, one.events, at=at)
                judged.add(number, verdict, is_named=is_named)
        found.append(judged)
    return found


def _measurement(evaluation: Evaluation, count_ever: CountEver) -> Measurement:
    objective, report = evaluation.objective, evaluation.report
    return Measurement(objective, report, count_ever(report.slo, evaluation.everything))


def _report(evaluated: Sequence[Evaluation], at: datetime, *, simulated: bool) -> tuple[bytes, Ends]:
    """The body of the whole report, and where in it each objective is."""
    head: Mapping[str, Any] = {"schema": SCHEMA, "at": format_time(at), **({"simulated": True} if simulated else {})}
    before = orjson.dumps(head)[:-1] + b',"objectives":['
    documents = [orjson.dumps(objective_document(one.report)) for one in evaluated]
    return joined(documents, before, b",", b"]}\n")


def _families(evaluated: Sequence[Evaluation]) -> bytes:
    """The number of the first group of each objective as a whole (-1 for a group), and how many it has."""
    found = np.full((2, len(evaluated)), -1, np.int32)
    whole = -1
    for number, one in enumerate(evaluated):
        if one.report.group:
            found[1, whole] += 1
        else:
            whole = number
            found[:, number] = number + 1, 0
    return found.tobytes()


def _ranks(evaluated: Sequence[Evaluation]) -> bytes:
    """The place of each when the worst comes first."""
    order = sorted(range(len(evaluated)), key=lambda number: danger(evaluated[number].report))
    ranks = np.empty(len(order), np.int32)
    ranks[order] = np.arange(len(order))
    return ranks.tobytes()

"""One cycle's answers, as the web process holds them: immutable, looked at in place, decoded where somebody asks."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from slo.serving.gate_state import GateState, gate_states
from slo.serving.sections import Pieces, Sections
from slo.serving.view_json import row_from_json, view_from_json
from slo.serving.views import CollectorStatus, FilesStatus, ObjectiveView, Row


class Snapshot:
    """What was found in one cycle of the collector.

    at: the time of evaluation, a whole minute; made_at: when it was ready; next_cycle_at: when the next is expected.
    newest_minute: until when anything was counted.
    objectives: the ids in the order of the report, each objective followed by its groups.
    report_json, report_gzip: the body of GET /budget; report_etag: of the uncompressed form, in quotes.
    metrics: text exposition of the objectives' series.
    """

    def __init__(self, data: memoryview) -> None:
        self._sections = Sections(data)
        facts = self._sections.facts
        self.cycle: int = facts["cycle"]
        self.at = datetime.fromisoformat(facts["at"])
        self.made_at = datetime.fromisoformat(facts["made_at"])
        self.next_cycle_at = datetime.fromisoformat(facts["next_cycle_at"])
        self.report_etag: str = facts["report_etag"]
        self.status = status_of(facts["status"])
        self.newest_minute: int | None = facts["newest_minute"]
        self.objectives: Sequence[str] = tuple(self._sections.json("ids"))
        self.rows: Sequence[Row] = _Rows(self._pieces("rows"), len(self.objectives))
        # Nothing here leads back to the snapshot: it is let go of as soon as the next one is there.
        self._known = _Known(self.objectives, self.rows)
        self.gates: Mapping[str, GateState] = gate_states(self._sections, self.objectives, self._known.labels)

    @classmethod
    def open(cls, source: bytes | Path) -> Snapshot:
        """From bytes, or from a file, which may be removed as soon as this returns.

        Raises OSError, and ValueError for what is no snapshot.
        """
        if isinstance(source, bytes):
            return cls(memoryview(source))
        with source.open("rb") as file:
            return cls(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))

    def __contains__(self, slo: object) -> bool:
        return slo in self.positions

    @property
    def positions(self) -> Mapping[str, int]:
        """The number of each id in `objectives` and `rows`."""
        return self._known.positions

    def objective_json(self, slo: str) -> bytes | None:
        """The report on one objective or group, serialised."""
        number = self.positions.get(slo)
        return None if number is None else bytes(self._documents[number])

    def view(self, slo: str) -> ObjectiveView | None:
        """What the page of one objective or group shows."""
        number = self.positions.get(slo)
        if number is None:
            return None
        row = self.rows[number]
        gates = tuple(name for name, state in self.gates.items() if slo in state.verdicts)
        return view_from_json(self._views[number], row, groups=self._groups_of(number), gates=gates)

    def labels(self, slo: str) -> Mapping[str, str]:
        """The labels of an objective, and those of the group."""
        return self._known.labels(slo)

    @property
    def report_json(self) -> memoryview:
        return self._sections["report"]

    @property
    def report_gzip(self) -> bytes:
        return bytes(self._sections["report_gzip"])

    @property
    def metrics(self) -> bytes:
        return bytes(self._sections["metrics"])

    def _groups_of(self, number: int) -> tuple[Row, ...]:
        first, count = int(self._families[0, number]), int(self._families[1, number])
        ranks = self._sections.numbers("ranks", np.int32)
        return tuple(self.rows[one] for one in sorted(range(first, first + count), key=lambda one: int(ranks[one])))

    @cached_property
    def _families(self) -> Any:
        """The number of the first group of each objective, and how many there are, shape (2, ids)."""
        return self._sections.numbers("families", np.int32).reshape(2, -1)

    @cached_property
    def worst_first(self) -> Sequence[int]:
        """Numbers in `rows` of the objectives as a whole, worst first."""
        ranks = self._sections.numbers("ranks", np.int32)
        order: list[int] = np.argsort(ranks).tolist()
        return [one for one in order if not self._is_group(one)]

    def _is_group(self, number: int) -> bool:
        return int(self._families[0, number]) < 0

    @cached_property
    def _documents(self) -> Pieces:
        return self._pieces("report")

    @cached_property
    def _views(self) -> Pieces:
        return self._pieces("views")

    def _pieces(self, name: str) -> Pieces:
        starts, ends = self._sections.numbers(f"{name}_edges", np.int64).reshape(2, -1)
        return Pieces(self._sections[name], starts, ends)


class _Known:
    """Where each id lies, and its labels."""

    def __init__(self, ids: Sequence[str], rows: Sequence[Row]) -> None:
        self._ids, self._rows = ids, rows

    @cached_property
    def positions(self) -> Mapping[str, int]:
        return {slo: number for number, slo in enumerate(self._ids)}

    def labels(self, slo: str) -> Mapping[str, str]:
        row = self._rows[self.positions[slo]]
        return {**row.labels, **dict(row.group)}


class _Rows(Sequence[Row]):
    """Rows that are decoded when they are asked for, once."""

    def __init__(self, pieces: Pieces, count: int) -> None:
        self._pieces = pieces
        self._known: list[Row | None] = [None] * count

    def __len__(self) -> int:
        return len(self._known)

    def __getitem__(self, number: int | slice) -> Any:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        row = self._known[number]
        if row is None:
            row = self._known[number] = row_from_json(self._pieces[range(len(self))[number]])
        return row

    def __iter__(self) -> Iterator[Row]:
        return (self[number] for number in range(len(self)))


def status_facts(status: CollectorStatus) -> dict[str, Any]:
    """As plain values."""
    return {
        "lag_seconds": status.lag_seconds,
        "cycle_seconds": status.cycle_seconds,
        "failures": dict(status.failures),
        "files": [status.files.ok, status.files.problems, status.files.loaded_at.isoformat()],
        "ledger": [status.ledger_ok, status.ledger_message],
        "simulated": status.simulated,
    }


def status_of(facts: Mapping[str, Any]) -> CollectorStatus:
    """What `status_facts` made plain."""
    ok, problems, loaded_at = facts["files"]
    ledger_ok, ledger_message = facts["ledger"]
    return CollectorStatus(
        lag_seconds=facts["lag_seconds"],
        cycle_seconds=facts["cycle_seconds"],
        failures=facts["failures"],
        files=FilesStatus(ok=ok, problems=problems, loaded_at=datetime.fromisoformat(loaded_at)),
        ledger_ok=ledger_ok,
        ledger_message=ledger_message,
        simulated=facts["simulated"],
    )

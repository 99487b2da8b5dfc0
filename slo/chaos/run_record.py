"""A run as it is kept in its Lease, so that whoever finds it can go on with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from slo.chaos.affordability import Standing
from slo.chaos.machine import Run
from slo.chaos.reading import Reserved
from slo.clock import format_time, parse_time
from slo.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """worst: bad events at worst by objective. results: versions of the engine's results before the run, by fault."""

    run: str
    gate: str
    by: str
    namespace: str
    name: str
    uid: str
    faults: tuple[str, ...]
    began_at: datetime
    decision_id: str
    reserved: Reserved
    worst: Mapping[str, int]
    results: Mapping[str, str]

    @property
    def key(self) -> str:
        """What runs of the past are told apart by."""
        return f"{self.namespace}/{self.name}"

    def start(self, at: datetime) -> Run:
        """The state that a run begins in, or is gone on with from."""
        return Run(id=self.run, reserved=self.reserved, began_at=self.began_at, last_reading_at=at, last_cluster_at=at)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "run": self.run,
            "gate": self.gate,
            "by": self.by,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
            "faults": list(self.faults),
            "began_at": format_time(self.began_at),
            "decision_id": self.decision_id,
            "reserved": dict(self.reserved.events),
            "before": {slo: standing_document(one) for slo, one in self.reserved.before.items()},
            "worst": dict(self.worst),
            "results": dict(self.results),
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> RunRecord:
        """Raises ValueError for what is no record of a run."""
        try:
            before = {slo: _standing(slo, one) for slo, one in document["before"].items()}
            return cls(
                run=str(document["run"]),
                gate=str(document["gate"]),
                by=str(document["by"]),
                namespace=str(document["namespace"]),
                name=str(document["name"]),
                uid=str(document["uid"]),
                faults=tuple(str(fault) for fault in document["faults"]),
                began_at=parse_time(document["began_at"]),
                decision_id=str(document["decision_id"]),
                reserved=Reserved(before=before, events={slo: int(document["reserved"][slo]) for slo in before}),
                worst={slo: int(document["worst"][slo]) for slo in before},
                results={str(fault): str(version) for fault, version in document["results"].items()},
            )
        except (KeyError, TypeError, AttributeError, ValueError, UsageError) as error:
            raise ValueError(f"this is no record of a run: {type(error).__name__}") from None


def standing_document(one: Standing) -> dict[str, Any]:
    """For JSON; numbers that are no whole ones as fractions."""
    return {
        "bad_events": one.bad_events,
        "bad_ever": one.bad_ever,
        "budget_events": str(one.budget_events),
        "busiest_per_second": str(one.busiest_per_second),
        "data_until": one.data_until,
        "state": one.state,
    }


def _standing(slo: str, document: Mapping[str, Any]) -> Standing:
    until = document["data_until"]
    return Standing(
        slo=slo,
        bad_events=int(document["bad_events"]),
        bad_ever=int(document["bad_ever"]),
        budget_events=Fraction(str(document["budget_events"])),
        busiest_per_second=Fraction(str(document["busiest_per_second"])),
        data_until=None if until is None else int(until),
        state=str(document["state"]),
    )

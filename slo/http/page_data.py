"""The service as the page for people asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from slo.decision import Decision
from slo.http.objective_page import RecentDecision
from slo.http.service import Service
from slo.record import Kind, RecordEntry
from slo.serving.snapshot import Snapshot
from slo.serving.views import CollectorStatus, ObjectiveView, Row

_RECENT = 20
_NO_ROWS: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class ServicePage:
    """The service as the page asks for it; see slo.http.page.PageData."""

    service: Service

    def now(self) -> datetime:
        return self.service.now()

    def figures_at(self) -> datetime | None:
        return self._snapshot.at if self._snapshot else None

    def rows(self) -> Sequence[Row]:
        return self._snapshot.rows if self._snapshot else _NO_ROWS

    def view(self, slo: str) -> ObjectiveView | None:
        return self._snapshot.view(slo) if self._snapshot else None

    def status(self) -> CollectorStatus | None:
        return self.service.status if self._snapshot else None

    def decisions(self, slo: str | None) -> Sequence[Decision]:
        return self.service.deciding.known(slo)

    def recent(self, slo: str) -> Sequence[RecentDecision]:
        entries = self.service.record.query(slo=slo, kinds=(Kind.DECISION, Kind.VERDICT, Kind.CALL), limit=_RECENT)
        return [_recent(entry) for entry in entries if entry.outcome is not None]

    @property
    def _snapshot(self) -> Snapshot | None:
        return self.service.deciding.snapshot if self.service.deciding.is_ready else None


def _recent(entry: RecordEntry) -> RecentDecision:
    assert entry.outcome is not None
    reasons = entry.details.get("reasons") or ({"message": ""},)
    return RecentDecision(
        at=entry.at, gate=entry.gate, outcome=entry.outcome, message=reasons[0]["message"], by=entry.by
    )

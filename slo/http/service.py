"""What the routes answer from: the snapshot in memory, the record, and who may do what."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from slo.clock import utc_now
from slo.http.auth import Authentication
from slo.http.chaos_runs import ChaosRuns
from slo.http.counters import Requests
from slo.http.deciding import Deciding
from slo.http.limits import LOOPBACK_HOSTS, WriteLimit
from slo.http.tls import ReloadingTLS
from slo.record import Record
from slo.serving.snapshot import Snapshot
from slo.serving.views import CollectorStatus

_LOG = logging.getLogger("slo.http")
_OLD_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for callers. allowed_hosts: names that requests may be addressed to; writes_per_second: of one caller
    (0: no limit); max_override: for how long at most somebody breaks the glass."""

    allowed_hosts: tuple[str, ...] = LOOPBACK_HOSTS
    writes_per_second: float = 100.0
    max_override: timedelta = timedelta(hours=24)
    access_log: bool = False


class Collector(Protocol):
    """The process that makes the snapshots. status: as it is now, also while no snapshot comes."""

    @property
    def alive(self) -> bool: ...

    @property
    def status(self) -> CollectorStatus | None: ...

    def metrics(self) -> bytes: ...


class Service:
    """Of one event loop. ledger: where corrections are kept."""

    def __init__(
        self,
        record: Record,
        authentication: Authentication,
        *,
        rules: Rules | None = None,
        tls: ReloadingTLS | None = None,
        now: Callable[[], datetime] = utc_now,
        collector: Collector | None = None,
        ledger: str | None = None,
    ) -> None:
        self.record = record
        self.authentication = authentication
        self.rules = rules or Rules()
        self.now = now
        self.deciding = Deciding(record, now=now)
        self.requests = Requests()
        self.writes = WriteLimit(self.rules.writes_per_second, now_seconds=time.monotonic)
        self.chaos_runs = ChaosRuns(now_seconds=time.monotonic)
        self.stopping = False
        self.ledger = ledger
        self._collector = collector
        self._tls = tls

    def collector_metrics(self) -> bytes:
        """What the collector's process tells of itself, in text exposition."""
        return self._collector.metrics() if self._collector else b""

    async def publish(self, snapshot: Snapshot) -> None:
        """A new cycle's answers."""
        await self.deciding.publish(snapshot)

    async def tick(self) -> None:
        """Once a second: files that have changed, decisions that the time or somebody else has changed."""
        self.authentication.reload()
        if self._tls:
            self._tls.reload()
        await self.deciding.refresh()

    async def run(self, seconds: float = 1.0) -> None:
        """Tick until cancelled; what goes wrong is logged and tried again."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.tick()
            except Exception:
                _LOG.exception("a regular check failed")

    @property
    def status(self) -> CollectorStatus:
        """The collector's as it is now, else as it was when the snapshot was made. A snapshot must be there."""
        return (self._collector.status if self._collector else None) or self.deciding.snapshot.status

    def problems(self) -> dict[str, str]:
        """What is wrong, by name; "" where all is well."""
        found = {
            "collector": "" if not self._collector or self._collector.alive else "its process does not run",
            "record": self.record.failure or "",
            "tokens": self.authentication.problem,
            "certificates": self._tls.problem if self._tls else "",
        }
        if not self.deciding.is_ready:
            return {"snapshot": "the first cycle of the collector has not ended yet", **found}
        status = self.status
        return {
            "snapshot": self._lateness(),
            "data": _age(status),
            "sources": "; ".join(f"{slo}: {message}" for slo, message in list(status.failures.items())[:5]),
            "ledger": "" if status.ledger_ok else status.ledger_message or "cannot be used",
            "files": "" if status.files.ok else status.files.problems or "could not be understood",
            **found,
        }

    def _lateness(self) -> str:
        snapshot = self.deciding.snapshot
        late = self.now() - snapshot.next_cycle_at
        allowed = max(snapshot.next_cycle_at - snapshot.made_at, timedelta(minutes=1))
        return f"the next cycle is {late.total_seconds():.0f} s late" if late > allowed else ""


def _age(status: CollectorStatus) -> str:
    """Counts may be late by a scrape and a cycle, not by what gates commonly allow."""
    seconds = status.lag_seconds
    return f"the newest count is {seconds:.0f} s old" if seconds is not None and seconds > _OLD_SECONDS else ""

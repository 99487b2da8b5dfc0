"""What /readyz finds amiss although every process runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from slo.http.auth import Authentication
from slo.http.cards import health
from slo.http.page_data import ServicePage
from slo.http.service import Service
from slo.record import Record
from slo.serving.snapshot import Snapshot
from slo.serving.views import CollectorStatus
from tests.http.shop import Clock, snapshot_bytes


class Behind:
    """A collector whose cycles are in time and whose targets are gone."""

    alive = True

    def __init__(self, status: CollectorStatus) -> None:
        self.status: CollectorStatus | None = status

    def metrics(self) -> bytes:
        return b""


@pytest.mark.parametrize(("lag_seconds", "told"), [(None, ""), (110.0, ""), (412.0, "the newest count is 412 s old")])
def test_data_that_grow_old_are_told_though_cycles_go_on(tmp_path: Path, lag_seconds: float | None, told: str) -> None:
    clock, snapshot = Clock(), Snapshot.open(snapshot_bytes())
    collector = Behind(replace(snapshot.status, lag_seconds=lag_seconds))
    with Record(str(tmp_path / "record.db"), create=True, now=clock) as record:

        async def problems() -> tuple[dict[str, str], float | None]:
            authentication = Authentication(None, anonymous="admin", now=clock)
            service = Service(record, authentication, now=clock, collector=collector)
            await service.publish(snapshot)
            page = ServicePage(service)
            return service.problems(), health(page.status(), page.figures_at(), page.now()).age_seconds

        found, shown_seconds = asyncio.run(problems())
        assert found["data"] == told
        assert shown_seconds == lag_seconds

"""A ledger to write to, once in an SQLite file and once in a PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slo.ledger.store import Ledger
from tests.conftest import LoadPrometheus
from tests.ledger.collectors import Past, recent_fleet


@pytest.fixture(params=["sqlite", "postgresql"])
def dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a ledger that is not there yet."""
    if request.param == "sqlite":
        return str(tmp_path / "slo.db")
    return str(request.getfixturevalue("postgres_dsn"))


@pytest.fixture
def ledger(dsn: str) -> Iterator[Ledger]:
    with Ledger(dsn, create=True) as opened:
        yield opened


@pytest.fixture(scope="session")
def past(load_prometheus: LoadPrometheus, tmp_path_factory: pytest.TempPathFactory) -> Past:
    """A Prometheus full of days that are to be caught up with."""
    fleet = recent_fleet()
    url = load_prometheus(one for group in fleet.series.values() for one in group)
    return Past.of_fleet(fleet, url, tmp_path_factory.mktemp("past"))

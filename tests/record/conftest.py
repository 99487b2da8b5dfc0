"""A record to write to, once in an SQLite file and once in a PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slo.record import Record
from tests.record.entries import AT

POLL_SECONDS = 0.05


@pytest.fixture(params=["sqlite", "postgresql"])
def dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a record that is not there yet."""
    if request.param == "sqlite":
        return str(tmp_path / "slo-record.db")
    return str(request.getfixturevalue("postgres_dsn"))


@pytest.fixture
def record(dsn: str) -> Iterator[Record]:
    with Record(dsn, create=True, writer="here", now=lambda: AT, poll_seconds=POLL_SECONDS) as opened:
        yield opened

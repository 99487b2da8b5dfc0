"""One PostgreSQL database may hold ledger and record, and replicas that start together make their tables once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import pytest
from sqlalchemy import create_engine, text

from slo.ledger.store import Ledger, Promise
from slo.record import Record
from tests.record.entries import change

PROMISE = Promise("a/b", 5, "0.999", "30d")
Make = Callable[[str], None]


def open_ledger(dsn: str) -> None:
    Ledger(dsn, create=True).close()


def open_record(dsn: str) -> None:
    Record(dsn, create=True).close()


@pytest.mark.parametrize("order", list(permutations((open_ledger, open_record))), ids=["ledger first", "record first"])
def test_each_finds_what_is_its_own(order: tuple[Make, Make], postgres_dsn: str) -> None:
    for make in (*order, *order):  # the second time both are there
        make(postgres_dsn)
    with Ledger(postgres_dsn) as ledger, Record(postgres_dsn) as record:
        ledger.record_promises([PROMISE])
        record.decided([change()])
        assert ledger.promises() == [PROMISE]
        assert len(record.query()) == 1


def test_many_that_start_together_make_the_tables_once(postgres_dsn: str) -> None:
    with ThreadPoolExecutor(12) as starting:
        for done in [starting.submit(make, postgres_dsn) for make in (open_ledger, open_record) * 6]:
            done.result()


def test_a_record_of_before_is_read_on(dsn: str) -> None:
    """The table that tells its version had the name that a ledger's has."""
    with Record(dsn, create=True) as record:
        record.decided([change()])
    address = dsn.replace("postgresql://", "postgresql+psycopg://") if "://" in dsn else f"sqlite:///{dsn}"
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE record_meta RENAME TO meta"))
    engine.dispose()
    for _ in range(2):
        with Record(dsn) as record:
            assert len(record.query()) == 1

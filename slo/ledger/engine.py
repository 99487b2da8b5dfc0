"""The way to the ledger's database, and what its failures mean to a user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from slo import database
from slo.errors import LedgerError

LEDGER = database.Kind(
    noun="ledger",
    error=LedgerError,
    example="slo.db",
    missing="`slo collect` makes one, or name another by --ledger",
    signature=0x534C4F31,
    after_full="counting goes on from where it stopped",
    after_damage="collect anew",
)


def connect(dsn: str, *, create: bool) -> tuple[Engine, str, Path | None]:
    """As slo.database.connect, of a ledger. Raises LedgerError, UsageError."""
    return database.connect(dsn, LEDGER, create=create)


@contextmanager
def failures_of(name: str) -> Iterator[None]:
    """Maps what the database raises to LedgerError with its meaning."""
    with database.failures_of(name, LEDGER):
        yield

"""The ledger's tables, and how an older ledger becomes one of today."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from slo import database
from slo.ledger.engine import LEDGER

VERSION = 4

metadata = MetaData()

META = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

EPOCH = Table(
    "epoch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slo", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("since", Integer, nullable=False),
    Column("indicator", Text, nullable=False),
    UniqueConstraint("slo", "number"),
)
"""An indicator as it was from a minute on. A changed indicator begins another epoch."""

PROMISE = Table(
    "promise",
    metadata,
    Column("slo", Text, primary_key=True),
    Column("since", Integer, primary_key=True, autoincrement=False),
    Column("target", Text, nullable=False),
    Column("period", Text, nullable=False),
)
"""A target and its window as they were from a minute on."""

SERIES = Table(
    "series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch_id", Integer, nullable=False),
    Column("labels", Text, nullable=False),
    UniqueConstraint("epoch_id", "labels"),
)
"""An epoch as a whole (no labels), and each of its groups."""

BLOCK = Table(
    "block",
    metadata,
    Column("series_id", Integer, primary_key=True, autoincrement=False),
    Column("start", Integer, primary_key=True, autoincrement=False),
    Column("minutes", Integer, nullable=False),
    Column("good", BigInteger, nullable=False),
    Column("bad", BigInteger, nullable=False),
    Column("covered", Integer, nullable=False),
    Column("data", LargeBinary),
    sqlite_with_rowid=False,
)
"""Counts of the minutes (start, start + minutes], covered in thousandths; data: each minute, NULL for a live one."""

SUMS = Index("block_sums", *(BLOCK.c[name] for name in ("series_id", "start", "minutes", "good", "bad", "covered")))
"""The sums apart from the data, which take a hundred times the space: whoever needs no minutes reads these alone."""

CHECKPOINT = Table(
    "checkpoint",
    metadata,
    Column("epoch_id", Integer, primary_key=True, autoincrement=False),
    Column("horizon", Integer, nullable=False),
    Column("edge", Integer, nullable=False),
    Column("notes", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

GAP = Table(
    "gap",
    metadata,
    Column("epoch_id", Integer, primary_key=True, autoincrement=False),
    Column("start", Integer, primary_key=True, autoincrement=False),
    Column("end", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("is_hole", Boolean, nullable=False),
    Column("checkpoint", LargeBinary, nullable=False),
)
"""Minutes of which something is missing (is_hole), or may be, to be read again. checkpoint: from where to count."""


CORRECTION = Table(
    "correction",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("withdraws", Integer),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("data", Text, nullable=False),
)
"""What was corrected or withdrawn by whom, and why. Rows are only ever added. at: in seconds since the epoch."""

COUNTER = Table(
    "counter",
    metadata,
    Column("slo", Text, primary_key=True),
    Column("minute", Integer, nullable=False),
    Column("bad", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
)
"""Events of an objective or a group from the beginning up to a minute, as the service's counters tell them."""

COUNTERS_TOLD = Table(
    "counters_told", metadata, Column("id", Integer, primary_key=True), Column("data", LargeBinary, nullable=False)
)
"""One row: what the counters of all ids were at last, as JSON: they do not fall when the service begins anew."""

NOTICE = Table(
    "notice",
    metadata,
    Column("slo", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("percent", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""The lowest level of a budget that was told on a channel and holds. at: when, in seconds since the epoch."""


def _add_service(connection: Connection) -> None:
    for table in (COUNTER, NOTICE):
        table.create(connection)


MIGRATIONS: Mapping[int, Callable[[Connection], None]] = {
    1: CORRECTION.create,
    2: _add_service,
    3: COUNTERS_TOLD.create,
}
"""From each older version to the one after it."""


def prepare(engine: Engine, name: str) -> None:
    """Create the tables of a new ledger, or bring those of an older one up to date. Raises LedgerError."""
    layout = database.Layout(metadata=metadata, meta=META, version=VERSION, migrations=MIGRATIONS)
    database.prepare(engine, name, LEDGER, layout)

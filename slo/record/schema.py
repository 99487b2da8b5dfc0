"""The record's table, and how an older record becomes one of today."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import BigInteger, Boolean, Column, Connection, Engine, Index, Integer, MetaData, Table, Text, event

from slo import database
from slo.errors import RecordError

RECORD = database.Kind(
    noun="record",
    error=RecordError,
    example="slo-record.db",
    missing="`slo serve` makes one, or name another by --record",
    signature=0x534C4F52,
    after_full="decisions are recorded again once there is some",
    after_damage="begin a new one",
    is_durable=True,
    busy_seconds=5,
    answer_seconds=5,
    is_shared=True,
)

VERSION = 1

MIGRATIONS: Mapping[int, Callable[[Connection], None]] = {}
"""From each older version to the one after it."""

metadata = MetaData()

META = Table("record_meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

ENTRY = Table(
    "entry",
    metadata,
    Column("id", Integer().with_variant(BigInteger, "postgresql"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("gate", Text, nullable=False),
    Column("slo", Text, nullable=False),
    Column("outcome", Text),
    Column("allowed", Boolean),
    Column("decision_id", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("writer", Text, nullable=False),
    Column("until", BigInteger),
    Column("details", Text, nullable=False),
    sqlite_autoincrement=True,  # the number of an entry that was pruned is never given again
)
"""One thing that happened. at, until: milliseconds since the epoch; slo: "" for the gate as a whole; details: JSON."""

Index("entry_key", ENTRY.c.kind, ENTRY.c.gate, ENTRY.c.slo, ENTRY.c.id)
Index("entry_gate", ENTRY.c.gate, ENTRY.c.id)
Index("entry_slo", ENTRY.c.slo, ENTRY.c.gate, ENTRY.c.id)
Index("entry_at", ENTRY.c.at)
_HAS_END = ENTRY.c.until.is_not(None)
Index("entry_until", ENTRY.c.until, sqlite_where=_HAS_END, postgresql_where=_HAS_END)
"""Overrides and their revocations alone: what is in force is asked every few seconds."""

_KEPT = "entries of the record are never changed"
_NEVER_CHANGED = {
    "sqlite": (f"CREATE TRIGGER entry_is_kept BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, '{_KEPT}'); END",),
    "postgresql": (
        "CREATE FUNCTION entry_is_kept() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_KEPT}'; END $$",
        "CREATE TRIGGER entry_is_kept BEFORE UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION entry_is_kept()",
    ),
}


@event.listens_for(ENTRY, "after_create")
def _forbid_changes(_table: Table, connection: Connection, **_: object) -> None:
    for statement in _NEVER_CHANGED[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def prepare(engine: Engine, name: str) -> None:
    """Create the tables of a new record, or bring those of an older one up to date. Raises RecordError."""
    layout = database.Layout(metadata=metadata, meta=META, meta_before="meta", version=VERSION, migrations=MIGRATIONS)
    database.prepare(engine, name, RECORD, layout)

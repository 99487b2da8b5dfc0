"""The way to a database of ours: one SQLite file or a PostgreSQL, its layout, and what failures mean to a user."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, event, inspect, select, text
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool, Pool, QueuePool

from slo.errors import SLOError, UsageError
from slo.redaction import without_password

_HEADER_BYTES = 100
_PREPARING = 0x534C4F50
"""Any number that no other lock of ours has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a database is for, and how its failures are told.

    noun: "ledger"; error: what is raised; example: a file's name; missing: what to do where there is none; signature:
    SQLite's application_id of such files; after_full, after_damage: what becomes of the work; is_durable: whether a
    commit outlives a power failure; busy_seconds: how long to wait for another's lock; answer_seconds: how long for
    PostgreSQL's answer, None for ever; is_shared: whether threads share its connections.
    """

    noun: str
    error: type[SLOError]
    example: str
    missing: str
    signature: int
    after_full: str
    after_damage: str
    is_durable: bool = False
    busy_seconds: int = 15
    answer_seconds: int | None = None
    is_shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Tables, and how an older database becomes one of today.

    meta: the table of two columns that tells the version, of a name that no other kind has, as one database may hold
    several; meta_before: its name in databases of before.
    """

    metadata: MetaData
    meta: Table
    meta_before: str = ""
    version: int
    migrations: Mapping[int, Callable[[Connection], None]]


def connect(dsn: str, kind: Kind, *, create: bool) -> tuple[Engine, str, Path | None]:
    """An engine, its name for messages, and the file of an SQLite database.

    dsn: a path, sqlite:///path or postgresql://. create: whether a missing file is made.
    Raises the kind's error, UsageError.
    """
    if dsn.startswith(("postgresql://", "postgres://")):
        return _postgresql(dsn, kind), f"the {kind.noun} at {without_password(dsn)}", None
    if "://" in dsn and not dsn.startswith("sqlite:///"):
        raise UsageError(
            f"{without_password(dsn)!r} is no {kind.noun}; write a path, such as {kind.example}, "
            "or postgresql://user@host/name"
        )
    path = Path(unquote(urlsplit(dsn).path[1:]) if dsn.startswith("sqlite:///") else dsn)
    return _sqlite(path, kind, create=create), f"the {kind.noun} {path}", path


@contextmanager
def failures_of(name: str, kind: Kind) -> Iterator[None]:
    """Maps what the database raises to the kind's error with its meaning."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, UnicodeDecodeError) as error:
        raise kind.error(f"{name} {_meaning(error, kind)}") from error


def prepare(engine: Engine, name: str, kind: Kind, layout: Layout) -> None:
    """Create the tables of a new database, or bring those of an older one up to date. Raises the kind's error."""
    with engine.execution_options(writes=True).begin() as connection:
        _take_turns(connection)
        tables = set(inspect(connection).get_table_names())
        if tables == {layout.meta_before, *layout.metadata.tables} - {layout.meta.name}:
            connection.exec_driver_sql(f"ALTER TABLE {layout.meta_before} RENAME TO {layout.meta.name}")
            tables.add(layout.meta.name)
        if layout.meta.name not in tables:
            if tables & set(layout.metadata.tables):
                raise kind.error(f"{name} holds tables of something else; choose another place for the {kind.noun}")
            layout.metadata.create_all(connection)
            connection.execute(layout.meta.insert().values(key="schema_version", value=str(layout.version)))
            return
        version = select(layout.meta.c.value).where(layout.meta.c.key == "schema_version")
        found = connection.execute(version).scalar()
        if found is None or not found.isdecimal():
            raise kind.error(f"{name} does not say which version it is; it is no {kind.noun}, or a damaged one")
        _migrate(connection, int(found), name, kind, layout)


def _take_turns(connection: Connection) -> None:
    """Replicas that start together would all make the same tables. SQLite has one writer at a time as it is."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PREPARING})


def _migrate(connection: Connection, version: int, name: str, kind: Kind, layout: Layout) -> None:
    if version > layout.version:
        raise kind.error(
            f"{name} was written by a newer version of slo (schema {version}, this one knows {layout.version}); "
            "upgrade slo"
        )
    while version < layout.version:
        layout.migrations[version](connection)
        version += 1
    key = layout.meta.c.key == "schema_version"
    connection.execute(layout.meta.update().where(key).values(value=str(layout.version)))


def _postgresql(dsn: str, kind: Kind) -> Engine:
    arguments: dict[str, Any] = {"connect_timeout": 10}
    if kind.answer_seconds is not None:
        milliseconds = kind.answer_seconds * 1000
        arguments |= {
            "connect_timeout": kind.answer_seconds,
            "tcp_user_timeout": milliseconds,
            "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}",
        }
    try:
        address = "postgresql+psycopg://" + dsn.split("://", 1)[1]
        # Shared connections are tried before they are used: the server may have gone and come back meanwhile.
        return create_engine(address, connect_args=arguments, pool_pre_ping=kind.is_shared, **_pool(kind))
    except (ImportError, NoSuchModuleError) as error:
        raise kind.error(f"a PostgreSQL {kind.noun} needs psycopg: pip install 'slo[postgresql]'") from error
    except (SQLAlchemyError, ValueError) as error:
        raise UsageError(f"{without_password(dsn)} is no address of a PostgreSQL database") from error


def _sqlite(path: Path, kind: Kind, *, create: bool) -> Engine:
    noun = kind.noun
    if not path.exists():
        if not create:
            raise kind.error(f"there is no {noun} {path}; {kind.missing}")
        if not path.parent.is_dir():
            raise kind.error(f"the {noun} {path} cannot be made: there is no folder {path.parent}")
        with failures_of(f"the {noun} {path}", kind):
            _make_sqlite(path, kind)
    elif path.is_dir():
        raise kind.error(f"the {noun} {path} is a folder; name a file in it")
    elif path.stat().st_size == 0:
        raise kind.error(f"the {noun} {path} is an empty file; restore it, or remove it to begin a new one")
    elif path.stat().st_size < _HEADER_BYTES:
        # SQLite would take it for an empty one.
        raise kind.error(f"the {noun} {path} is damaged; {_cure_of_damage(kind)}")
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": kind.busy_seconds}, **_pool(kind))
    event.listen(engine, "connect", lambda connection, _: _configure_sqlite(connection, kind))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _pool(kind: Kind) -> dict[str, Any]:
    poolclass: type[Pool] = QueuePool if kind.is_shared else NullPool
    return {"poolclass": poolclass}


def _make_sqlite(path: Path, kind: Kind) -> None:
    """A signed file that appears whole: one that is killed half-made would be taken for damaged ever after."""
    made = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with closing(sqlite3.connect(made)) as connection:
            connection.execute(f"PRAGMA application_id={kind.signature}")
        os.link(made, path)
    except FileExistsError:
        return  # another process was quicker
    except OSError as error:
        raise kind.error(f"the {kind.noun} {path} cannot be made: {error.strerror}") from error
    finally:
        made.unlink(missing_ok=True)


def _configure_sqlite(connection: Any, kind: Kind) -> None:
    # The driver begins transactions late and implicitly, so that two writers could meet in the middle: we do it.
    connection.isolation_level = None
    _claim_sqlite(connection, kind)
    for pragma in ("journal_mode=WAL", f"synchronous={'FULL' if kind.is_durable else 'NORMAL'}"):
        connection.execute(f"PRAGMA {pragma}")


def _claim_sqlite(connection: Any, kind: Kind) -> None:
    """Signs a new file. Comes before all else that writes: another program's file is to stay as it is."""
    found = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if found == 0 and tables == 0:
        connection.execute(f"PRAGMA application_id={kind.signature}")
    elif found != kind.signature:
        raise sqlite3.DatabaseError("is another program's database")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that will write must say so at its beginning, or another writer may make its snapshot stale.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _cure_of_damage(kind: Kind) -> str:
    return f"restore it from a backup, or move it away and {kind.after_damage}"


_MEANINGS = {
    "disk is full": "cannot be written: the disk is full; free some space, {after_full}",
    "No space left": "cannot be written: the disk is full; free some space, {after_full}",
    "readonly database": "cannot be written: it is read-only; let the user that runs slo write it and its folder",
    "unable to open": "cannot be opened: its folder or file may not be written or read by this user",
    "disk I/O error": "cannot be read or written: the disk reports an error",
    "database is locked": "is locked by another program for too long",
    "not a database": "is no {noun}, or its file is damaged; restore it from a backup, or choose another file",
    "malformed": "is damaged; {cure}",
    "codec can't decode": "is damaged; {cure}",
    "another program's": "is another program's database; choose another file",
    "password authentication failed": "refused the user or the password",
    "no password supplied": "asks for a password; put it into the address or into PGPASSWORD",
    "Connection refused": "cannot be reached: connection refused",
    "does not exist": "does not exist as named: check user and database name",
    "timeout expired": "cannot be reached: no answer in time",
    "lock timeout": "is locked by another program for too long",
    "statement timeout": "gave no answer in time",
}


def _meaning(error: Exception, kind: Kind) -> str:
    told = " ".join(str(error.orig if isinstance(error, DBAPIError) and error.orig else error).split())
    for sign, meaning in _MEANINGS.items():
        if sign in told:
            return meaning.format(noun=kind.noun, after_full=kind.after_full, cure=_cure_of_damage(kind))
    return f"failed: {without_password(told[:200])}"

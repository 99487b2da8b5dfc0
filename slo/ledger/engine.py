"""The way to the database: one SQLite file or a PostgreSQL, and what their failures mean to a user."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from slo.errors import LedgerError, UsageError
from slo.redaction import without_password

_BUSY_SECONDS = 15
_SIGNATURE = 0x534C4F31
"""SQLite's application_id of our files."""

_HEADER_BYTES = 100


def connect(dsn: str, *, create: bool) -> tuple[Engine, str, Path | None]:
    """An engine, its name for messages, and the file of an SQLite ledger.

    dsn: a path, sqlite:///path or postgresql://. create: whether a missing file is made.
    Raises LedgerError, UsageError.
    """
    if dsn.startswith(("postgresql://", "postgres://")):
        return _postgresql(dsn), f"the ledger at {without_password(dsn)}", None
    if "://" in dsn and not dsn.startswith("sqlite:///"):
        raise UsageError(
            f"{without_password(dsn)!r} is no ledger; write a path, such as slo.db, or postgresql://user@host/name"
        )
    path = Path(unquote(urlsplit(dsn).path[1:]) if dsn.startswith("sqlite:///") else dsn)
    return _sqlite(path, create=create), f"the ledger {path}", path


@contextmanager
def failures_of(name: str) -> Iterator[None]:
    """Maps what the database raises to LedgerError with its meaning."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, UnicodeDecodeError) as error:
        raise LedgerError(f"{name} {_meaning(error)}") from error


def _postgresql(dsn: str) -> Engine:
    try:
        address = "postgresql+psycopg://" + dsn.split("://", 1)[1]
        return create_engine(address, connect_args={"connect_timeout": 10}, poolclass=NullPool)
    except (ImportError, NoSuchModuleError) as error:
        raise LedgerError("a PostgreSQL ledger needs psycopg: pip install 'slo[postgresql]'") from error
    except (SQLAlchemyError, ValueError) as error:
        raise UsageError(f"{without_password(dsn)} is no address of a PostgreSQL database") from error


def _sqlite(path: Path, *, create: bool) -> Engine:
    if not path.exists():
        if not create:
            raise LedgerError(f"there is no ledger {path}; `slo collect` makes one, or name another by --ledger")
        if not path.parent.is_dir():
            raise LedgerError(f"the ledger {path} cannot be made: there is no folder {path.parent}")
        with failures_of(f"the ledger {path}"):
            _make_sqlite(path)
    elif path.is_dir():
        raise LedgerError(f"the ledger {path} is a folder; name a file in it")
    elif path.stat().st_size == 0:
        raise LedgerError(f"the ledger {path} is an empty file; restore it, or remove it to begin a new one")
    elif path.stat().st_size < _HEADER_BYTES:
        raise LedgerError(f"the ledger {path} is damaged; {_CURE_OF_DAMAGE}")  # SQLite would take it for an empty one
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS}, poolclass=NullPool)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_sqlite(path: Path) -> None:
    """A signed file that appears whole: one that is killed half-made would be taken for damaged ever after."""
    made = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with closing(sqlite3.connect(made)) as connection:
            connection.execute(f"PRAGMA application_id={_SIGNATURE}")
        os.link(made, path)
    except FileExistsError:
        return  # another process was quicker
    except OSError as error:
        raise LedgerError(f"the ledger {path} cannot be made: {error.strerror}") from error
    finally:
        made.unlink(missing_ok=True)


def _configure_sqlite(connection: Any, _record: object) -> None:
    # The driver begins transactions late and implicitly, so that two writers could meet in the middle: we do it.
    connection.isolation_level = None
    _claim_sqlite(connection)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _claim_sqlite(connection: Any) -> None:
    """Signs a new file. Comes before all else that writes: another program's file is to stay as it is."""
    found = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if found == 0 and tables == 0:
        connection.execute(f"PRAGMA application_id={_SIGNATURE}")
    elif found != _SIGNATURE:
        raise sqlite3.DatabaseError("is another program's database")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that will write must say so at its beginning, or another writer may make its snapshot stale.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_CURE_OF_DAMAGE = "restore it from a backup, or move it away and collect anew"
_MEANINGS = {
    "disk is full": "cannot be written: the disk is full; free some space, counting goes on from where it stopped",
    "No space left": "cannot be written: the disk is full; free some space, counting goes on from where it stopped",
    "readonly database": "cannot be written: it is read-only; let the user that runs slo write it and its folder",
    "unable to open": "cannot be opened: its folder or file may not be written or read by this user",
    "disk I/O error": "cannot be read or written: the disk reports an error",
    "database is locked": "is locked by another program for too long",
    "not a database": "is no ledger, or its file is damaged; restore it from a backup, or choose another file",
    "malformed": f"is damaged; {_CURE_OF_DAMAGE}",
    "codec can't decode": f"is damaged; {_CURE_OF_DAMAGE}",
    "another program's": "is another program's database; choose another file",
    "password authentication failed": "refused the user or the password",
    "no password supplied": "asks for a password; put it into the address or into PGPASSWORD",
    "Connection refused": "cannot be reached: connection refused",
    "does not exist": "does not exist as named: check user and database name",
    "timeout expired": "cannot be reached: no answer in time",
}


def _meaning(error: Exception) -> str:
    text = " ".join(str(error.orig if isinstance(error, DBAPIError) and error.orig else error).split())
    for sign, meaning in _MEANINGS.items():
        if sign in text:
            return meaning
    return f"failed: {without_password(text[:200])}"

"""The record's database, opened anew where its file was replaced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine

from slo import database
from slo.record.schema import RECORD, prepare


class RecordDatabase:
    """Transactions for any thread. Raises RecordError."""

    def __init__(self, dsn: str, *, create: bool) -> None:
        self._dsn = dsn
        self._opening = threading.Lock()
        self._engine, self.name, self._file = self._open(create=create)
        self._identity = self._current_identity()

    @contextmanager
    def transaction(self, *, writes: bool = False) -> Iterator[Connection]:
        """What is written inside takes effect as a whole at its end, or not at all."""
        engine = self._current_engine()
        with database.failures_of(self.name, RECORD), engine.connect() as opened:
            connection = opened.execution_options(writes=writes)
            with connection.begin():
                yield connection

    def close(self) -> None:
        self._engine.dispose()

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    def _current_engine(self) -> Engine:
        """Connections to a file that was moved away would go on to write to it, where nobody reads."""
        with self._opening:
            if self._current_identity() != self._identity:
                self._engine.dispose()
                self._engine, self.name, self._file = self._open(create=True)
                self._identity = self._current_identity()
            return self._engine

    def _open(self, *, create: bool) -> tuple[Engine, str, Path | None]:
        engine, name, file = database.connect(self._dsn, RECORD, create=create)
        try:
            with database.failures_of(name, RECORD):
                prepare(engine, name)
        except BaseException:
            engine.dispose()
            raise
        return engine, name, file

    def _current_identity(self) -> tuple[int, int] | None:
        if self._file is None:
            return None
        try:
            found = self._file.stat()
        except OSError:
            return (0, 0)
        return found.st_dev, found.st_ino

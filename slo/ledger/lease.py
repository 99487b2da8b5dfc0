"""The right to write a ledger: of several collectors exactly one holds it, and another takes over when it ends.

SQLite: a lock on a file beside the ledger, which the system releases with the process. PostgreSQL: an advisory lock
on the connection that writes, so that a collector that lost its lock has lost its way to write, too.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sqlalchemy import text

from slo.errors import LedgerError
from slo.ledger.engine import failures_of
from slo.ledger.store import Ledger

_KEY = 0x534C4F31
"""Any number, if it is always the same."""


class Lease:
    """Asks for the right to write, and gives it back. Use as a context manager once it is held."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._file: int | None = None
        self.held = False

    def acquire(self) -> bool:
        """Whether this process may write now; asks without waiting, and again after a failure."""
        if not self.held:
            self.held = self._lock(self._ledger.file) if self._ledger.file else self._advisory()
        return self.held

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        elif self.held:
            with failures_of(self._ledger.name), self._ledger.writer.begin():
                self._ledger.writer.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _KEY})
        self.held = False

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _lock(self, ledger: Path) -> bool:
        if self._file is None:
            place = ledger.with_name(f"{ledger.name}.lock")
            try:
                self._file = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except OSError as error:
                raise LedgerError(f"{self._ledger.name} cannot be locked by {place}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            self._file = None
            return False
        return True

    def _advisory(self) -> bool:
        with failures_of(self._ledger.name), self._ledger.writer.begin():
            return bool(self._ledger.writer.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _KEY}).scalar())

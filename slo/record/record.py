"""The record of decisions: what was decided and answered, who overrode it, until it is pruned by age.

Append-only: entries are added and, when they are old, removed; none is ever changed. An override is ended by another
entry. Several services may keep one record; each writes what it decided itself.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, select

from slo.clock import utc_now
from slo.decision import Outcome, Override
from slo.errors import RecordError, UsageError
from slo.record import reading
from slo.record.connection import RecordDatabase
from slo.record.entries import (
    CallerEntry,
    DecisionChange,
    Kind,
    RecordEntry,
    milliseconds,
    override_values,
    revocation_values,
)
from slo.record.schema import ENTRY, META
from slo.record.writer import Job, Writer

POLL_SECONDS = 2.0
MAX_OVERRIDE = timedelta(days=31)
MOST_ENTRIES = 10_000
_PATIENCE_SECONDS = 10.0
_PATIENCE_WITH_MANY_SECONDS = 120.0
_PRUNED_AT_ONCE = 2000
_TRIED_CHARACTERS = 1 << 16  # less might find room in what a full disk has given already
_PRUNE_EVERY_SECONDS, _PRUNE_AGAIN_SECONDS = 86_400.0, 3600.0

_ADDED = ENTRY.insert().returning(ENTRY.c.id, sort_by_parameter_order=True)


class Record:
    """An open record, for any number of threads. Raises RecordError where its database fails, and recovers by itself.

    writer: the name of this process in its entries (the machine's); retention: prunes by itself once a day.
    """

    def __init__(
        self,
        dsn: str,
        *,
        create: bool = False,
        writer: str | None = None,
        retention: timedelta | None = None,
        now: Callable[[], datetime] = utc_now,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._database = RecordDatabase(dsn, create=create)
        self._name = writer if writer is not None else socket.gethostname()
        self._retention, self._now = retention, now
        self._prune_at = time.monotonic()
        self._write_failure: str | None = None
        self._read_failure: str | None = None
        try:
            self._overrides = self._read_overrides()
        except BaseException:
            self._database.close()
            raise
        self._writer = Writer(self._write, self._look_around, idle_seconds=poll_seconds)

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what was handed in, and give the connections back."""
        self._writer.close()
        self._database.close()

    @property
    def name(self) -> str:
        """For messages."""
        return self._database.name

    @property
    def failure(self) -> str | None:
        """Why the record cannot be written or read at present; None where it can."""
        return self._write_failure or self._read_failure

    def decided(self, changes: Sequence[DecisionChange]) -> None:
        """Keep the changes, all or none; they are committed on return."""
        if changes:
            done = self._writer.submit([change.values() for change in changes])
            _awaited(done, self.name)

    async def decided_async(self, changes: Sequence[DecisionChange]) -> None:
        """As decided, without holding up the event loop."""
        if changes:
            await self._committed([change.values() for change in changes], _PATIENCE_WITH_MANY_SECONDS)

    async def asked(self, entry: CallerEntry) -> int:
        """Keep a caller and its answer; the entry's number, once it is committed."""
        return (await self._committed([entry.values()]))[0]

    async def override(
        self,
        *,
        gate: str,
        by: str,
        reason: str,
        until: datetime,
        slos: Sequence[str] = (),
        start: datetime | None = None,
    ) -> Override:
        """Let a gate through until a time, for these ids or all. Raises UsageError for what makes no sense."""
        at = self._now()
        begin = start or at
        for what, text in (("gate", gate), ("name", by), ("reason", reason)):
            if not text.strip():
                raise UsageError(f"an override needs a {what}")
        if until <= max(begin, at):
            raise UsageError("an override must end after it begins, and after now")
        if until - at > MAX_OVERRIDE:
            raise UsageError(f"an override may last {MAX_OVERRIDE.days} days at most; change the gate instead")
        asked = Override(id=0, gate=gate, slos=tuple(slos), by=by, reason=reason, start=begin, until=until)
        number = (await self._committed([override_values(asked, at)]))[0]
        return self._override_numbered(number)

    async def revoke(self, override_id: int, *, by: str, reason: str) -> Override:
        """End an override now; both stay in the record. Raises UsageError where it is not in force."""
        at = self._now()
        if not by.strip() or not reason.strip():
            raise UsageError("a revocation needs a name and a reason")
        await asyncio.to_thread(self._read_overrides_again)
        found = next((one for one in self._overrides if one.id == override_id and one.until > at), None)
        if found is None:
            raise UsageError(f"there is no override {override_id} in force")
        await self._committed([revocation_values(found, at=at, by=by, reason=reason)])
        return found

    def overrides(self, at: datetime) -> tuple[Override, ...]:
        """Those in force, oldest first, as they were read some seconds ago at most. No I/O."""
        return tuple(one for one in self._overrides if one.start <= at < one.until)

    def query(
        self,
        *,
        gate: str | None = None,
        slo: str | None = None,
        kinds: Collection[Kind] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[RecordEntry]:
        """Entries of [since, until), newest first; slo: an id or a glob; before: of the entry at which to go on."""
        statement = reading.newest_first(
            gate=gate,
            slo=slo,
            kinds=kinds,
            since=since,
            until=until,
            before=before,
            limit=max(1, min(limit, MOST_ENTRIES)),
            dialect=self._database.dialect,
        )
        return [RecordEntry.of_row(row) for row in self._rows(statement)]

    def last(self) -> dict[tuple[str, str], Outcome]:
        """What was last recorded of each gate as a whole, (gate, ""), and on each objective, (gate, id)."""
        return {(row.gate, row.slo): Outcome(row.outcome) for row in self._rows(reading.last_changes())}

    def prune(self, older_than: timedelta) -> int:
        """Remove what is older, but for what still holds; how many entries. In small steps: others write meanwhile."""
        before, removed = self._now() - older_than, 0
        while True:
            with self._database.transaction(writes=True) as connection:
                step = connection.execute(reading.prunable(before, _PRUNED_AT_ONCE)).rowcount
            removed += step
            if step < _PRUNED_AT_ONCE:
                return removed

    async def _committed(self, job: Job, patience_seconds: float = _PATIENCE_SECONDS) -> list[int]:
        try:
            async with asyncio.timeout(patience_seconds):
                return await asyncio.wrap_future(self._writer.submit(job))
        except TimeoutError:
            raise RecordError(f"{self.name} gave no answer in time") from None

    def _rows(self, statement: Any) -> Sequence[Any]:
        with self._database.transaction() as connection:
            return connection.execute(statement).all()

    def _override_numbered(self, number: int) -> Override:
        known = next((one for one in self._overrides if one.id == number), None)
        return known or RecordEntry.of_row(self._rows(reading.override_numbered(number))[0]).override()

    # What follows runs in the writer's thread.

    def _write(self, jobs: Sequence[Job]) -> list[list[int]]:
        numbers: list[list[int]] = []
        try:
            with self._database.transaction(writes=True) as connection:
                for is_one, some in groupby(jobs, lambda job: len(job) == 1):
                    numbers += self._add(connection, list(some), is_numbered=is_one)
        except RecordError as error:
            self._write_failure = str(error)
            raise
        self._write_failure = None
        if any(values["until"] is not None for job in jobs for values in job):
            self._read_overrides_again()
        return numbers

    def _add(self, connection: Connection, jobs: Sequence[Job], *, is_numbered: bool) -> list[list[int]]:
        """One statement for all. Nobody asks for the numbers of many entries, and they take time."""
        rows = [{**values, "writer": self._name} for job in jobs for values in job]
        if is_numbered:
            return [[number] for number in connection.execute(_ADDED, rows).scalars()]
        connection.execute(ENTRY.insert(), rows)
        return [[] for _ in jobs]

    def _look_around(self) -> None:
        """Overrides of other processes, whether writing works again, and, once a day, what is old."""
        self._read_overrides_again()
        if self._write_failure is not None:
            self._try_to_write()
        elif self._retention is not None and time.monotonic() >= self._prune_at:
            self._prune_quietly(self._retention)

    def _read_overrides_again(self) -> None:
        """Where that fails, those that are known hold on: each has its end."""
        try:
            self._overrides = self._read_overrides()
        except RecordError as error:
            self._read_failure = str(error)
        else:
            self._read_failure = None

    def _read_overrides(self) -> tuple[Override, ...]:
        entries = [RecordEntry.of_row(row) for row in self._rows(reading.in_force(self._now()))]
        revoked = {one.details["override"] for one in entries if one.kind is Kind.REVOCATION}
        return tuple(one.override() for one in entries if one.kind is Kind.OVERRIDE and one.id not in revoked)

    def _try_to_write(self) -> None:
        """A commit beside the entries: a disk that is full tells itself by nothing less."""
        key = META.c.key == "written_at"
        try:
            with self._database.transaction(writes=True) as connection:
                value = str(milliseconds(self._now())).zfill(_TRIED_CHARACTERS)
                if connection.execute(select(META.c.key).where(key)).first() is None:
                    connection.execute(META.insert().values(key="written_at", value=value))
                else:
                    connection.execute(META.update().where(key).values(value=value))
        except RecordError as error:
            self._write_failure = str(error)
        else:
            self._write_failure = None

    def _prune_quietly(self, retention: timedelta) -> None:
        self._prune_at = time.monotonic() + _PRUNE_AGAIN_SECONDS
        try:
            self.prune(retention)
        except RecordError as error:
            self._write_failure = str(error)
        else:
            self._prune_at = time.monotonic() + _PRUNE_EVERY_SECONDS


def _awaited(done: Future[list[int]], name: str) -> None:
    try:
        done.result(_PATIENCE_WITH_MANY_SECONDS)
    except TimeoutError:
        raise RecordError(f"{name} gave no answer in time") from None

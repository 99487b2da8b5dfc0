"""The one thread that writes: what many callers hand in meanwhile is committed at once.

A commit waits for the disk, whatever it holds; so one at a time, of all that has come while the one before was under
way. Whoever hands something in is told once it is committed, or that it could not be.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from slo.errors import RecordError
from slo.record.entries import Values

Job = Sequence[Values]
Write = Callable[[Sequence[Job]], Sequence[list[int]]]
"""Commits jobs as a whole or not at all; the numbers of each one's entries. Raises RecordError."""

_MOST_ROWS_AT_ONCE = 2000
_MOST_WAITING = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    job: Job
    done: Future[list[int]] = field(default_factory=Future)


class Writer:
    """Runs from its making until it is closed. idle: is called between commits, about every so many seconds."""

    def __init__(self, write: Write, idle: Callable[[], None], *, idle_seconds: float) -> None:
        self._write, self._idle, self._idle_seconds = write, idle, idle_seconds
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(_MOST_WAITING)
        self._closing = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="slo-record", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> Future[list[int]]:
        """The numbers of the job's entries, once they are committed; RecordError where they could not be."""
        waiting = _Waiting(job)
        with self._closing:  # nothing is to come behind the end of the queue
            if self._is_closed:
                raise RecordError("the record is closed")
            try:
                self._waiting.put_nowait(waiting)
            except queue.Full:
                raise RecordError(f"the record is behind: {_MOST_WAITING} entries wait to be written") from None
        return waiting.done

    def close(self) -> None:
        """Write what was handed in, and end."""
        with self._closing:
            if not self._is_closed:
                self._is_closed = True
                threading.Thread(target=self._waiting.put, args=(None,), daemon=True).start()
        self._thread.join()

    def _run(self) -> None:
        idle_at = time.monotonic() + self._idle_seconds
        while True:
            pause = idle_at - time.monotonic()
            if pause <= 0:
                self._idle()
                idle_at = time.monotonic() + self._idle_seconds
                continue
            try:
                first = self._waiting.get(timeout=pause)
            except queue.Empty:
                continue
            batch, is_last = self._gathered(first)
            self._commit(batch)
            if is_last:
                return

    def _gathered(self, first: _Waiting | None) -> tuple[list[_Waiting], bool]:
        """What waits, up to a size; and whether that is all there will ever be."""
        batch: list[_Waiting] = []
        one, rows = first, 0
        while one is not None:
            if one.done.set_running_or_notify_cancel():  # a caller that went away needs no entry
                batch.append(one)
                rows += len(one.job)
            if rows >= _MOST_ROWS_AT_ONCE:
                return batch, False
            try:
                one = self._waiting.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        if not batch:
            return
        try:
            numbers = self._write([one.job for one in batch])
        except Exception as error:  # whatever it is, those who wait must hear of it, and the thread must go on
            for one in batch:
                one.done.set_exception(_told(error))
            return
        for one, theirs in zip(batch, numbers, strict=True):
            one.done.set_result(theirs)


def _told(error: Exception) -> Exception:
    """One for each who waits: an exception that is raised in several threads mixes up their tracebacks."""
    told = RecordError(str(error)) if isinstance(error, RecordError) else RecordError(f"the record failed: {error!r}")
    told.__cause__ = error
    return told

"""The collector's process as the web process looks after it: started, listened to, started again, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from slo.clock import utc_now
from slo.serving.messages import RELOAD, ChildConfig
from slo.serving.series_text import collector_text
from slo.serving.snapshot import Snapshot, status_of
from slo.serving.views import CollectorStatus

_LOG = logging.getLogger("slo.collector")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_LONGEST_LINE = 1 << 24
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 30.0
_HUNG_AFTER_SECONDS = 600.0
"""Longer than any question to a Prometheus may take, its second tries included."""
_KILLED_AFTER_SECONDS = 5.0


class Supervisor:
    """One child that collects, and the newest snapshot that it made.

    on_snapshot: awaited with each snapshot before it becomes the current one; those that come meanwhile are left out
    but for the last. hung_after_seconds: a child that says nothing for so long is ended and started anew.
    """

    def __init__(
        self,
        config: ChildConfig,
        on_snapshot: Callable[[Snapshot], Awaitable[None]],
        *,
        hung_after_seconds: float = _HUNG_AFTER_SECONDS,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._config = config
        self._on_snapshot = on_snapshot
        self._hung_after_seconds = hung_after_seconds
        self._now = now
        self._folder: Path | None = None
        self._process: Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._newest: Path | None = None
        self._arrived = asyncio.Event()
        self._first = asyncio.Event()
        self._is_stopping = False
        self._status: CollectorStatus | None = None
        self.snapshot: Snapshot | None = None
        self.restarts = 0

    @property
    def status(self) -> CollectorStatus | None:
        """As last told by the child, the lag as it is now; None before it told anything."""
        status, snapshot = self._status, self.snapshot
        newest = None if snapshot is None else snapshot.newest_minute
        if status is None or newest is None:
            return status
        return replace(status, lag_seconds=max(self._now().timestamp() - newest * 60, 0.0))

    @property
    def alive(self) -> bool:
        """Whether the child runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Of the child, while it runs."""
        return self._process.pid if self._process is not None and self.alive else None

    async def start(self) -> None:
        """Begin to look after a child. Raises OSError where no folder can be made for what it finds."""
        self._folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="slo-"))
        self._tasks = [asyncio.create_task(self._keep_running()), asyncio.create_task(self._take_snapshots())]

    async def first(self) -> Snapshot:
        """The first snapshot, once it is there."""
        await self._first.wait()
        assert self.snapshot is not None
        return self.snapshot

    def reload(self) -> None:
        """Let objective files be read again now, changed or not."""
        if self.alive and self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(ConnectionError):
                self._process.stdin.write(RELOAD)

    async def stop(self, deadline_seconds: float = 10.0) -> None:
        """Let the child end after what it is about to do; kill it at the deadline."""
        self._is_stopping = True
        await self._end_child(deadline_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    def metrics(self) -> bytes:
        """The collector's own series, as they are at this moment."""
        made_at = self.snapshot.made_at if self.snapshot else None
        return collector_text(self.status, made_at, is_alive=self.alive, restarts=self.restarts)

    async def _keep_running(self) -> None:
        wait = _FIRST_WAIT_SECONDS
        while not self._is_stopping:
            before = self.snapshot
            try:
                await self._run_child()
            except OSError as error:
                _LOG.error("the collector cannot be started: %s", error)
            if self._is_stopping:
                return
            if self.snapshot is not before:
                wait = _FIRST_WAIT_SECONDS
            self.restarts += 1
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    async def _run_child(self) -> None:
        """One child from its start to its end."""
        assert self._folder is not None
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "slo.serving.child", stdin=PIPE, stdout=PIPE, stderr=PIPE,
            limit=_LONGEST_LINE, start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(self._config.to_line(str(self._folder)))
        complaints = asyncio.create_task(_log_lines(process))
        try:
            await self._listen(process)
        finally:
            await self._end_child(_KILLED_AFTER_SECONDS)
            await complaints
        if not self._is_stopping:
            _LOG.error("the collector ended with %s; starting it again", process.returncode)

    async def _listen(self, process: Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await asyncio.wait_for(process.stdout.readline(), self._hung_after_seconds)
            except TimeoutError:
                _LOG.error("the collector has said nothing for %.0f s", self._hung_after_seconds)
                process.kill()
                return
            if not line:
                return
            self._heard(orjson.loads(line))

    def _heard(self, message: Mapping[str, Any]) -> None:
        kind = message["kind"]
        if kind == "log":
            _LOG.log(_LEVELS[message["level"]], "%s", message["message"])
        elif kind == "status":
            self._status = status_of(message)
        elif kind == "snapshot":
            if self._newest is not None:
                self._newest.unlink(missing_ok=True)
            self._newest = Path(message["path"])
            self._arrived.set()

    async def _take_snapshots(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            path, self._newest = self._newest, None
            if path is None:
                continue
            try:
                snapshot = await asyncio.to_thread(Snapshot.open, path)
                path.unlink(missing_ok=True)
                await self._on_snapshot(snapshot)
            except Exception:  # whatever it is, the next snapshot may do
                _LOG.exception("a snapshot could not be taken over")
                continue
            self.snapshot, self._status = snapshot, snapshot.status
            self._first.set()

    async def _end_child(self, deadline_seconds: float) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), deadline_seconds)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()


async def _log_lines(process: Process) -> None:
    """Whatever the child prints: it should print nothing, so that it is worth a look."""
    assert process.stderr is not None
    async for line in process.stderr:
        _LOG.error("collector: %s", line.decode(errors="replace").rstrip())

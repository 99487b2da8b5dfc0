"""What the web process and its child tell each other: one JSON document a line, over the child's pipes.

To the child: its ChildConfig, then RELOAD; the end of the pipe means that it is to end. From the child: `alive`, `log`,
`status`, `snapshot`, each a mapping with its `kind`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

RELOAD = b"reload\n"

_ALIVE_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildConfig:
    """What the child collects, by the texts of the flags; None where the settings hold.

    files: objective files and folders. ledger: its DSN, which may hold a password: it goes through the pipe, never
    on a command line. check_files_seconds: how often files are looked at for changes.
    """

    files: tuple[str, ...]
    ledger: str
    settings: str | None = None
    prometheus: str | None = None
    scrape: tuple[str, ...] = ()
    scrape_interval: str = "15s"
    timeout: str | None = None
    notice_webhook: str | None = None
    alertmanager_url: str | None = None
    check_files_seconds: float = 2.0

    def to_line(self, folder: str) -> bytes:
        return orjson.dumps({**asdict(self), "folder": folder}) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> tuple[ChildConfig, str]:
        """And the folder that snapshots are to be written to."""
        values = orjson.loads(line)
        folder = values.pop("folder")
        files, scrape = tuple(values.pop("files")), tuple(values.pop("scrape"))
        return cls(files=files, scrape=scrape, **values), folder


class Channel:
    """The child's way to tell. May be used by several threads; a parent that is gone is no failure."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._alive_at = 0.0

    def send(self, kind: str, message: Mapping[str, Any]) -> None:
        line = orjson.dumps({"kind": kind, **message}) + b"\n"
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except BrokenPipeError:
                return

    def log(self, message: str, *, level: str = "warning") -> None:
        self.send("log", {"level": level, "message": message})

    def alive(self, _share: float = 0.0) -> None:
        """That work goes on, once in a while."""
        if time.monotonic() - self._alive_at > _ALIVE_EVERY_SECONDS:
            self._alive_at = time.monotonic()
            self.send("alive", {})

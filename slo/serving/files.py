"""Objective files that are read again when they change; broken ones leave in force what was read before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from slo.errors import UsageError
from slo.serving.frozen import dumps, loads
from slo.serving.views import FilesStatus
from slo.spec import Spec, files_of, load_files

_Look = tuple[tuple[str, int, int, int], ...]
"""Of each file its name, time of change, size and inode."""


class ObjectiveFiles:
    """The objectives in force. spec: None while there never was a set without a problem.

    keep: a file beside the snapshots that holds the last good set, so that the next process has it, too.
    """

    def __init__(self, paths: Sequence[Path], keep: Path, *, now: Callable[[], datetime]) -> None:
        self._paths = paths
        self._keep = keep
        self._now = now
        self._read: _Look | None = None
        self.spec: Spec | None = loads(keep.read_bytes()) if keep.is_file() else None
        self.status = FilesStatus(ok=False, problems="not read yet", loaded_at=now())

    def have_changed(self) -> bool:
        """Whether a file was changed, added or removed since they were read. May be asked from another thread."""
        return self._read != self._look()

    def forget(self) -> None:
        """Read them again, changed or not. May be called from another thread."""
        self._read = None

    def refresh(self, accept: Callable[[Spec], None]) -> bool:
        """Read them if they have changed; whether another set is in force.

        accept: raises UsageError for a set that cannot be used, which then is not.
        """
        look = self._look()
        if look == self._read:
            return False
        try:
            spec = load_files(self._paths)
            accept(spec)
        except UsageError as error:
            self._read = look
            loaded_at = self.status.loaded_at
            self.status = FilesStatus(ok=False, problems=str(error), loaded_at=loaded_at)
            return False
        self._read = look
        self.status = FilesStatus(ok=True, problems="", loaded_at=self._now())
        self.spec = spec
        self._keep.write_bytes(dumps(spec))
        return True

    def _look(self) -> _Look:
        found = []
        for path in self._paths:
            try:
                for file in files_of(path):
                    stat = file.stat()
                    found.append((str(file), stat.st_mtime_ns, stat.st_size, stat.st_ino))
            except OSError:
                found.append((str(path), 0, 0, 0))
        return tuple(found)

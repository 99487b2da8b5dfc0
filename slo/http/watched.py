"""Files that change under a running service: tokens, certificates."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class Watched:
    """Tells whether any of the files has changed since it was last asked.

    By time, size and inode: a Kubernetes secret is replaced through a symbolic link, a renewed certificate by a rename.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = tuple(files)
        self._seen = self._marks()

    def changed(self) -> bool:
        marks = self._marks()
        changed, self._seen = marks != self._seen, marks
        return changed

    def _marks(self) -> tuple[object, ...]:
        return tuple(_mark(file) for file in self._files)


def _mark(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino

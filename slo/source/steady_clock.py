"""A clock that tells the date and never goes back, so that no sample is older than the one before it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class SteadyClock:
    """The wall clock's time at the start plus what a monotonic clock has counted since.

    A wall clock that is set back is ignored. One that is ahead is followed at once: after a suspended machine wakes,
    a monotonic clock does not know how long it slept.
    """

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._offset = wall() - monotonic()

    def now_ms(self) -> int:
        """Milliseconds since the epoch, never fewer than at an earlier call."""
        with self._lock:
            counted = self._monotonic()
            self._offset = max(self._offset, self._wall() - counted)
            return int((self._offset + counted) * 1000)

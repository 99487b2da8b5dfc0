"""When what is read: how late samples arrive, and which minutes are due for their first and second reading."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from slo.units import MINUTE_MS

QUARTER = 15
"""Each stretch is read a second time in pieces of as many minutes, as many minutes later."""

_REMEMBERED = 10
_LEARNT_ANEW_AFTER = 60
_LONGEST_LAG_MS = 10 * MINUTE_MS


@dataclass(slots=True)
class Lag:
    """How late the newest samples of a source are, learnt from the last reads, unless it is set."""

    set_seconds: float | None = None
    _ages: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _observed: int = 0

    def observe(self, newest_ms: int, until_ms: int, now_ms: int, interval_ms: int) -> None:
        """What a read up to until_ms found. newest_ms: the newest sample of any target.

        Only a missing sample tells of a lag: one that is due within the stretch and is not there. The age alone tells
        of none, as a read that waits for what is late finds nothing younger than it has waited. Whether a lag is over
        shows only without waiting: once an hour it is learnt anew.
        """
        self._observed += 1
        if self._observed % _LEARNT_ANEW_AFTER == 0:
            self._ages.clear()
            return
        late = max(now_ms - newest_ms - interval_ms, 0)
        if late <= _LONGEST_LAG_MS:
            is_missing = until_ms - newest_ms > interval_ms + interval_ms // 10
            self._ages.append(late if is_missing else self.milliseconds)

    @property
    def milliseconds(self) -> int:
        if self.set_seconds is not None:
            return round(self.set_seconds * 1000)
        return min(self._ages, default=0)


def live_until(now_ms: int, lag: Lag) -> int:
    """The last minute whose samples have all arrived."""
    return (now_ms - lag.milliseconds) // MINUTE_MS


def final_until(now_ms: int, phase: int) -> int:
    """The last minute that is due for its second reading; phase: which minutes of a quarter hour are."""
    latest = now_ms // MINUTE_MS - QUARTER
    return latest - (latest - phase) % QUARTER

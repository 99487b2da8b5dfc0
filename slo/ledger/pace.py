"""When what is read: how late samples arrive, and which minutes are due for their first and second reading."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from slo.units import MINUTE_MS

QUARTER = 15
"""Each stretch is read a second time in pieces of as many minutes, as many minutes later."""

_REMEMBERED = 10
_LONGEST_LAG_MS = 10 * MINUTE_MS


@dataclass(slots=True)
class Lag:
    """How late the newest samples of a source are, learnt from the last reads, unless it is set."""

    set_seconds: float | None = None
    _ages: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def observe(self, age_ms: int, interval_ms: int) -> None:
        """age_ms: of the newest sample of any target. Within one scrape interval it is no lag."""
        if age_ms <= _LONGEST_LAG_MS:
            self._ages.append(age_ms if age_ms > interval_ms else 0)

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

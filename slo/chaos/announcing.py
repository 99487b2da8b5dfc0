"""A run that goes on is told to the service every now and then, so that dashboards show it. Nothing depends on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from slo.chaos.reading import BudgetSource
from slo.errors import SLOError

_AGAIN = timedelta(seconds=15)
"""The service forgets a run after a minute."""


class Announcing:
    """Of one run. say: is told once where the service does not hear of it."""

    def __init__(
        self, budget: BudgetSource, faults: Sequence[str], *, now: Callable[[], datetime], say: Callable[[str], None]
    ) -> None:
        self._budget = budget
        self._faults = faults
        self._now = now
        self._say = say
        self._told_at: datetime | None = None
        self._has_failed = False

    def renew(self) -> None:
        """Where it is time to; raises nothing."""
        at = self._now()
        if self._told_at is not None and at - self._told_at < _AGAIN:
            return
        self._told_at = at
        try:
            self._budget.tell(self._faults)
        except SLOError as error:
            if not self._has_failed:
                self._has_failed = True
                self._say(f"dashboards will not show this run: {error}")

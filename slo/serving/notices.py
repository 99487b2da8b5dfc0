"""Notices that a budget has fallen below a half, a quarter, and nought: once each, on every channel.

A level is armed again once the budget is five points above it. What was given is remembered in the ledger. A notice
that nobody takes is tried again and again in the background, and never holds up the counting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from slo.errors import LedgerError
from slo.ledger.notified import Told, remember, told
from slo.ledger.store import Ledger
from slo.objective import Objective
from slo.report import ObjectiveReport, State
from slo.reporting import Evaluation
from slo.serving.notice_posts import Destination, Notice, NoticeError
from slo.window import datetime_of

LEVELS = (0, 25, 50)
"""In percent of the budget, the lowest first."""

_HYSTERESIS = 5
_KNOWN = (State.OK, State.BURNING, State.EXHAUSTED)
"""Figures of other states are not to be told: too little was seen."""

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 2.0, 300.0


class Change(NamedTuple):
    """What is to be done about one objective on one channel: a level to tell, or one (or none) to fall back to."""

    tell: int | None = None
    rearm_to: int | None = None


def change_of(remaining_ratio: float, *, is_exhausted: bool, told_percent: int | None) -> Change | None:
    """None where all is as it was told. told_percent: the lowest level that was told and holds, None for none."""
    percent = remaining_ratio * 100
    below = [level for level in LEVELS if (is_exhausted if level == 0 else percent < level)]
    if below and (told_percent is None or below[0] < told_percent):
        return Change(tell=below[0])
    if told_percent is None or percent < told_percent + _HYSTERESIS:
        return None
    holding = [level for level in LEVELS if level > told_percent and percent < level + _HYSTERESIS]
    return Change(rearm_to=holding[0] if holding else None)


class Notices:
    """Gives notices from a thread of its own. Use as a context manager.

    dsn: of the ledger, in which they are remembered. say: is told failures, once when they change.
    """

    def __init__(self, places: Sequence[Destination], dsn: str, *, say: Callable[[str], None]) -> None:
        self._places = {place.name: place for place in places}
        self._dsn = dsn
        self._say = say
        self._changed = threading.Condition()
        self._waiting: dict[tuple[str, str], Notice] = {}
        self._given: dict[tuple[str, str], Notice] = {}
        """Posted, but not yet remembered."""
        self._is_ending = False
        self._failures: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Notices:
        if self._places:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        if self._places:
            self._thread.join(_FIRST_WAIT_SECONDS)

    def consider(self, evaluated: Iterable[Evaluation], ledger: Ledger) -> None:
        """Give the notices that the reports of a cycle ask for, in the background. Raises LedgerError."""
        if not self._places:
            return
        known = told(ledger)
        for one in evaluated:
            report = one.report
            if not report.group and report.state in _KNOWN and report.budget.remaining_ratio is not None:
                for place in self._places:
                    self._consider(one.objective, report, place, known, ledger)

    def _consider(self, objective: Objective, report: ObjectiveReport, place: str, known: Told, ledger: Ledger) -> None:
        key = (report.slo, place)
        remaining = report.budget.remaining_ratio
        assert remaining is not None
        with self._changed:
            given = self._given.get(key)
            told_percent = given.percent if given else known.get(key)
        is_exhausted = report.state is State.EXHAUSTED
        change = change_of(remaining, is_exhausted=is_exhausted, told_percent=told_percent)
        if change is None or change.tell is None:
            with self._changed:
                self._waiting.pop(key, None)  # it recovered before anybody was told
        if change is not None and change.tell is not None:
            self._give(key, _notice(objective, report, change.tell))
        elif change is not None and given is None:
            remember(ledger, *key, change.rearm_to, at=datetime_of(report.window.end))

    def _give(self, key: tuple[str, str], notice: Notice) -> None:
        with self._changed:
            waiting = self._waiting.get(key)
            if waiting is None or waiting.percent != notice.percent:
                self._waiting[key] = notice
                self._changed.notify()

    def _run(self) -> None:
        wait = _FIRST_WAIT_SECONDS
        while True:
            with self._changed:
                while not self._waiting and not self._given and not self._is_ending:
                    self._changed.wait()
                if self._is_ending:
                    return
                work = list(self._waiting.items())
            posted = [self._post(key, notice) for key, notice in work]
            if self._remember() and all(posted):
                wait = _FIRST_WAIT_SECONDS
                continue
            with self._changed:
                self._changed.wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    def _post(self, key: tuple[str, str], notice: Notice) -> bool:
        place = key[1]
        try:
            self._places[place].post(notice)
        except NoticeError as error:
            self._failed(place, f"{error}; trying again")
            return False
        self._failed(place, "")
        with self._changed:
            self._given[key] = notice
            if self._waiting.get(key) is notice:
                del self._waiting[key]
        return True

    def _remember(self) -> bool:
        """Keep what was given, over a connection of this thread's own."""
        with self._changed:
            given = dict(self._given)
        if not given:
            return True
        try:
            with Ledger(self._dsn) as ledger:
                for (slo, place), notice in given.items():
                    remember(ledger, slo, place, notice.percent, at=notice.at)
        except LedgerError as error:
            self._failed("ledger", f"what was given notice of cannot be remembered: {error}")
            return False
        with self._changed:
            self._given = {key: notice for key, notice in self._given.items() if given.get(key) is not notice}
        return True

    def _failed(self, what: str, message: str) -> None:
        if message and self._failures.get(what) != message:
            self._say(message)
        self._failures[what] = message


def _notice(objective: Objective, report: ObjectiveReport, percent: int) -> Notice:
    remaining = report.budget.remaining_ratio
    assert remaining is not None
    return Notice(
        slo=report.slo,
        service=report.service,
        labels=objective.labels,
        percent=percent,
        state=report.state.value,
        target_ratio=float(report.target_ratio),
        remaining_ratio=remaining,
        remaining_minutes=report.budget.remaining_minutes,
        at=datetime_of(report.window.end),
    )

"""Counters that never begin anew: where each stood at a minute, from which the ledger's counts go on.

The ledger forgets what is old, memory holds no more than the longest window, and processes end. So the sums up to a
minute are kept, an hour behind the newest count as what is younger may still be counted again; and what was told at
last, as a second reading that finds less must not make a counter fall: Prometheus would take that for a new beginning,
and count all of it once more.
"""

from __future__ import annotations

from typing import NamedTuple

import orjson
from sqlalchemy import bindparam, select

from slo.events import Events
from slo.ledger.schema import COUNTER, COUNTERS_TOLD
from slo.ledger.store import Ledger
from slo.window import Interval

_HOUR = 60


class CounterState(NamedTuple):
    """Bad and all events from the beginning up to a minute."""

    minute: int
    bad: int
    total: int


class Counters:
    """Events of every id since the beginning of counting, as Prometheus wants a counter: it never falls.

    The beginning of an id is the first minute that was held of it when it was asked for first.
    before: what was told from a ledger that had to be opened anew.
    """

    def __init__(self, ledger: Ledger, before: Counters | None = None) -> None:
        self._ledger = ledger
        rows = ledger.rows(select(COUNTER))
        self._kept = {row.slo: CounterState(row.minute, row.bad, row.total) for row in rows}
        self._fresh: set[str] = set()
        self._told: dict[str, CounterState] = dict(before._told) if before else _told_at_last(ledger)

    def count(self, slo: str, events: Events, at_minute: int) -> CounterState | None:
        """As it stands at a minute; None where nothing was ever counted. events: of the last hours at least."""
        seen = events.observed
        if seen is None:
            return self._told.get(slo) or self._kept.get(slo)
        kept = self._kept.get(slo) or CounterState(seen.start, 0, 0)
        now = _after(kept, events, max(at_minute, kept.minute))
        settled = (min(at_minute, seen.end) - _HOUR) // _HOUR * _HOUR
        if settled > kept.minute:
            self._kept[slo] = _after(kept, events, settled)
            self._fresh.add(slo)
        elif slo not in self._kept:
            self._kept[slo] = kept
            self._fresh.add(slo)
        # A second reading may find fewer events than the first: then it stands still until there are more again.
        told = self._told.get(slo)
        if told is not None:
            now = CounterState(now.minute, max(now.bad, told.bad), max(now.total, told.total))
        self._told[slo] = now
        return now

    def save(self) -> None:
        """Keep where they stood, before anybody is told; only the process that writes the ledger may.

        Raises LedgerError.
        """
        rows = [{"slo": slo, **self._kept[slo]._asdict()} for slo in sorted(self._fresh)]
        with self._ledger.transaction() as connection:
            if rows:
                connection.execute(
                    COUNTER.delete().where(COUNTER.c.slo == bindparam("of")), [{"of": row["slo"]} for row in rows]
                )
                connection.execute(COUNTER.insert(), rows)
            connection.execute(COUNTERS_TOLD.delete())
            told = orjson.dumps({slo: list(state) for slo, state in self._told.items()})
            connection.execute(COUNTERS_TOLD.insert().values(id=1, data=told))
        self._fresh.clear()


def _told_at_last(ledger: Ledger) -> dict[str, CounterState]:
    rows = [orjson.loads(row.data) for row in ledger.rows(select(COUNTERS_TOLD))]
    return {slo: CounterState(*state) for row in rows for slo, state in row.items()}


def _after(state: CounterState, events: Events, minute: int) -> CounterState:
    good, bad, _ = events.within(Interval(state.minute, minute))
    return CounterState(minute, state.bad + bad, state.total + good + bad)

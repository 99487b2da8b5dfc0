"""Counters of the service: exact, never falling, and going on where they were whatever became of the history."""

from __future__ import annotations

from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.events import EventSeries
from slo.ledger.counters import Counters, CounterState
from slo.ledger.store import Ledger

START = 20_000 * 1440
HOUR = 60


def events(start: int, end: int, *, good: int = 9, bad: int = 1) -> EventSeries:
    """The same in every minute."""
    edges = np.arange(end - start + 1)
    return EventSeries(start, good * edges, bad * edges, edges.astype(float))


def test_a_counter_holds_every_event_since_the_first_minute(ledger: Ledger) -> None:
    counters = Counters(ledger)
    for end in (START + 10, START + 11, START + 5000):
        minutes = end - START
        assert counters.count("a/b", events(START, end), end) == CounterState(end, minutes, 10 * minutes)
    assert counters.count("a/c", EventSeries.empty(), START) is None


def test_it_goes_on_after_a_restart_when_most_of_the_history_is_gone(ledger: Ledger) -> None:
    before = Counters(ledger)
    before.count("a/b", events(START, START + 6000), START + 6000)
    before.save()
    later = START + 6100
    after = Counters(ledger)
    assert after.count("a/b", events(later - 3 * HOUR, later), later) == CounterState(later, 6100, 61_000)
    silent = Counters(ledger)
    found = silent.count("a/b", EventSeries.empty(), later)
    assert found is not None
    assert found.total == 10 * (found.minute - START)


def test_what_is_younger_than_an_hour_may_be_counted_again(ledger: Ledger) -> None:
    before = Counters(ledger)
    end = START + 10 * HOUR
    before.count("a/b", events(START, end), end)
    before.save()
    recounted = np.where(np.arange(10 * HOUR) < 9 * HOUR, 1, 3)
    edges = np.concatenate([[0], np.cumsum(recounted)])
    nothing = np.zeros(edges.size, np.int64)
    series = EventSeries(START, nothing, edges, np.arange(edges.size, dtype=float))
    found = Counters(ledger).count("a/b", series, end)
    assert found is not None
    assert found.bad == 9 * HOUR + 3 * HOUR


def test_it_stands_still_while_a_second_reading_found_less(ledger: Ledger) -> None:
    counters = Counters(ledger)
    end = START + 30
    first = counters.count("a/b", events(START, end, bad=2), end)
    assert counters.count("a/b", events(START, end, bad=1), end) == first
    reopened = Counters(ledger, counters)
    assert reopened.count("a/b", events(START, end, bad=1), end) == first
    counters.save()
    assert Counters(ledger).count("a/b", events(START, end, bad=1), end) == first, "after a restart, too"


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 3), st.booleans()), min_size=1, max_size=12))
def test_it_never_falls(steps: list[tuple[int, int, bool]]) -> None:
    with TemporaryDirectory() as folder, Ledger(f"{folder}/slo.db", create=True) as ledger:
        counters, minute, told = Counters(ledger), START, CounterState(0, 0, 0)
        for minutes, bad, is_restarted in steps:
            minute += minutes
            state = counters.count("a/b", events(START, minute, bad=bad), minute)
            assert state is not None
            assert state.bad >= told.bad
            assert state.total >= told.total
            told = state
            if is_restarted:
                counters.save()
                counters = Counters(ledger)

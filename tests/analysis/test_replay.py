"""A gate over history: what it would have said, from what was known then, and whether that was right."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.decision import Outcome, fold
from slo.events import EventSeries
from slo.gate import BurnLimit, Gate
from slo.replay import Answer, Deploy, GateReplay, Replayed
from slo.report import evaluate
from slo.verdict import judge
from slo.window import Interval, datetime_of
from tests.analysis.histories import DAY, MONTH, START, history
from tests.arithmetic.objectives import objective

GATE = Gate(
    name="deploy",
    objectives=("cloudshop/*",),
    min_budget_remaining_ratio=Decimal("0.25"),
    max_burn_rate=(BurnLimit(long_minutes=60, max_burn_rate=Decimal(2)),),
    max_data_age_seconds=300,
    on_unknown={"default": "deny", "young": "allow"},
)


def replay(events: EventSeries) -> GateReplay:
    return GateReplay(GATE, [Replayed(objective=objective(), groups={(): events})])


def answers(events: EventSeries, step: int = 5, within: Interval | None = None) -> list[Answer]:
    whole = Interval(events.start + 5 * DAY, events.end)
    return list(replay(events).answers(within or whole, step, lambda share: None))


def told(found: list[Answer]) -> list[tuple[int, int, str]]:
    return [(one.interval.start - START, one.interval.end - START, one.outcome.value) for one in found]


def test_an_outage_closes_the_gate_for_the_hour_and_no_longer() -> None:
    """The burn over 1h passes 2 at once and is over 60 minutes after the end; the budget is spent for longer."""
    found = answers(history(10 * DAY, (7 * DAY, 30, 0.4), total=1000.0), step=1)
    start = 7 * DAY
    assert told(found)[1:3] == [(start + 1, start + 90, "deny"), (start + 90, 10 * DAY, "deny")]
    burning, spent = found[1], found[2]
    assert burning.decisive is not None
    assert (burning.decisive.check, burning.decisive.window_minutes) == ("max_burn_rate", 60)
    assert spent.decisive is not None
    assert spent.decisive.check == "min_budget_remaining"
    assert told(found)[0] == (5 * DAY, start + 1, "allow")


def test_a_young_history_is_unknown_and_let_through_as_the_gate_says() -> None:
    found = answers(history(5 * DAY), within=Interval(START + 60, START + 5 * DAY))
    assert told(found) == [(60, 3 * DAY, "unknown"), (3 * DAY, 5 * DAY, "allow")]
    assert [one.allowed for one in found] == [True, True]


def test_a_gap_in_the_data_was_stale_data_then() -> None:
    """Not the coverage of a history that goes on afterwards: nobody knew that it would."""
    covered = np.ones(10 * DAY)
    covered[8 * DAY : 8 * DAY + 60] = 0
    events = EventSeries.from_minutes(START, np.zeros(10 * DAY), np.full(10 * DAY, 1000.0) * covered, covered)
    found = answers(events, step=1)
    assert told(found)[1] == (8 * DAY + 6, 8 * DAY + 61, "unknown")
    assert found[1].decisive is not None
    assert found[1].decisive.cause == "stale"
    assert not found[1].allowed


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 6 * DAY))
def test_an_answer_knows_nothing_of_what_came_later(seed: int, minute: int) -> None:
    """It is the decision on the history as it ended at that minute."""
    rng = np.random.default_rng(seed)
    size = 6 * DAY
    covered = (rng.random(size) > 0.01).astype(float)
    total = rng.poisson(20.0, size) * covered
    bad = rng.binomial(total.astype(int), rng.choice([0.0, 0.001, 0.1], 12).repeat(size // 12)).astype(float)
    whole = EventSeries.from_minutes(START, bad, total, covered)
    known = EventSeries.from_minutes(START, bad[:minute], total[:minute], covered[:minute])
    at, one = datetime_of(START + minute), objective()
    expected = fold(GATE, [judge(GATE, one, evaluate(one, known, at=at), known, at=at)], at=at)
    assert replay(whole).decision(START + minute) == expected


def test_stretches_follow_each_other_and_fill_the_time_whatever_the_step() -> None:
    events = history(10 * DAY, (7 * DAY, 10, 0.4))
    for step in (1, 7, 60):
        intervals = [one.interval for one in answers(events, step)]
        assert intervals[0].start == START + 5 * DAY
        assert intervals[-1].end == START + 10 * DAY
        assert all(before.end == after.start for before, after in pairwise(intervals))


@pytest.mark.parametrize(
    ("minute", "allowed", "did_harm", "was_right"),
    [
        (20 * DAY, True, False, True),
        (25 * DAY - 10, True, True, False),
        (25 * DAY + 5, False, True, True),
        (25 * DAY + 65, False, False, False),
    ],
)
def test_a_deploy_is_right_to_block_if_harm_came_after_it(
    minute: int, allowed: bool, did_harm: bool, was_right: bool
) -> None:
    """20 minutes at 20 %: 4 minutes of 43.2, a tenth of the budget. Before it, in it, and after it."""
    machine = replay(history(MONTH, (25 * DAY, 20, 0.2)))
    judged = machine.judged(Deploy(minute=START + minute), 60, 0.02)
    assert (judged.allowed, judged.did_harm, judged.was_right) == (allowed, did_harm, was_right)


def test_harm_is_what_was_spent_within_the_horizon() -> None:
    machine = replay(history(MONTH, (25 * DAY, 20, 0.2)))
    judged = machine.judged(Deploy(minute=START + 25 * DAY - 10), 20, 0.02)
    assert judged.spent_ratio == pytest.approx(10 * 0.2 / 43.2)


def test_objectives_that_the_gate_does_not_name_are_not_asked() -> None:
    events = history(10 * DAY, (7 * DAY, 2000, 1.0))
    other = Replayed(objective=objective(service="bank"), groups={(): events})
    mine = Replayed(objective=objective(), groups={(): history(10 * DAY)})
    machine = GateReplay(GATE, [other, mine])
    assert machine.decision(START + 8 * DAY).outcome is Outcome.ALLOW
    assert GateReplay(GATE, [other]).decision(START + 8 * DAY).reasons[0].check == "no_objective"

"""What a gate finds of one objective: at exact thresholds, with few events, with little data."""

from __future__ import annotations

from decimal import Decimal

from slo.decision import Outcome
from tests.gates.worlds import gate, history, limits, verdict


def test_a_budget_at_its_floor_is_enough_and_one_event_more_is_not() -> None:
    """4,320,000 events allow 4,320 bad ones; 3,240 leave exactly the quarter that is required."""
    assert verdict(gate(), history(bad={5000: 90, 6000: 3150})).outcome is Outcome.ALLOW
    [reason] = verdict(gate(), history(bad={5000: 91, 6000: 3150})).reasons
    assert (reason.check, reason.outcome, reason.threshold) == ("min_budget_remaining", Outcome.DENY, 0.25)
    assert reason.message == "24.9 % of the budget is left, 25 % is required"


def test_each_window_alone_denies_when_it_burns_faster_than_its_limit() -> None:
    """6,000 events an hour: 6 bad ones are a burn rate of 1."""
    calm = gate(min_budget_remaining_ratio=None, max_burn_rate=limits(h1="1", h6="1"))
    assert verdict(calm, history(bad={10: 6})).outcome is Outcome.ALLOW
    [reason] = verdict(calm, history(bad={10: 7})).reasons
    assert (reason.check, reason.outcome, reason.window_minutes) == ("max_burn_rate", Outcome.DENY, 60)
    assert (reason.observed, reason.threshold) == (7 / 6000 * 1000, 1.0)


def test_of_ten_events_one_bad_one_may_be_chance_and_two_are_not() -> None:
    """b = 0.001: P(X >= 1 of 10) is 0.010, P(X >= 2 of 10) is 4.5e-5."""
    few = gate(min_budget_remaining_ratio=Decimal(0))
    [unsure] = verdict(few, history(10_000, total=0.001, bad={100: 1})).reasons
    assert (unsure.outcome, unsure.cause) == (Outcome.UNKNOWN, "insufficient")
    [sure] = verdict(few, history(10_000, total=0.001, bad={100: 1, 200: 1})).reasons
    assert sure.outcome is Outcome.DENY

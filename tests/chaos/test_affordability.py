"""What a run may cost at worst, against what is left of the budget."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.chaos.affordability import Exposure, Standing, busiest_per_second, estimate, is_overspent

POD_DELETE = Exposure(
    affected_ratio=Fraction(1, 2), duration_seconds=30, polling_seconds=5, attempts=4, grace_seconds=30
)
SHOP = Standing(
    slo="shop/a",
    bad_events=250,
    bad_ever=0,
    budget_events=Fraction(1000),
    busiest_per_second=Fraction(10),
    data_until=1,
    state="ok",
)
QUARTER = Decimal("0.25")


def test_the_worst_case_is_the_whole_share_until_everything_is_gone() -> None:
    """10 requests a second, half of them, for 30 + 5 * 4 + 30 seconds: 400."""
    made = estimate(SHOP, POD_DELETE, Decimal(1))
    assert (made.worst_events, made.expected_events, made.remaining_events, made.refusal) == (400, 400, 750, "")


def test_a_run_may_cost_a_share_of_what_is_left_and_not_one_event_more() -> None:
    left = replace(SHOP, budget_events=Fraction(250 + 1600))
    assert estimate(left, POD_DELETE, QUARTER).refusal == ""
    short = estimate(replace(left, budget_events=left.budget_events - Fraction(1, 100)), POD_DELETE, QUARTER)
    assert short.refusal == "shop/a: the run may cost 400 bad events, and 25 % of the 1599 that are left are 399"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"data_until": None}, "there are no data"),
        ({"state": "no_data"}, "there are no data"),
        ({"busiest_per_second": Fraction(0)}, "there is no traffic"),
        ({"bad_events": 1000}, "nothing is left of the budget"),
        ({"bad_events": 3000}, "nothing is left of the budget"),
        ({"budget_events": Fraction(0), "bad_events": 0}, "nothing is left of the budget"),
    ],
)
def test_what_cannot_be_known_or_is_gone_cannot_be_afforded(changes: dict[str, object], told: str) -> None:
    assert told in estimate(replace(SHOP, **changes), POD_DELETE, Decimal(1)).refusal  # type: ignore[arg-type]


def test_three_runs_of_the_past_refine_the_estimate() -> None:
    assert estimate(SHOP, POD_DELETE, QUARTER, [0.1, 0.1]).expected_events == 400
    assert estimate(SHOP, POD_DELETE, QUARTER, [0.1, 0.05, 0.2]).expected_events == 160
    assert estimate(SHOP, POD_DELETE, QUARTER, [0.0, 0.0, 0.0]).expected_events == 40
    assert estimate(SHOP, POD_DELETE, QUARTER, [0.1, 0.1, 3.0]).expected_events == 400


@given(
    rate=st.fractions(0, 1000),
    affected=st.fractions(0, 1),
    seconds=st.integers(0, 10_000),
    past=st.lists(st.floats(0, 10), max_size=6),
)
def test_past_runs_never_raise_it_and_more_of_anything_never_lowers_it(
    rate: Fraction, affected: Fraction, seconds: int, past: list[float]
) -> None:
    exposure = replace(POD_DELETE, affected_ratio=affected, duration_seconds=seconds)
    busy = replace(SHOP, busiest_per_second=rate)
    made = estimate(busy, exposure, QUARTER, past)
    assert 0 <= made.expected_events <= made.worst_events
    longer = estimate(busy, replace(exposure, duration_seconds=seconds + 1), QUARTER, past)
    busier = estimate(replace(busy, busiest_per_second=rate + 1), exposure, QUARTER, past)
    assert longer.worst_events >= made.worst_events
    assert busier.expected_events >= made.expected_events


def test_the_busiest_window_counts() -> None:
    assert busiest_per_second([(5, 600), (60, 3600), (1440, 86_400)]) == 2
    assert busiest_per_second([(5, 0), (60, 7200)]) == 2
    assert busiest_per_second([]) == 0


def test_overspent_is_more_than_reserved() -> None:
    after = replace(SHOP, bad_ever=400)
    assert not is_overspent(SHOP, after, 400)
    assert is_overspent(SHOP, after, 399)

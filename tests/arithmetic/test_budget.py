"""The error budget of a period."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.budget import Budget, availability_ratio, budget_of, error_ratio, is_exhausted
from slo.events import WindowCounts

LAB = Fraction(1, 1000)
COUNTS = st.builds(WindowCounts, st.integers(0, 10**12), st.integers(0, 10**12), st.just(1.0))
BUDGETS = st.fractions(Fraction(1, 10**6), Fraction(999, 1000), max_denominator=10**6)


def counts(bad: int, total: int) -> WindowCounts:
    return WindowCounts(total - bad, bad, 1.0)


@pytest.mark.parametrize(
    ("budget_ratio", "days", "minutes"),
    [("0.001", 30, 43.2), ("0.001", 28, 40.32), ("0.0001", 30, 4.32), ("0.005", 7, 50.4), ("0.05", 28, 2016.0)],
)
def test_a_target_leaves_so_many_minutes(budget_ratio: str, days: int, minutes: float) -> None:
    assert budget_of(counts(0, 1000), Fraction(budget_ratio), days * 1440).total_minutes == minutes


def test_the_lab_budget_is_43_2_minutes_of_which_a_quarter_is_gone() -> None:
    budget = budget_of(counts(250, 1_000_000), LAB, 30 * 1440)
    assert budget == Budget(
        total_events=1000.0, consumed_ratio=0.25, remaining_ratio=0.75, total_minutes=43.2, remaining_minutes=32.4
    )


def test_an_overspent_budget_is_negative_and_not_clamped() -> None:
    budget = budget_of(counts(2500, 1_000_000), LAB, 43_200)
    assert (budget.consumed_ratio, budget.remaining_ratio, budget.remaining_minutes) == (2.5, -1.5, -64.8)


def test_without_events_or_without_budget_shares_are_undefined() -> None:
    no_traffic = budget_of(counts(0, 0), LAB, 43_200)
    assert no_traffic == Budget(
        total_events=0.0, consumed_ratio=None, remaining_ratio=None, total_minutes=43.2, remaining_minutes=None
    )
    no_budget = budget_of(counts(5, 10), Fraction(0), 43_200)
    assert no_budget == Budget(
        total_events=0.0, consumed_ratio=None, remaining_ratio=None, total_minutes=0.0, remaining_minutes=None
    )


def test_ratios_are_bad_or_good_over_total() -> None:
    assert error_ratio(counts(250, 1_000_000)) == 0.00025
    assert availability_ratio(counts(250, 1_000_000)) == 0.99975
    assert error_ratio(counts(0, 0)) is None
    assert availability_ratio(counts(0, 0)) is None
    assert availability_ratio(counts(7, 7)) == 0.0


@pytest.mark.parametrize(
    ("bad", "total", "budget_ratio", "exhausted"),
    [
        (999, 1_000_000, "0.001", False),
        (1000, 1_000_000, "0.001", True),
        (1001, 1_000_000, "0.001", True),
        (0, 0, "0.001", False),
        (0, 10, "0", False),
        (1, 10, "0", True),
        # 0.1 * 3 is more than 0.3 in binary floats, and no less exhausted for that
        (3, 30, "0.1", True),
    ],
)
def test_a_budget_is_exhausted_when_exactly_nothing_is_left(
    bad: int, total: int, budget_ratio: str, exhausted: bool
) -> None:
    assert is_exhausted(counts(bad, total), Fraction(budget_ratio)) is exhausted


@given(COUNTS, BUDGETS)
def test_consumed_and_remaining_make_the_whole(seen: WindowCounts, budget_ratio: Fraction) -> None:
    budget = budget_of(seen, budget_ratio, 43_200)
    if not seen.total:
        assert budget.consumed_ratio is None
        return
    assert budget.consumed_ratio is not None
    assert budget.remaining_ratio is not None
    assert budget.remaining_minutes is not None
    assert budget.consumed_ratio + budget.remaining_ratio == pytest.approx(1, abs=1e-9 * max(1, budget.consumed_ratio))
    assert budget.remaining_minutes == pytest.approx(budget.remaining_ratio * budget.total_minutes, rel=1e-12)
    assert budget.consumed_ratio * budget.total_events == pytest.approx(seen.bad, rel=1e-12)
    assert is_exhausted(seen, budget_ratio) == (budget.remaining_ratio <= 0)


@given(COUNTS, COUNTS, BUDGETS)
def test_spend_of_adjacent_windows_adds_up(first: WindowCounts, second: WindowCounts, budget_ratio: Fraction) -> None:
    both = WindowCounts(first.good + second.good, first.bad + second.bad, 2.0)
    spent = [
        (budget.consumed_ratio or 0) * budget.total_events
        for budget in (budget_of(one, budget_ratio, 43_200) for one in (first, second, both))
    ]
    assert spent[0] + spent[1] == pytest.approx(spent[2], rel=1e-12)

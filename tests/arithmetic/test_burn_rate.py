"""Burn rates and the alerts that they set off."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.alert_policy import WindowPair
from slo.budget import budget_of
from slo.burn_rate import alert_states, burn_rate_of, burns_faster_than
from slo.events import WindowCounts
from tests.arithmetic.objectives import POLICY

LAB = Fraction(1, 1000)
MONTH = 30 * 1440


def counts(bad: int, total: int) -> WindowCounts:
    return WindowCounts(total - bad, bad, 1.0)


def test_burn_rate_one_spends_the_budget_exactly_over_the_period() -> None:
    assert burn_rate_of(counts(1, 1000), LAB) == 1.0
    assert burn_rate_of(counts(144, 10_000), LAB) == 14.4
    assert burn_rate_of(counts(1, 1), LAB) == 1000.0


def test_burn_rate_is_undefined_without_events_or_budget() -> None:
    assert burn_rate_of(counts(0, 0), LAB) is None
    assert burn_rate_of(counts(1, 10), Fraction(0)) is None
    assert burn_rate_of(counts(0, 10), LAB) == 0.0


@given(
    st.integers(1, 10**6), st.integers(1, 100), st.fractions(Fraction(1, 10**5), Fraction(1, 2), max_denominator=10**5)
)
def test_under_steady_traffic_spend_is_burn_times_elapsed_over_period(
    per_minute: int, share: int, budget_ratio: Fraction
) -> None:
    elapsed = MONTH // share
    bad_per_minute = per_minute // 3
    window = counts(bad_per_minute * elapsed, per_minute * elapsed)
    whole_period = WindowCounts(per_minute * MONTH - window.bad, window.bad, 1.0)
    burn = burn_rate_of(window, budget_ratio)
    spent = budget_of(whole_period, budget_ratio, MONTH).consumed_ratio
    assert burn is not None
    assert spent == pytest.approx(burn * elapsed / MONTH, rel=1e-12)


@pytest.mark.parametrize(
    ("days", "factors"),
    [(30, [14.4, 6, 3, 1]), (28, [13.44, 5.6, 2.8, 1]), (7, [3.36, 1.4, 1, 1]), (90, [43.2, 18, 9, 3])],
)
def test_factors_scale_with_the_period_and_never_fall_below_one(days: int, factors: list[float]) -> None:
    assert [pair.factor(days * 1440) for pair in POLICY.pairs] == factors


def test_a_policy_names_each_of_its_windows_once_shortest_first() -> None:
    assert POLICY.window_minutes == (5, 30, 60, 120, 360, 1440, 4320)


@pytest.mark.parametrize(
    ("bad", "total", "faster"),
    [
        (144, 10_000, False),
        (145, 10_000, True),
        (14_400_001, 1_000_000_000, True),
        (14_400_000, 1_000_000_000, False),
        (0, 0, False),
    ],
)
def test_a_pair_fires_above_its_factor_and_not_at_it(bad: int, total: int, faster: bool) -> None:
    assert burns_faster_than(POLICY.pairs[0], counts(bad, total), LAB, MONTH) is faster


def test_a_factor_raised_to_one_does_not_fire_within_the_objective() -> None:
    ticket = POLICY.pairs[3]
    assert not burns_faster_than(ticket, counts(10, 10_000), LAB, 7 * 1440)
    assert burns_faster_than(ticket, counts(11, 10_000), LAB, 7 * 1440)


def test_without_a_budget_no_alert_fires() -> None:
    assert not burns_faster_than(POLICY.pairs[0], counts(10, 10), Fraction(0), MONTH)


@pytest.mark.parametrize(
    ("long_bad", "short_bad", "firing"), [(200, 200, True), (200, 0, False), (0, 200, False), (0, 0, False)]
)
def test_an_alert_needs_both_windows(long_bad: int, short_bad: int, firing: bool) -> None:
    seen = dict.fromkeys(POLICY.window_minutes, counts(0, 10_000)) | {
        60: counts(long_bad, 10_000),
        5: counts(short_bad, 10_000),
    }
    states = alert_states(POLICY, seen, LAB, MONTH)
    assert [state.firing for state in states] == [firing, False, False, False]
    first = states[0]
    assert (first.severity, first.long_minutes, first.short_minutes, first.factor) == ("page", 60, 5, 14.4)


@given(st.integers(0, 10**9), st.integers(1, 10**9), st.sampled_from(POLICY.pairs), st.integers(1, 400))
def test_the_comparison_is_that_of_exact_fractions(bad: int, good: int, pair: WindowPair, days: int) -> None:
    seen = WindowCounts(good, bad, 1.0)
    exact = max(Fraction(1), pair.budget_share * days * 1440 / pair.long_minutes) * LAB
    assert burns_faster_than(pair, seen, LAB, days * 1440) == (Fraction(bad, seen.total) > exact)

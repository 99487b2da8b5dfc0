"""When alerts would have fired: minute for minute what `alert_states` says at that minute, and the closed form."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.alert_policy import AlertPolicy, Notification, WindowPair
from slo.binomial import binomial_tail
from slo.burn_rate import alert_states
from slo.events import EventSeries
from slo.evidence import beyond_chance
from slo.firing import AlertHistory, replay_alerts
from slo.window import Interval
from tests.analysis.histories import DAY, MONTH, START, history
from tests.arithmetic.objectives import POLICY

B = Fraction(1, 1000)
CERTAIN = replace(POLICY, needs_evidence=False)


def minutes_of(alert: AlertHistory) -> set[int]:
    return {minute for firing in alert.firings for minute in range(firing.start, firing.end + alert.still_firing)}


def by_the_minute(policy: AlertPolicy, events: EventSeries, within: Interval) -> list[set[int]]:
    """What `alert_states` says at each minute, and the exact binomial tail where the policy wants it."""
    found: list[set[int]] = [set() for _ in policy.pairs]
    for minute in range(within.start, within.end + 1):
        counts = {length: events.within(Interval(minute - length, minute)) for length in policy.window_minutes}
        for place, state in enumerate(alert_states(policy, counts, B, MONTH)):
            long = counts[state.long_minutes]
            sure = not policy.needs_evidence or (
                long.bad >= 2 and binomial_tail(long.bad, long.total, float(B)) < 0.0001
            )
            if state.firing and sure:
                found[place].add(minute)
    return found


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10**6), st.sampled_from([0.4, 20.0, 900.0]), st.sampled_from([0.0005, 0.0011, 0.02]))
def test_the_replay_is_what_the_report_says_minute_by_minute(seed: int, per_minute: float, ratio: float) -> None:
    rng = np.random.default_rng(seed)
    total = rng.poisson(per_minute, 2 * DAY)
    bad = rng.binomial(total, np.repeat(ratio * rng.choice([0.0, 1.0, 30.0], 8), DAY // 4))
    events = EventSeries.from_minutes(START, bad.astype(float), total.astype(float), np.ones(total.size))
    within = Interval(START, START + total.size)
    for alert, expected in zip(
        replay_alerts(CERTAIN, events, B, MONTH, within), by_the_minute(CERTAIN, events, within), strict=True
    ):
        assert {minute for firing in alert.firings for minute in range(*firing)} == expected - {within.end}
        assert alert.still_firing is (within.end in expected)


def test_with_evidence_the_replay_follows_the_exact_binomial_tail() -> None:
    """But for counts whose chance is within 3 % of the limit, which no draw of this seed is."""
    rng = np.random.default_rng(7)
    total = rng.poisson(3.0, 2 * DAY)
    bad = rng.binomial(total, np.repeat([0.001, 0.02], DAY))
    events = EventSeries.from_minutes(START, bad.astype(float), total.astype(float), np.ones(total.size))
    within = Interval(START, START + total.size - 1)
    expected = by_the_minute(POLICY, events, within)
    assert any(expected)
    for alert, minutes in zip(replay_alerts(POLICY, events, B, MONTH, within), expected, strict=True):
        assert {minute for firing in alert.firings for minute in range(*firing)} == minutes - {within.end}


@pytest.mark.parametrize("budget_ratio", [Fraction(1, 1000), Fraction(1, 20)])
def test_evidence_is_the_binomial_tail_within_3_percent(budget_ratio: Fraction) -> None:
    cases = [(bad, total) for total in (1, 2, 10, 500, 20_000, 10**6) for bad in range(min(total, 400) + 1)]
    bad, total = (np.array(side, np.int64) for side in zip(*cases, strict=True))
    for (k, n), found in zip(cases, beyond_chance(bad, total, budget_ratio).tolist(), strict=True):
        exact = binomial_tail(k, n, float(budget_ratio))
        if k < 2 or exact > 0.0001:
            assert not found, (k, n)
        elif exact < 0.0001 / 1.03:
            assert found, (k, n)


@given(
    st.sampled_from(POLICY.pairs),
    st.sampled_from([Fraction(1, 1000), Fraction(1, 100), Fraction(1, 200)]),
    st.floats(0.02, 1.0),
    st.integers(0, 400),
)
@settings(deadline=None)
def test_under_constant_rates_detection_and_reset_are_the_closed_form(
    pair: WindowPair, budget_ratio: Fraction, error_ratio: float, phase: int
) -> None:
    """detection = W_long BR b / e, never if e <= BR b; reset = W_short (1 - BR b / e); both to the next minute."""
    threshold = pair.factor(MONTH) * float(budget_ratio)
    start, lasts, total = 5000 + phase, 2 * pair.long_minutes, 1_000_000.0
    events = history(start + lasts + 5000, (start, lasts, error_ratio), total=total)
    within = Interval(START, events.end)
    policy = AlertPolicy(name="one", pairs=(pair,), needs_evidence=False)
    alert = replay_alerts(policy, events, budget_ratio, MONTH, within)[0]
    if error_ratio <= threshold:
        assert alert.firings == ()
        return
    (firing,) = alert.firings
    share = threshold / error_ratio
    assert -1e-4 < firing.start - START - start - pair.long_minutes * share <= 1 + 1e-4
    assert -1e-4 <= firing.end - START - start - lasts - pair.short_minutes * (1 - share) < 1


@pytest.mark.parametrize(
    ("for_minutes", "keep", "expected"),
    [(0, 0, [(1, 10)]), (3, 0, [(4, 10)]), (0, 15, [(1, 25)]), (9, 0, []), (8, 5, [(9, 15)])],
)
def test_a_wait_delays_the_alert_and_keeping_prolongs_it(
    for_minutes: int, keep: int, expected: list[tuple[int, int]]
) -> None:
    """The condition holds from the first minute of five that are down until the ninth."""
    raised = Notification(for_minutes=for_minutes, keep_firing_for_minutes=keep)
    policy = AlertPolicy(name="one", pairs=POLICY.pairs[:1], page=raised)
    events = history(DAY, (600, 5, 1.0))
    found = replay_alerts(policy, events, B, MONTH, Interval(START, events.end))[0].firings
    assert [(one.start - START - 600, one.end - START - 600) for one in found] == expected


def test_an_alert_that_is_kept_firing_needs_no_second_wait() -> None:
    raised = Notification(for_minutes=3, keep_firing_for_minutes=30)
    policy = AlertPolicy(name="one", pairs=POLICY.pairs[:1], page=raised)
    events = history(DAY, (600, 5, 1.0), (625, 1, 1.0), (900, 1, 0.02))
    found = replay_alerts(policy, events, B, MONTH, Interval(START, events.end))[0].firings
    assert [(one.start - START, one.end - START) for one in found] == [(604, 661)]


def test_what_still_fires_at_the_end_says_so_and_ends_there() -> None:
    events = history(DAY, (DAY - 10, 10, 1.0))
    alert = replay_alerts(POLICY, events, B, MONTH, Interval(START, events.end))[0]
    assert alert.still_firing
    assert alert.firings == (Interval(START + DAY - 9, START + DAY),)


def test_an_interval_within_the_history_sees_the_windows_before_it() -> None:
    events = history(DAY, (600, 60, 1.0))
    alert = replay_alerts(POLICY, events, B, MONTH, Interval(START + 640, START + 650))[0]
    assert alert.firings == (Interval(START + 640, START + 650),)
    assert replay_alerts(POLICY, events, B, MONTH, Interval(START, START + 600))[0].firings == ()


def test_a_severity_that_is_switched_off_is_not_replayed() -> None:
    policy = replace(POLICY, ticket=Notification(enabled=False))
    events = history(DAY, (600, 60, 1.0))
    assert {one.severity for one in replay_alerts(policy, events, B, MONTH, Interval(START, events.end))} == {"page"}


@pytest.mark.parametrize("budget_ratio", [Fraction(0), Fraction(1, 10)])
def test_alerts_that_can_never_fire_do_not(budget_ratio: Fraction) -> None:
    """No budget, or one that not even a total outage burns 14.4 times too fast."""
    events = history(DAY, (600, 300, 1.0))
    assert replay_alerts(POLICY, events, budget_ratio, MONTH, Interval(START, events.end))[0].firings == ()


def test_counts_beyond_64_bits_are_compared_exactly() -> None:
    """With the target spelled so long, a billion events a minute leave 64 bits; the answer is that of small counts."""
    awkward = Fraction(1, 1000) + Fraction(1, 10**14)
    small, large = (history(DAY, (600, 60, 0.3), total=total) for total in (1e3, 1e9))
    within = Interval(START, small.end)
    assert [one.firings for one in replay_alerts(CERTAIN, large, awkward, MONTH, within)] == [
        one.firings for one in replay_alerts(CERTAIN, small, awkward, MONTH, within)
    ]


def test_at_the_threshold_nothing_fires_and_one_event_above_it_does() -> None:
    """Exactly 14.4 times the budget over an hour, in integers: 144 of 10,000; rounding would make a difference."""
    pair = POLICY.pairs[0]
    policy = AlertPolicy(name="one", pairs=(pair,), needs_evidence=False)
    total, bad = np.full(60, 2500.0), np.full(60, 36.0)
    within = Interval(START, START + 60)
    at = EventSeries.from_minutes(START, bad, total, np.ones(60))
    assert replay_alerts(policy, at, B, MONTH, within)[0].firings == ()
    bad[59] += 1
    above = EventSeries.from_minutes(START, bad, total, np.ones(60))
    assert replay_alerts(policy, above, B, MONTH, within)[0].still_firing
    assert math.isclose(pair.factor(MONTH), 14.4)

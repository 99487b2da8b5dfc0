"""What a gate finds of one objective: at exact thresholds, with few events, with little data."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.binomial import binomial_tail
from slo.decision import Outcome
from slo.errors import SourceError
from slo.events import EventSeries
from slo.gate import BurnLimit, Gate, WarnLevel
from slo.objective import EmptySlice, TimeSlices
from slo.report import counted, evaluate, unavailable
from slo.verdict import judge
from slo.window import RollingWindow
from tests.arithmetic.objectives import objective
from tests.gates.worlds import AT, NOW, PERIOD, gate, history, limits, verdict

ALLOW, WARN, DENY, UNKNOWN = Outcome.ALLOW, Outcome.WARN, Outcome.DENY, Outcome.UNKNOWN
MILDEST_FIRST = (ALLOW, WARN, UNKNOWN, DENY)
CALM = gate(min_budget_remaining_ratio=None, max_burn_rate=limits(h1="1", h6="1"))
NOT_EMPTY = gate(min_budget_remaining_ratio=Decimal(0))


def found(of: Gate, events: EventSeries, target: str = "0.999") -> list[tuple[str, Outcome, str]]:
    return [(one.check, one.outcome, one.cause) for one in verdict(of, events, objective(target)).reasons]


def test_a_budget_at_its_floor_is_enough_and_one_event_more_is_not() -> None:
    """4,320,000 events allow 4,320 bad ones; 3,240 leave exactly the quarter that is required."""
    assert verdict(gate(), history(bad={5000: 90, 6000: 3150})).outcome is ALLOW
    [reason] = verdict(gate(), history(bad={5000: 91, 6000: 3150})).reasons
    assert (reason.check, reason.outcome, reason.threshold) == ("min_budget_remaining", DENY, 0.25)
    assert reason.message == "24.9 % of the budget is left, 25 % is required"


def test_a_budget_that_is_overspent_is_told_as_negative() -> None:
    [reason] = verdict(NOT_EMPTY, history(bad={5000: 4320, 6000: 4320})).reasons
    assert (reason.observed, reason.message) == (-1.0, "-100 % of the budget is left, 0 % is required")
    assert verdict(NOT_EMPTY, history(bad={5000: 4320})).outcome is ALLOW, "nothing left is not less than nothing"


def test_each_window_alone_denies_when_it_burns_faster_than_its_limit() -> None:
    """6,000 events an hour: 6 bad ones are a burn rate of 1."""
    assert verdict(CALM, history(bad={10: 6})).outcome is ALLOW
    [reason] = verdict(CALM, history(bad={10: 7})).reasons
    assert (reason.check, reason.outcome, reason.window_minutes) == ("max_burn_rate", DENY, 60)
    assert (reason.observed, reason.threshold) == (7 / 6000 * 1000, 1.0)
    assert reason.message == "the budget burns at 1.17 times the sustainable speed over 1h, 1 is the limit"
    [longer] = verdict(CALM, history(bad={90: 37})).reasons
    assert longer.window_minutes == 360


def test_a_pair_of_windows_opens_again_when_the_short_one_is_calm() -> None:
    pair = gate(
        min_budget_remaining_ratio=None,
        max_burn_rate=(BurnLimit(long_minutes=60, short_minutes=5, max_burn_rate=Decimal("14.4")),),
    )
    assert found(pair, history(bad={4: 100})) == [("max_burn_rate", DENY, "")]
    assert found(pair, history(bad={5: 100})) == []
    [reason] = verdict(pair, history(bad={4: 100})).reasons
    assert "16.7 times the sustainable speed over 1h and 200 over 5m, 14.4 is the limit" in reason.message


def test_of_a_pair_what_chance_may_explain_is_a_warning() -> None:
    """Burn rate 1.2 over an hour of 6,000 events, 8 where 6 are sustainable: P(X >= 8) is 0.26."""
    pair = gate(
        min_budget_remaining_ratio=None,
        max_burn_rate=(BurnLimit(long_minutes=60, short_minutes=5, max_burn_rate=Decimal(1)),),
    )
    [reason] = verdict(pair, history(bad={1: 8})).reasons
    assert reason.outcome is WARN
    assert reason.message.endswith("1 is the limit (8 bad of 6000 events, which chance may explain)")


def test_of_ten_events_one_bad_one_may_be_chance_and_two_are_not() -> None:
    """b = 0.001: P(X >= 1 of 10) is 0.010, P(X >= 2 of 10) is 4.5e-5."""
    assert round(binomial_tail(1, 10, 0.001), 3) == 0.010
    assert round(binomial_tail(2, 10, 0.001), 6) == 4.5e-5
    one, two = history(10_000, total=0.001, bad={100: 1}), history(10_000, total=0.001, bad={100: 1, 200: 1})
    assert found(NOT_EMPTY, one) == [("min_budget_remaining", UNKNOWN, "insufficient")]
    assert found(NOT_EMPTY, two) == [("min_budget_remaining", DENY, "")]
    day = gate(min_budget_remaining_ratio=None, max_burn_rate=limits(h24="14.4"))
    assert found(day, one) == [("max_burn_rate", UNKNOWN, "insufficient")]
    assert found(day, two) == [("max_burn_rate", DENY, "")]


def test_a_budget_of_one_event_is_taken_at_its_word_and_less_is_not() -> None:
    """Two bad of 1,000: P(X >= 2) is 0.26."""
    minute = np.eye(1, 5000)[0]
    for total, answer in ((1000, (DENY, "")), (999, (UNKNOWN, "insufficient"))):
        events = EventSeries.from_minutes(NOW - 5000, minute * 2, minute * total, np.ones(5000))
        assert found(NOT_EMPTY, events) == [("min_budget_remaining", *answer)]


def test_without_evidence_counts_decide_however_few() -> None:
    plain = gate(min_budget_remaining_ratio=Decimal(0), max_burn_rate=limits(h24="14.4", h1="1"), needs_evidence=False)
    assert found(plain, history(10_000, total=0.001, bad={100: 1})) == [
        ("min_budget_remaining", DENY, ""),
        ("max_burn_rate", DENY, ""),
        ("max_burn_rate", UNKNOWN, "no_traffic"),
    ]


def test_a_window_with_few_events_is_widened_until_they_tell() -> None:
    """3 / (1 * 0.001) = 3,000 events are needed: an hour has 600, six have 3,600."""
    hour = gate(min_budget_remaining_ratio=None, max_burn_rate=limits(h1="1"))
    assert found(hour, history(total=10)) == []
    assert found(hour, history(total=10, bad={10: 1})) == [], "one bad event in six hours is a burn rate of 0.28"
    [reason] = verdict(hour, history(total=10, bad={200: 4})).reasons
    assert (reason.outcome, reason.cause, reason.observed) == (UNKNOWN, "insufficient", 0.0)
    assert reason.message == (
        "600 events within 1h are too few to tell whether the budget burns faster than 1, and over 6h it burns at 1.12"
    )


def test_exactly_enough_events_need_no_wider_window() -> None:
    hour = gate(min_budget_remaining_ratio=None, max_burn_rate=limits(h1="1"))
    assert found(hour, history(total=50, bad={100: 1000})) == []
    assert found(hour, history(total=49, bad={100: 1000})) == [("max_burn_rate", UNKNOWN, "insufficient")]


def test_where_the_whole_period_has_too_few_events_what_is_left_of_the_budget_decides() -> None:
    hour = gate(max_burn_rate=limits(h1="1"))
    few = history(total=0.05)
    [reason] = verdict(hour, few).reasons
    assert (reason.check, reason.outcome) == ("max_burn_rate", WARN)
    assert reason.message == (
        "2160 events within 30d are too few to tell whether the budget burns faster than 1; what is left of it decides"
    )
    assert found(hour, history(total=0.05, bad={20_000: 2})) == [
        ("min_budget_remaining", DENY, ""),
        ("max_burn_rate", UNKNOWN, "insufficient"),
    ]


def test_a_target_of_100_percent_allows_no_bad_event() -> None:
    strict = gate(max_burn_rate=limits(h1="1"))
    assert found(strict, history(), "1") == []
    assert found(strict, history(bad={2000: 1}), "1") == [("min_budget_remaining", DENY, "")]
    spent, burning = verdict(strict, history(bad={10: 1}), objective("1")).reasons
    assert (spent.observed, spent.message) == (None, "a target of 100 % was missed, 25 % is required")
    assert burning.message == "1 bad event within 1h, a target of 100 % allows none"


def test_a_limit_of_nought_allows_no_bad_event_either() -> None:
    none = gate(min_budget_remaining_ratio=None, max_burn_rate=limits(h1="0"))
    assert found(none, history()) == []
    assert found(none, history(bad={59: 1})) == [("max_burn_rate", DENY, "")]
    assert found(none, history(bad={60: 1})) == []


def test_an_hour_without_events_is_no_evidence_where_none_may_be_bad() -> None:
    """The last hour is empty, and ten minutes before it one event of many was bad."""
    total, bad = np.full(PERIOD, 100.0), np.zeros(PERIOD)
    total[-60:], bad[-70] = 0, 1
    quiet = EventSeries.from_minutes(NOW - PERIOD, bad, total, np.ones(PERIOD))
    none = gate(min_budget_remaining_ratio=None, max_burn_rate=limits(h1="0"))
    assert found(none, quiet) == [("max_burn_rate", UNKNOWN, "insufficient")]


def test_levels_of_warning_let_through_and_are_not_told_beside_a_denial() -> None:
    careful = gate(
        max_burn_rate=limits(h1="14.4"),
        warn=WarnLevel(min_budget_remaining_ratio=Decimal("0.5"), max_burn_rate=limits(h1="1")),
    )
    assert found(careful, history(bad={5000: 2160})) == []
    assert found(careful, history(bad={5000: 2161})) == [("min_budget_remaining", WARN, "")]
    assert found(careful, history(bad={10: 7})) == [("max_burn_rate", WARN, "")]
    assert found(careful, history(bad={5000: 3241})) == [("min_budget_remaining", DENY, "")]
    assert found(careful, history(bad={10: 87})) == [("max_burn_rate", DENY, "")]


def test_no_data_and_failures_are_told_as_such() -> None:
    assert found(gate(), EventSeries.empty()) == [("state", UNKNOWN, "no_data")]
    failed = unavailable(objective(), SourceError("nobody answers"), at=AT)
    [reason] = judge(gate(), objective(), failed, EventSeries.empty(), at=AT).reasons
    assert (reason.cause, reason.message) == ("no_data", "nobody answers")


def test_a_period_without_events_is_no_traffic() -> None:
    assert found(gate(max_burn_rate=limits(h1="1")), history(total=0)) == [("state", UNKNOWN, "no_traffic")]


def test_a_young_objective_is_unknown_but_denied_for_what_it_does() -> None:
    """An hour of 30 days, of which a tenth is asked for; the few events of it are not told besides."""
    both = gate(max_burn_rate=limits(h1="1"))
    assert found(both, history(60, total=10)) == [("state", UNKNOWN, "young")]
    assert found(both, history(60, bad={10: 70})) == [
        ("state", UNKNOWN, "young"),
        ("min_budget_remaining", DENY, ""),
        ("max_burn_rate", DENY, ""),
    ]


def test_what_was_not_seen_lets_nothing_through() -> None:
    [reason] = verdict(gate(max_burn_rate=limits(h1="1")), history(coverage=0.75)).reasons
    assert (reason.check, reason.outcome, reason.cause) == ("coverage", UNKNOWN, "coverage")
    assert reason.message == "75 % of the time since the first observation was seen, 90 % is required"
    demanding = gate(min_coverage_ratio=Decimal("0.96875"))
    assert found(demanding, history(coverage=0.9375)) == [("coverage", UNKNOWN, "coverage")]
    assert found(demanding, history(coverage=0.96875)) == []
    lenient = gate(min_coverage_ratio=Decimal("0.5"))
    assert found(lenient, history(coverage=0.75)) == [("coverage", UNKNOWN, "coverage")], "the objective asks for more"


def with_gap(ago: int, minutes: int, bad_before: int = 0) -> EventSeries:
    coverage, bad = np.ones(PERIOD), np.zeros(PERIOD)
    bad[PERIOD - ago - 100] = bad_before
    coverage[PERIOD - ago : PERIOD - ago + minutes] = 0
    return EventSeries.from_minutes(NOW - PERIOD, bad, np.full(PERIOD, 100.0) * coverage, coverage)


def test_a_window_with_a_gap_is_widened_until_it_was_seen_well_enough() -> None:
    """Half an hour of the last one is missing: over six hours that is 8 %, which 90 % allows and 95 % does not."""
    hour = gate(min_budget_remaining_ratio=None, max_burn_rate=limits(h1="1"))
    assert found(hour, with_gap(40, 30)) == []
    assert found(hour, with_gap(40, 30, bad_before=40)) == [("max_burn_rate", UNKNOWN, "insufficient")]
    plain = replace(hour, needs_evidence=False, min_coverage_ratio=Decimal("0.9"))
    [reason] = verdict(plain, with_gap(40, 30)).reasons
    assert (reason.cause, reason.window_minutes, reason.observed) == ("coverage", 60, 0.5)
    assert reason.message == "50 % of the last 1h was seen, 90 % is required"


def test_how_old_the_data_are_is_not_held_against_a_window() -> None:
    """The data end two hours before: half of what they were, but all of them; the gate's own limit judges their age."""
    late = EventSeries.from_minutes(
        NOW - PERIOD, np.zeros(PERIOD - 120), np.full(PERIOD - 120, 100.0), np.ones(PERIOD - 120)
    )
    made = verdict(gate(min_budget_remaining_ratio=None, max_burn_rate=limits(h6="1")), late)
    assert (made.outcome, made.data_until) == (ALLOW, NOW - 120)
    plain = gate(
        min_budget_remaining_ratio=None,
        max_burn_rate=limits(h6="1"),
        needs_evidence=False,
        min_coverage_ratio=Decimal("0.95"),
    )
    assert found(plain, late) == []


def test_groups_are_judged_by_their_own_events() -> None:
    grouped = objective(group_by=("pod",))
    events = history(bad={10: 100})
    report = evaluate(grouped, events, at=AT, group=(("pod", "x"),))
    made = judge(CALM, grouped, report, events, at=AT)
    assert (made.slo, made.outcome) == ('cloudshop/availability{pod="x"}', DENY)
    assert {one.slo for one in made.reasons} == {made.slo}


def test_time_slices_count_as_events() -> None:
    """A slice is good when 95 % of its events are; 60 an hour are enough for a target of 90 %."""
    sliced = objective("0.9", time_slices=TimeSlices(minutes=1, target_ratio=Decimal("0.95"), empty=EmptySlice.EXCLUDE))
    events = history(bad=dict.fromkeys(range(7), 10))
    slices, _ = counted(sliced, events, (), NOW)
    made = judge(CALM, sliced, evaluate(sliced, events, at=AT), slices, at=AT)
    assert [(one.window_minutes, one.observed) for one in made.reasons] == [(60, 7 / 60 * 10)]


def test_an_objective_may_have_a_shorter_period_than_a_window() -> None:
    short = objective(window=RollingWindow(60))
    made = verdict(gate(min_budget_remaining_ratio=None, max_burn_rate=limits(h6="1")), history(bad={300: 37}), short)
    assert made.outcome is DENY


HISTORIES = st.tuples(
    st.integers(60, 5000),
    st.sampled_from([0.0, 0.01, 0.3, 1.0, 40.0]),
    st.lists(st.tuples(st.integers(0, 59), st.integers(1, 30)), max_size=3),
)
GATES = st.builds(
    lambda floor, rate, evidence, pair: gate(
        min_budget_remaining_ratio=floor,
        max_burn_rate=(BurnLimit(long_minutes=60, short_minutes=5 if pair else None, max_burn_rate=rate),),
        needs_evidence=evidence,
        warn=WarnLevel(min_budget_remaining_ratio=Decimal("0.9")),
    ),
    st.sampled_from([None, Decimal(0), Decimal("0.25"), Decimal(1)]),
    st.sampled_from([Decimal(0), Decimal(1), Decimal("14.4")]),
    st.booleans(),
    st.booleans(),
)
SHORT = objective("0.99", window=RollingWindow(5000))


@settings(deadline=None)
@given(of=GATES, given_history=HISTORIES, ago=st.integers(0, 59))
def test_one_more_bad_event_never_makes_a_verdict_milder(
    of: Gate, given_history: tuple[int, float, list[tuple[int, int]]], ago: int
) -> None:
    minutes, total, bad = given_history
    bad_minutes, good_minutes = np.zeros(minutes), np.full(minutes, total)
    for when, events in bad:
        bad_minutes[minutes - 1 - when] += events
    good_minutes[minutes - 1 - ago] += 1
    outcomes = []
    for moved in (0, 1):
        bad_now, good_now = bad_minutes.copy(), good_minutes.copy()
        bad_now[minutes - 1 - ago] += moved
        good_now[minutes - 1 - ago] -= moved
        made = EventSeries.from_minutes(NOW - minutes, bad_now, bad_now + good_now, np.ones(minutes))
        outcomes.append(verdict(of, made, SHORT).outcome)
    assert MILDEST_FIRST.index(outcomes[0]) <= MILDEST_FIRST.index(outcomes[1])


def test_chance_hardly_ever_closes_a_gate_on_quiet_services_that_keep_their_promise() -> None:
    """Ten events an hour, each bad with 0.1 %, as is allowed: P(X >= 2 of 10) = 4.5e-5, where counts alone deny 1 %.

    Of services of which every second event is bad, P(X >= 2 of 10) = 98.9 % are found out.
    """
    chances = np.random.default_rng(7)
    day = objective(window=RollingWindow(1440), min_observed_ratio=Decimal(0))
    hour = gate(min_budget_remaining_ratio=None, max_burn_rate=limits(h1="14.4"))
    plain = replace(hour, needs_evidence=False)

    def denied(of: Gate, bad_events: list[int]) -> int:
        made = [verdict(of, history(60, total=1 / 6, bad={30: events}), day) for events in bad_events]
        return sum(one.outcome is DENY for one in made)

    kept = chances.binomial(10, 0.001, 1000).tolist()
    assert denied(hour, kept) == sum(events >= 2 for events in kept) <= 1
    assert denied(plain, kept) == sum(events >= 1 for events in kept) >= 5
    broken = chances.binomial(10, 0.5, 200).tolist()
    assert denied(hour, broken) == sum(events >= 2 for events in broken) >= 190

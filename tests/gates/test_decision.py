"""Verdicts folded into a decision: the worst wins, and it can be made again at any time."""

from __future__ import annotations

import pickle
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from slo.decision import MOST_REASONS, Decision, Outcome, Verdict, fold
from slo.gate import Freeze, id_matches, matches
from slo.recurrence import Recurrence
from slo.render.decision_json import decision_document
from tests.gates.worlds import AT, NOW, decided, gate, given, override, reason

DENIED = given("a/b", reason("a/b", Outcome.DENY))
MILDEST_FIRST = (Outcome.ALLOW, Outcome.WARN, Outcome.UNKNOWN, Outcome.DENY)


def freeze(hours: int = 1, **changes: Any) -> Freeze:
    values: dict[str, Any] = {"start": AT, "end": AT + timedelta(hours=hours), "reason": "Christmas"}
    return Freeze(**(values | changes))


def told(made: Decision) -> list[tuple[str, str, str]]:
    return [(one.slo, one.check, one.outcome.value) for one in made.reasons]


def test_the_worst_verdict_wins_and_is_decisive() -> None:
    made = decided(gate(), given("a/b", reason("a/b", Outcome.WARN)), given("a/c", reason("a/c", Outcome.DENY)))
    assert (made.outcome, made.allowed, made.decisive) == (Outcome.DENY, False, 0)
    assert [one.slo for one in made.reasons] == ["a/c", "a/b"]


def test_nothing_to_complain_of_is_allow_without_a_reason() -> None:
    made = decided(gate(), given("a/b"))
    assert (made.outcome, made.allowed, made.reasons, made.decisive) == (Outcome.ALLOW, True, (), None)
    assert (made.data_age_seconds, made.expires_at) == (0.0, AT + timedelta(minutes=1))


def test_a_verdict_cannot_be_milder_than_its_reasons() -> None:
    with pytest.raises(ValueError, match="as bad as the worst"):
        Verdict(gate="g", slo="a/b", outcome=Outcome.ALLOW, reasons=DENIED.reasons, data_until=NOW)


def test_of_several_denials_the_most_acute_decides_and_the_furthest_off_comes_first() -> None:
    burns = [
        reason("a/b", Outcome.DENY, "max_burn_rate", observed=3.0, threshold=1.0, window_minutes=60),
        reason("a/b", Outcome.DENY, "max_burn_rate", observed=20.0, threshold=14.4, window_minutes=360),
    ]
    spent = [reason("a/c", Outcome.DENY, observed=left, threshold=0.25) for left in (0.2, -1.0)]
    made = decided(gate(freeze=(freeze(),)), given("a/c", *spent), given("a/b", *burns))
    assert [(one.check, one.observed) for one in made.reasons] == [
        ("max_burn_rate", 3.0),
        ("max_burn_rate", 20.0),
        ("min_budget_remaining", -1.0),
        ("min_budget_remaining", 0.2),
        ("freeze", None),
    ]


def test_twenty_reasons_are_told_and_how_many_more_there_are() -> None:
    made = decided(gate(), *(given(f"a/{n:03}", reason(f"a/{n:03}", Outcome.DENY)) for n in range(50)))
    assert [one.slo for one in made.reasons] == [f"a/{n:03}" for n in range(MOST_REASONS)]
    document = decision_document(made)
    assert (document["more_reasons"], document["reasons"][0]["decisive"]) == (30, True)
    assert [one["decisive"] for one in document["reasons"][1:]] == [False] * 19


def test_unknown_lets_through_only_where_every_cause_does() -> None:
    young, empty = (
        given(slo, reason(slo, Outcome.UNKNOWN, "state", cause=cause))
        for slo, cause in [("a/y", "young"), ("a/n", "no_traffic")]
    )
    lenient = gate(on_unknown={"default": "deny", "young": "allow"})
    assert decided(lenient, young).allowed
    both = decided(lenient, young, empty)
    assert (both.outcome, both.allowed) == (Outcome.UNKNOWN, False)
    assert [one.slo for one in both.reasons] == ["a/n", "a/y"], "the cause that closes it comes first"


def test_a_gate_without_an_objective_is_unknown() -> None:
    made = decided(gate())
    assert (made.outcome, made.allowed, made.data_age_seconds) == (Outcome.UNKNOWN, False, None)
    assert told(made) == [("", "no_objective", "unknown")]
    assert decided(gate(on_unknown={"default": "allow"})).allowed


def test_data_turn_stale_between_cycles_and_the_decision_expires_by_then() -> None:
    fresh = decided(gate(), given("a/b"), at=AT + timedelta(seconds=290))
    assert (fresh.outcome, fresh.expires_at) == (Outcome.ALLOW, AT + timedelta(seconds=301))
    assert decided(gate(), given("a/b"), at=AT + timedelta(seconds=300.9)).allowed
    stale = decided(gate(), given("a/b"), at=AT + timedelta(seconds=301))
    assert (stale.outcome, stale.allowed, stale.reasons[0].cause) == (Outcome.UNKNOWN, False, "stale")
    assert (stale.reasons[0].observed, stale.reasons[0].threshold) == (301.0, 300)


def test_what_was_denied_stays_denied_when_its_data_are_stale() -> None:
    lenient = gate(on_unknown={"default": "allow"})
    made = decided(lenient, DENIED, at=AT + timedelta(hours=1))
    assert told(made) == [("a/b", "min_budget_remaining", "deny"), ("a/b", "data_age", "unknown")]


def test_the_age_is_that_of_the_oldest_data() -> None:
    made = decided(gate(), given("a/b"), given("a/c", data_until=NOW - 3), given("a/d", data_until=None))
    assert made.data_age_seconds == 180.0


def test_a_freeze_denies_from_its_start_until_its_end() -> None:
    frozen = gate(freeze=(freeze(),))
    before = decided(frozen, given("a/b"), at=AT - timedelta(seconds=30))
    assert (before.outcome, before.expires_at) == (Outcome.ALLOW, AT)
    assert decided(frozen, given("a/b")).reasons[0].message == "freeze until 2026-11-01T01:00:00Z: Christmas"
    after = decided(frozen, given("a/b", data_until=NOW + 60), at=AT + timedelta(hours=1))
    assert after.outcome is Outcome.ALLOW


def test_maintenance_is_told_as_such() -> None:
    assert told(decided(gate(maintenance=(freeze(),)), given("a/b"))) == [("", "maintenance", "deny")]


def test_a_freeze_may_recur_and_of_two_that_overlap_the_last_end_is_told() -> None:
    """2026-11-01 is a Sunday; each freeze lasts three days, one begins each day."""
    daily = Recurrence(rule="FREQ=DAILY", start=AT - timedelta(days=400), duration_minutes=3 * 1440)
    made = decided(gate(freeze=(freeze(recurrence=daily),)), given("a/b"))
    assert made.reasons[0].message == "freeze until 2026-11-04T00:00:00Z: Christmas"


def test_a_dry_run_tells_what_it_would_say_and_lets_everything_through() -> None:
    made = decided(gate(dry_run=True), DENIED)
    assert (made.outcome, made.allowed, made.dry_run) == (Outcome.DENY, True, True)
    assert decision_document(made)["dry_run"] is True
    assert "dry_run" not in decision_document(decided(gate(), DENIED))


def test_an_override_opens_the_gate_and_is_told() -> None:
    made = decided(gate(freeze=(freeze(),)), DENIED, overrides=[override()])
    assert (made.outcome, made.allowed, made.overridden_by) == (Outcome.WARN, True, override())
    document = decision_document(made)
    assert document["override"]["by"] == "alice"
    assert [(one["check"], one["decisive"]) for one in document["reasons"]] == [
        ("override", True),
        ("min_budget_remaining", False),
        ("freeze", False),
    ]
    assert document["reasons"][0]["message"] == "overridden by alice until 2026-11-02T00:00:00Z: hotfix"


@pytest.mark.parametrize(
    "changes",
    [
        {"gate": "chaos"},
        {"slos": ("a/c",)},
        {"until": AT},
        {"start": AT + timedelta(seconds=1)},
        {"slos": ("a/b{*}",)},
    ],
    ids=["of another gate", "of another objective", "that has ended", "that has not begun", "of groups"],
)
def test_an_override_does_nothing_for_what_it_does_not_cover(changes: dict[str, Any]) -> None:
    made = decided(gate(), DENIED, overrides=[override(**changes)])
    assert (made.outcome, made.allowed, made.overridden_by) == (Outcome.DENY, False, None)


def test_an_override_of_some_objectives_leaves_the_others_and_the_freeze() -> None:
    other = given("a/c", reason("a/c", Outcome.DENY))
    some = override(slos=("a/b",))
    made = decided(gate(), DENIED, other, overrides=[some])
    assert (made.outcome, made.overridden_by, made.decisive) == (Outcome.DENY, None, 0)
    assert [one.slo for one in made.reasons] == ["a/c", "a/b"], "what stands comes before what is lifted"
    assert decided(gate(), DENIED, given("a/c"), overrides=[some]).allowed
    frozen = gate(freeze=(freeze(),))
    assert not decided(frozen, DENIED, given("a/c"), overrides=[some]).allowed
    assert decided(frozen, DENIED, overrides=[some]).allowed, "all that is asked about is overridden"


def test_an_override_of_an_open_gate_is_not_told() -> None:
    made = decided(gate(), given("a/b", reason("a/b", Outcome.WARN)), overrides=[override()])
    assert (made.outcome, made.overridden_by) == (Outcome.WARN, None)
    assert told(made) == [("a/b", "min_budget_remaining", "warn")]


def test_the_same_question_has_the_same_id_within_a_cycle_only() -> None:
    verdicts = (DENIED, given("a/c"))
    first = fold(gate(), verdicts, at=AT, cycle=7)
    again = fold(gate(), verdicts[::-1], at=AT + timedelta(seconds=20), cycle=7)
    assert (first.id, first.at) != (again.id, again.at)
    assert first.id == again.id
    others = [
        fold(gate(), verdicts, at=AT, cycle=8),
        fold(gate(), verdicts[:1], at=AT, cycle=7),
        fold(gate(name="chaos"), verdicts, at=AT, cycle=7),
        fold(gate(), verdicts, at=AT, cycle=7, overrides=[override()]),
    ]
    assert len({first.id, *(one.id for one in others)}) == 5


def test_it_expires_with_the_next_cycle_and_soon_where_that_is_late() -> None:
    def expiry(seconds: int) -> timedelta:
        return fold(gate(), [given("a/b")], at=AT, next_cycle_at=AT + timedelta(seconds=seconds)).expires_at - AT

    assert [expiry(45).seconds, expiry(0).seconds, expiry(-5).seconds] == [45, 60, 60]


def test_gates_travel_between_processes() -> None:
    daily = Recurrence(rule="FREQ=DAILY", start=AT, duration_minutes=60)
    frozen = gate(freeze=(freeze(recurrence=daily),))
    assert pickle.loads(pickle.dumps(frozen)) == frozen


@pytest.mark.parametrize(
    ("pattern", "slo", "fits"),
    [
        ("shop/*", "shop/a", True),
        ("shop/*", 'shop/a{pod="x"}', False),
        ("*", "shop/a", True),
        ("*", 'shop/a{pod="x"}', False),
        ("shop/a", 'shop/a{pod="x"}', False),
        ("shop/a{*}", 'shop/a{pod="x"}', True),
        ("shop/a{*}", "shop/a", False),
        ('shop/a{pod="[x]"}', 'shop/a{pod="[x]"}', True),
        ('shop/*{pod="x"}', 'shop/a{pod="x"}', True),
        ("shop/?", "shop/a", True),
        ("SHOP/A", "shop/a", False),
    ],
)
def test_a_glob_names_objectives_as_a_whole_unless_it_has_a_brace(pattern: str, slo: str, fits: bool) -> None:
    assert id_matches(pattern, slo) is fits


def test_a_label_set_names_whole_objectives_that_have_all_of_its_labels() -> None:
    chosen = gate(objectives=((("team", "shop"), ("tier", "1")),))
    assert matches(chosen, "a/b", {"team": "shop", "tier": "1", "more": "x"})
    assert not matches(chosen, "a/b", {"team": "shop"})
    assert not matches(chosen, 'a/b{pod="x"}', {"team": "shop", "tier": "1"})


CAUSES = ("young", "no_data")
OUTCOMES = st.sampled_from([Outcome.WARN, Outcome.UNKNOWN, Outcome.DENY])


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    slo = f"a/{draw(st.integers(0, 30))}"
    reasons = [
        reason(slo, outcome, draw(st.sampled_from(["max_burn_rate", "min_budget_remaining", "state"])))
        if outcome is not Outcome.UNKNOWN
        else reason(slo, outcome, "state", cause=draw(st.sampled_from(CAUSES)))
        for outcome in draw(st.lists(OUTCOMES, max_size=3))
    ]
    return given(slo, *reasons, data_until=draw(st.one_of(st.none(), st.integers(NOW - 8, NOW))))


LISTS = st.lists(verdicts(), min_size=1, max_size=6)
GATES = st.builds(
    lambda young, frozen_after, hours: gate(
        on_unknown={"default": "deny", "young": young},
        freeze=(freeze(start=AT + timedelta(seconds=frozen_after), end=AT + timedelta(seconds=frozen_after + hours)),),
    ),
    st.sampled_from(["allow", "deny"]),
    st.integers(-100, 200),
    st.integers(1, 200),
)
OVERRIDES = st.lists(
    st.builds(
        lambda start, seconds, slos: override(
            start=AT + timedelta(seconds=start), until=AT + timedelta(seconds=start + seconds), slos=slos
        ),
        st.integers(-100, 100),
        st.integers(1, 200),
        st.sampled_from([(), ("a/1",), ("a/*",)]),
    ),
    max_size=2,
)


@each(of=GATES, first=LISTS, second=LISTS)
def test_the_decision_on_a_union_is_the_worse_one_of_the_parts(
    of: Any, first: list[Verdict], second: list[Verdict]
) -> None:
    parts, union = [decided(of, *first), decided(of, *second)], decided(of, *first, *second)
    assert union.outcome is max((one.outcome for one in parts), key=MILDEST_FIRST.index)
    assert union.allowed == all(one.allowed for one in parts)


@each(of=GATES, some=LISTS, more=verdicts(), overrides=OVERRIDES)
def test_one_more_objective_never_opens_a_closed_gate(
    of: Any, some: list[Verdict], more: Verdict, overrides: list[Any]
) -> None:
    before, after = decided(of, *some, overrides=overrides), decided(of, *some, more, overrides=overrides)
    assert before.allowed or not after.allowed


def test_reasons_that_differ_by_their_cause_alone_have_an_order_too() -> None:
    young, empty = (given("a/0", reason("a/0", Outcome.UNKNOWN, "state", cause=cause)) for cause in CAUSES)
    assert decided(gate(), young, empty) == decided(gate(), empty, young)


@each(of=GATES, some=LISTS, overrides=OVERRIDES, shift=st.randoms(use_true_random=False))
def test_the_order_of_verdicts_and_of_questions_changes_nothing(
    of: Any, some: list[Verdict], overrides: list[Any], shift: Any
) -> None:
    shuffled = list(some)
    shift.shuffle(shuffled)
    assert decided(of, *some, overrides=overrides) == decided(of, *shuffled, overrides=overrides)


@each(of=GATES, some=LISTS, overrides=OVERRIDES, cycle_seconds=st.integers(1, 90), share=st.floats(0, 1))
def test_until_it_expires_the_answer_is_the_same(
    of: Any, some: list[Verdict], overrides: list[Any], cycle_seconds: int, share: float
) -> None:
    cycle = AT + timedelta(seconds=cycle_seconds)
    now = fold(of, some, at=AT, overrides=overrides, next_cycle_at=cycle)
    assert now.expires_at > AT
    last = (now.expires_at - AT).total_seconds() - 1
    later = fold(of, some, at=AT + timedelta(seconds=max(0.0, share * last)), overrides=overrides, next_cycle_at=cycle)
    assert (later.id, later.outcome, later.allowed, told(later)) == (now.id, now.outcome, now.allowed, told(now))

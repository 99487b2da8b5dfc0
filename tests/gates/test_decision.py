"""Verdicts folded into a decision: the worst wins, and it can be made again at any time."""

from __future__ import annotations

from datetime import timedelta

from slo.decision import Outcome
from slo.render.decision_json import decision_document
from tests.gates.worlds import AT, decided, gate, given, override, reason


def test_the_worst_verdict_wins_and_is_decisive() -> None:
    made = decided(gate(), given("a/b", reason("a/b", Outcome.WARN)), given("a/c", reason("a/c", Outcome.DENY)))
    assert (made.outcome, made.allowed, made.decisive) == (Outcome.DENY, False, 0)
    assert [one.slo for one in made.reasons] == ["a/c", "a/b"]


def test_data_turn_stale_between_cycles_and_the_decision_expires_by_then() -> None:
    fresh = decided(gate(), given("a/b"), at=AT + timedelta(seconds=290))
    assert (fresh.outcome, fresh.expires_at) == (Outcome.ALLOW, AT + timedelta(seconds=300))
    assert decided(gate(), given("a/b"), at=AT + timedelta(seconds=300)).allowed
    stale = decided(gate(), given("a/b"), at=AT + timedelta(seconds=301))
    assert (stale.outcome, stale.allowed, stale.reasons[0].cause) == (Outcome.UNKNOWN, False, "stale")


def test_an_override_opens_the_gate_and_is_told() -> None:
    denied = given("a/b", reason("a/b", Outcome.DENY))
    made = decided(gate(), denied, overrides=[override()])
    assert (made.outcome, made.allowed) == (Outcome.WARN, True)
    document = decision_document(made)
    assert document["override"]["by"] == "alice"
    assert [(one["check"], one["decisive"]) for one in document["reasons"]] == [
        ("override", True),
        ("min_budget_remaining", False),
    ]

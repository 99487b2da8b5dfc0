"""The web process decides from a snapshot what it would decide from the data."""

from __future__ import annotations

from datetime import timedelta

import pytest

from slo.decision import Outcome, Verdict, fold
from slo.gate import matches
from slo.reporting import evaluations
from slo.serving.snapshot import Snapshot
from slo.source.protocol import Source
from slo.spec import Spec
from slo.verdict import judge
from tests.serving.conftest import AT


@pytest.fixture(scope="module")
def verdicts(spec: Spec, source: Source) -> dict[tuple[str, str], Verdict]:
    """By gate and id."""
    return {
        (gate.name, one.report.slo): judge(gate, one.objective, one.report, one.events, at=AT)
        for one in evaluations(spec.objectives, source, at=AT, progress=lambda share: None)
        for gate in spec.gates
    }


def test_verdicts_are_those_that_were_made(
    snapshot: Snapshot, spec: Spec, verdicts: dict[tuple[str, str], Verdict]
) -> None:
    outcomes = set()
    for gate in spec.gates:
        state = snapshot.gates[gate.name]
        assert state.gate == gate
        assert len(state.verdicts) == len(list(state.verdicts))
        for slo in state.verdicts:
            assert state.verdicts[slo] == verdicts[gate.name, slo]
            outcomes.add(state.verdicts[slo].outcome)
    assert {Outcome.ALLOW, Outcome.DENY, Outcome.UNKNOWN} <= outcomes


def test_a_gate_asks_about_what_it_names_and_knows_the_groups_of_that(snapshot: Snapshot, spec: Spec) -> None:
    for gate in spec.gates:
        state = snapshot.gates[gate.name]
        named = [row.slo for row in snapshot.rows if matches(gate, row.slo, row.labels)]
        assert list(state.slos) == named
        assert set(named) <= set(state.verdicts)
    cart = 'cloudshop/availability{service="cart"}'
    deploy = snapshot.gates["deploy"]
    assert cart in deploy.verdicts
    assert cart not in deploy.slos
    assert deploy.labels[cart]["service"] == "cart"
    assert cart in snapshot.gates["cart"].slos
    assert "cloudshop/none" not in deploy.verdicts
    assert snapshot.gates["nothing"].slos[:] == ()


def test_a_decision_from_the_snapshot_is_the_decision_from_the_data(
    snapshot: Snapshot, spec: Spec, verdicts: dict[tuple[str, str], Verdict]
) -> None:
    for gate in spec.gates:
        state = snapshot.gates[gate.name]
        for later in (0, 3600, 86_400):
            at = AT + timedelta(seconds=later)
            there = fold(state.gate, [state.verdicts[slo] for slo in state.slos], at=at, cycle=7)
            here = fold(gate, [verdicts[gate.name, slo] for slo in state.slos], at=at, cycle=7)
            assert there == here


def test_a_page_names_the_gates_that_ask_about_its_objective(snapshot: Snapshot) -> None:
    view = snapshot.view("cloudshop/week")
    assert view is not None
    assert view.gates == ("deploy", "strict-only")

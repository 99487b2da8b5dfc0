"""Governance at admission: which chaos may start at all, whatever the budget says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slo.decision import Decision, GateReason, Outcome
from slo.governance import ChaosRules
from slo.http.admission import answered, read_review, ungoverned
from slo.http.given import Given
from slo.http.problem import ProblemError
from tests.chaos.engines import engine, fault

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
RULES = ChaosRules(
    faults=("pod-delete",),
    namespaces=("cloudshop-prod",),
    labels=(frozenset({("app", "frontend")}),),
    service_accounts=("litmus-admin",),
)


def given(outcome: Outcome = Outcome.ALLOW, *, dry_run: bool = False) -> Given:
    reasons = () if outcome is Outcome.ALLOW else (GateReason(slo="a/b", check="x", outcome=outcome, message="spent"),)
    made = Decision(
        id="1",
        gate="chaos",
        at=AT,
        outcome=outcome,
        allowed=dry_run or outcome is Outcome.ALLOW,
        dry_run=dry_run,
        data_age_seconds=1.0,
        expires_at=AT + timedelta(minutes=1),
        reasons=reasons,
        decisive=0 if reasons else None,
        reasons_total=len(reasons),
        overridden_by=None,
    )
    return Given(made)


def asked(document: dict[str, Any], decision: Given | None = None, **request: Any) -> dict[str, Any]:
    values = {
        "uid": "1",
        "operation": "CREATE",
        "kind": {"kind": document.get("kind", "")},
        "namespace": "cloudshop-prod",
        "object": document,
    }
    body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": values | request}
    review = read_review(body)
    response: dict[str, Any] = answered(review, decision or given(), ungoverned(review, RULES, at=AT))["response"]
    return response


def test_chaos_that_is_listed_is_let_in() -> None:
    assert asked(engine(engineState="active"))["allowed"] is True


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (engine(engineState="active", experiments=[fault("node-drain")]), "the fault 'node-drain' is not allowed"),
        (engine(engineState="active", appinfo={"appns": "kube-system", "applabel": "app=frontend"}), "kube-system"),
        (engine(engineState="active", experiments=[fault()] * 500), "at most 20 faults"),
        (engine(engineState="active", chaosServiceAccount=None), "the service account '' is not allowed"),
        (engine(engineState="active", filler="x" * 300_000), "larger than 256 KiB"),
    ],
)
def test_chaos_that_is_not_listed_is_refused_whatever_the_budget(document: dict[str, Any], told: str) -> None:
    response = asked(document)
    assert (response["allowed"], response["status"]["code"]) == (False, 403)
    assert told in response["status"]["message"]
    assert len(response["status"]["message"]) <= 2000
    assert response["auditAnnotations"]["reason"] == "governance"


def test_break_glass_opens_the_budget_and_no_rule() -> None:
    glass = {"slo-break-glass": "the drill is today"}
    spent = given(Outcome.DENY)
    assert asked(engine(engineState="active", annotations=glass), spent)["allowed"] is True
    elsewhere = engine(engineState="active", annotations=glass, experiments=[fault("node-drain")])
    assert asked(elsewhere, spent)["allowed"] is False


def test_a_gate_on_trial_tells_and_lets_in() -> None:
    response = asked(engine(engineState="active", experiments=[fault("node-drain")]), given(dry_run=True))
    assert response["allowed"] is True
    assert "the fault 'node-drain' is not allowed" in response["warnings"][0]


def test_other_objects_are_not_the_rules_business() -> None:
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {}}
    assert asked(deployment)["allowed"] is True


@pytest.mark.parametrize("forged", [{"kind": {"kind": "Deployment"}}, {"namespace": "elsewhere"}])
def test_a_review_that_contradicts_its_object_is_refused(forged: dict[str, Any]) -> None:
    with pytest.raises(ProblemError, match="and the object's is"):
        asked(engine(engineState="active"), **forged)

"""AdmissionReview v1 as the API server sends it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

Object = dict[str, Any]


def engine(state: str | None = "active", **annotations: str) -> Object:
    spec = {"appinfo": {"appns": "shop"}} | ({"engineState": state} if state else {})
    metadata = {"name": "pod-delete", "annotations": annotations}
    return {"apiVersion": "litmuschaos.io/v1alpha1", "kind": "ChaosEngine", "metadata": metadata, "spec": spec}


def deployment(image: str, replicas: int = 1) -> Object:
    template = {"spec": {"containers": [{"name": "web", "image": image}]}}
    spec = {"replicas": replicas, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def review(operation: str, new: Object | None, old: Object | None = None, *, dry_run: bool = False) -> Object:
    kind = (new or old or {}).get("kind", "")
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "g", "version": "v1", "kind": kind},
            "name": "web",
            "namespace": "shop",
            "operation": operation,
            "userInfo": {"username": "system:serviceaccount:ci:deployer", "groups": ["system:authenticated"]},
            "object": new,
            "oldObject": old,
            "dryRun": dry_run,
            "options": None,
        },
    }


def ask(client: httpx.Client, gate: str, document: Object, **params: str) -> Object:
    answer = client.post(f"/admission/{gate}", json=document, params=params)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["apiVersion"], found["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert found["response"]["uid"] == document["request"]["uid"]
    assert all(isinstance(value, str) for value in found["response"].get("auditAnnotations", {}).values())
    response: Object = found["response"]
    return response


def calls(client: httpx.Client) -> list[Object]:
    found: list[Object] = client.get("/decisions?kind=call&limit=1000").json()["decisions"]
    return found


def test_a_gate_that_is_open_lets_in_and_is_recorded(client: httpx.Client) -> None:
    response = ask(client, "open", review("CREATE", deployment("web:1")))
    assert response["allowed"] is True
    assert "status" not in response
    entry = calls(client)[0]
    assert entry["by"] == "system:serviceaccount:ci:deployer through anonymous@127.0.0.1"
    assert (entry["route"], entry["allowed"]) == ("admission", True)
    assert entry["decision_id"] == response["auditAnnotations"]["decision-id"]
    assert json.loads(entry["body"])["name"] == "web"


def test_a_gate_that_is_closed_refuses_and_says_why(client: httpx.Client) -> None:
    response = ask(client, "spent", review("UPDATE", deployment("web:2"), deployment("web:1")))
    assert response["allowed"] is False
    assert (response["status"]["code"], response["status"]["reason"]) == (403, "Forbidden")
    assert "gate 'spent' says deny" in response["status"]["message"]
    assert "10 % is required" in response["status"]["message"]
    assert response["auditAnnotations"]["reason"] == "min_budget_remaining"


@pytest.mark.parametrize("gate", ["warning", "trusting", "trying"])
def test_who_is_let_in_with_doubts_is_warned(client: httpx.Client, gate: str) -> None:
    response = ask(client, gate, review("CREATE", deployment("web:1")))
    assert response["allowed"] is True
    assert response["warnings"]
    assert all(len(warning) <= 250 for warning in response["warnings"])


@pytest.mark.parametrize(
    ("operation", "new", "old", "asked"),
    [
        ("CREATE", engine(), None, True),
        ("CREATE", engine(None), None, True),
        ("CREATE", engine("stop"), None, False),
        ("UPDATE", engine(), engine("stop"), True),
        ("UPDATE", engine(), engine(), False),
        ("UPDATE", engine(), engine(None), False),
        ("UPDATE", engine("stop"), engine(), False),
        ("UPDATE", deployment("web:2"), deployment("web:1"), True),
        ("UPDATE", deployment("web:1", 5), deployment("web:1", 1), False),
        ("CREATE", deployment("web:1"), None, True),
        ("DELETE", None, deployment("web:1"), False),
        ("CONNECT", {"kind": "PodExecOptions"}, None, False),
    ],
)
def test_only_what_starts_something_is_asked_about(
    client: httpx.Client, operation: str, new: Object | None, old: Object | None, asked: bool
) -> None:
    before = len(calls(client))
    response = ask(client, "spent", review(operation, new, old))
    assert response["allowed"] is not asked
    assert len(calls(client)) == before + asked
    if not asked:
        assert response["auditAnnotations"]["decision"] == "not-asked"


def test_a_dry_run_is_answered_and_leaves_nothing(client: httpx.Client) -> None:
    before = len(calls(client))
    assert ask(client, "spent", review("CREATE", engine(), dry_run=True))["allowed"] is False
    assert ask(client, "open", review("CREATE", engine(), dry_run=True))["allowed"] is True
    assert len(calls(client)) == before


def test_break_glass_gets_through_and_is_kept(client: httpx.Client) -> None:
    response = ask(client, "spent", review("CREATE", engine(**{"slo-break-glass": "fix of the outage"})))
    assert response["allowed"] is True
    assert response["auditAnnotations"]["break-glass"] == "fix of the outage"
    assert "overridden" in response["warnings"][0]
    entry = calls(client)[0]
    assert (entry["decision"], entry["allowed"]) == ("deny", True)
    assert "fix of the outage" in entry["body"]
    assert ask(client, "spent", review("CREATE", engine(**{"slo-break-glass": " "})))["allowed"] is False


def test_the_webhook_may_name_objectives(client: httpx.Client) -> None:
    document = review("CREATE", deployment("web:1"))
    assert ask(client, "all", document, slo="cloudshop/week")["allowed"] is True
    assert ask(client, "all", document, slo="cloudshop/exhausted")["allowed"] is False


def test_the_api_server_says_how_long_it_waits(client: httpx.Client) -> None:
    """It adds the parameter to every webhook's address; it is no mistake of whoever set the webhook up."""
    assert ask(client, "open", review("CREATE", engine()), timeout="3s")["allowed"] is True


def changed(**request: Any) -> Object:
    document = review("CREATE", deployment("web:1"))
    document["request"] |= request
    return document


@pytest.mark.parametrize(
    ("document", "detail"),
    [
        ({}, "send an AdmissionReview"),
        ({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}, "request.uid"),
        (review("CREATE", None) | {"apiVersion": "admission.k8s.io/v1beta1"}, "send an AdmissionReview"),
        (review("CREATE", None) | {"request": []}, "request: is no object"),
        (changed(uid=""), "request.uid"),
        (changed(uid=7), "uid: is no text"),
        (changed(uid="x" * 200), "request.uid"),
        (changed(uid="a\r\nX: y"), "request.uid"),
        (changed(operation="PATCH"), "request.operation"),
        (changed(dryRun="yes"), "request.dryRun"),
        (changed(object="text"), "object: is no object"),
        (changed(object={"spec": 1}), "spec: is no object"),
        (changed(userInfo={"username": {}}), "username: is no text"),
    ],
)
def test_what_is_no_review_is_refused(client: httpx.Client, document: Object, detail: str) -> None:
    answer = client.post("/admission/open", json=document)
    assert (answer.status_code, detail in answer.json()["detail"]) == (400, True), answer.text


def test_a_gate_that_there_is_not_is_no_decision(client: httpx.Client) -> None:
    for document in (review("CREATE", engine()), review("DELETE", None, engine())):
        assert client.post("/admission/none", json=document).status_code == 404

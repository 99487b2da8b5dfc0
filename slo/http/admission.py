"""Kubernetes' admission: what a review asks, and the review that answers it. Pure.

Source: k8s.io/api/admission/v1. A review is answered with HTTP 200 whatever was decided; anything else has the API
server apply the webhook's failurePolicy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from slo.chaos.engine import KIND, read_engine
from slo.decision import Outcome
from slo.governance import ChaosRules, check
from slo.http.given import Given
from slo.http.problem import bad_request

API_VERSION = "admission.k8s.io/v1"
BREAK_GLASS = "slo-break-glass"
"""The annotation of an object that must get through; its value says why. It is recorded with who sent it."""

_UID = re.compile(r"[0-9A-Za-z-]{1,128}", re.ASCII)
_OPERATIONS = ("CREATE", "UPDATE", "DELETE", "CONNECT")
_LONGEST_WARNING = 250
_LONGEST_REFUSAL = 2000
_MOST_WARNINGS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What the API server asks. starts: whether the change begins what the gate guards; break_glass: the reason that
    the object gives for getting through all the same, "" for none; engine: the object, if it is a ChaosEngine."""

    uid: str
    operation: str
    kind: str
    namespace: str
    name: str
    user: str
    dry_run: bool
    starts: bool
    break_glass: str
    engine: Mapping[str, Any] | None = None

    @property
    def summary(self) -> bytes:
        """For the record: who wanted what, without the object, which may hold secrets."""
        facts = {
            "uid": self.uid,
            "operation": self.operation,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "user": self.user,
            "break_glass": self.break_glass,
        }
        return orjson.dumps({name: value for name, value in facts.items() if value})


def read_review(document: Mapping[str, Any]) -> Review:
    """Raises the 400 of what is no AdmissionReview v1."""
    if document.get("apiVersion") != API_VERSION or document.get("kind") != "AdmissionReview":
        raise bad_request(f"send an AdmissionReview of {API_VERSION}")
    request = _mapping(document, "request")
    uid, operation = _text(request, "uid"), _text(request, "operation")
    if not _UID.fullmatch(uid):
        raise bad_request("request.uid: is missing or none")
    if operation not in _OPERATIONS:
        raise bad_request(f"request.operation: is none of {', '.join(_OPERATIONS)}")
    dry_run = request.get("dryRun")
    if not isinstance(dry_run, bool | None):
        raise bad_request("request.dryRun: is neither true nor false")
    new, old = _mapping(request, "object"), _mapping(request, "oldObject")
    metadata = _mapping(new, "metadata")
    kind = _agreed("kind", _text(_mapping(request, "kind"), "kind"), _text(new, "kind"))
    namespace = _agreed("namespace", _text(request, "namespace"), _text(metadata, "namespace"))
    return Review(
        uid=uid,
        operation=operation,
        kind=kind,
        namespace=namespace,
        name=_text(request, "name") or _text(metadata, "name") or _text(metadata, "generateName"),
        user=_text(_mapping(request, "userInfo"), "username"),
        dry_run=bool(dry_run),
        starts=_starts(operation, new, old),
        break_glass=_text(_mapping(metadata, "annotations"), BREAK_GLASS).strip(),
        engine=new if kind == KIND else None,
    )


def ungoverned(review: Review, rules: ChaosRules | None, *, at: datetime) -> tuple[str, ...]:
    """What a gate's rules have against the ChaosEngine that is to start, one line each."""
    if review.engine is None or rules is None:
        return ()
    try:
        return check(rules, read_engine(review.engine, namespace=review.namespace).wish, at=at)
    except ValueError as error:
        return (str(error),)


def passed(review: Review, why: str) -> dict[str, Any]:
    """The answer to what the gate is not about."""
    return _answer(review, {"allowed": True, "auditAnnotations": {"decision": "not-asked", "reason": why}})


def answered(review: Review, given: Given, refusals: Sequence[str] = ()) -> dict[str, Any]:
    """The answer that a decision gives. refusals: of the gate's rules on chaos, which no budget and no break-glass
    opens. A decision that lets through with doubts says so to who applies the object."""
    decision = given.decision
    gate = f"gate {decision.gate!r}"
    audit = {"gate": decision.gate, "decision": decision.outcome.value, "decision-id": decision.id}
    if given.reason:
        audit["reason"] = given.reason
    if refusals and not decision.dry_run:
        audit["reason"] = "governance"
        message = f"{gate} does not allow this chaos: {'; '.join(refusals)}"[:_LONGEST_REFUSAL]
        status = {"code": 403, "reason": "Forbidden", "message": message}
        return _answer(review, {"allowed": False, "auditAnnotations": audit, "status": status})
    if not decision.allowed and review.break_glass:
        audit["break-glass"] = review.break_glass[:_LONGEST_WARNING]
        warning = f"{gate} was overridden by the annotation {BREAK_GLASS}: {given.message}"
        return _answer(review, {"allowed": True, "auditAnnotations": audit, "warnings": [warning[:_LONGEST_WARNING]]})
    response: dict[str, Any] = {"allowed": decision.allowed, "auditAnnotations": audit}
    if not decision.allowed:
        message = f"{gate} says {decision.outcome.value}: {given.message}"
        response["status"] = {"code": 403, "reason": "Forbidden", "message": message}
    elif refusals or decision.outcome is not Outcome.ALLOW:
        told = [*refusals, *(reason.message for reason in decision.reasons)]
        said = [f"{gate}: {line}"[:_LONGEST_WARNING] for line in told[:_MOST_WARNINGS]]
        response["warnings"] = said
    return _answer(review, response)


def _answer(review: Review, response: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": {"uid": review.uid, **response}}


def _starts(operation: str, new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether a change begins something: an object that is made, a ChaosEngine that becomes active, a workload whose
    pods change. Not: deletions, labels, scaling, and what an operator writes into its own object while it runs."""
    if operation not in ("CREATE", "UPDATE"):
        return False
    spec, before = _mapping(new, "spec"), _mapping(old, "spec")
    if new.get("kind") == "ChaosEngine":
        is_active = spec.get("engineState", "active") == "active"
        return is_active and (operation == "CREATE" or before.get("engineState", "active") != "active")
    if operation == "UPDATE" and "template" in spec:
        return bool(spec["template"] != before.get("template"))
    return True


def _mapping(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_request(f"{key}: is no object")
    return value


def _agreed(what: str, asked: str, written: str) -> str:
    """What the request and its object both say; the API server always has them agree."""
    if asked and written and asked != written:
        raise bad_request(f"request.{what}: is {asked[:100]!r}, and the object's is {written[:100]!r}")
    return asked or written


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str | None):
        raise bad_request(f"{key}: is no text")
    return value or ""

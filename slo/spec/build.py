"""From the parts of a document that has no problem to objectives."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

from slo.alert_policy import AlertPolicy
from slo.objective import Objective
from slo.spec.policy import policy


def build_objectives(document: dict[str, Any], folder: Path) -> list[Objective]:
    """The objectives of one document as its schema reads it; folder: where its file lies."""
    alert_policy = policy(document["alerting"], folder)
    return [_objective(document, entry, alert_policy) for entry in document["objectives"]]


def _objective(document: dict[str, Any], entry: dict[str, Any], alert_policy: AlertPolicy) -> Objective:
    shared = {
        "service": document["service"],
        "alert_policy": alert_policy,
        "labels": MappingProxyType({**document["labels"], **entry["labels"]}),
        "prometheus": _server_name(entry["prometheus"] or document["prometheus"]),
    }
    return Objective(**(entry | shared))


def _server_name(name: str) -> str:
    """`default` is written where the document names another server and an objective wants the one without a name."""
    return "" if name == "default" else name

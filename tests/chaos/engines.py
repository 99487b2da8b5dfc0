"""ChaosEngines for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def fault(name: str = "pod-delete", **env: str) -> dict[str, Any]:
    values = {"TOTAL_CHAOS_DURATION": "30", "PODS_AFFECTED_PERC": "50"} if name == "pod-delete" else {}
    variables = [{"name": key, "value": value} for key, value in {**values, **env}.items()]
    return {"name": name, "spec": {"components": {"env": variables}}}


def engine(*, annotations: Mapping[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """The lab's engine, stopped, with changes to its spec."""
    metadata: dict[str, Any] = {"name": "frontend-chaos", "namespace": "cloudshop-prod"}
    if annotations:
        metadata["annotations"] = dict(annotations)
    values: dict[str, Any] = {
        "engineState": "stop",
        "appinfo": {"appns": "cloudshop-prod", "applabel": "app=frontend", "appkind": "deployment"},
        "chaosServiceAccount": "litmus-admin",
        "experiments": [fault()],
    }
    return {
        "apiVersion": "litmuschaos.io/v1alpha1",
        "kind": "ChaosEngine",
        "metadata": metadata,
        "spec": values | spec,
    }

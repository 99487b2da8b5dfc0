"""Who may spend an objective's budget on chaos: one run at a time, by a Lease of Kubernetes for each objective.

The Lease holds what a run needs to be gone on with by somebody else, how long no other may follow it, and what runs
before it cost. Whether a holder lives is judged by its renewals as they are seen here, never by another's clock.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from slo.chaos.cluster import Cluster, Document
from slo.clock import format_time, parse_time
from slo.errors import ClusterConflictError, ClusterError, SLOError

OBJECTIVE, RUN, COOL_DOWN, HISTORY = "slo-objective", "slo-chaos-run", "slo-chaos-cool-down", "slo-chaos-history"
_MOST_REMEMBERED = 10
_MOST_TTL_SECONDS = 3600


class LeaseLostError(SLOError):
    """Another guard has it."""


@dataclass(frozen=True, slots=True)
class LeaseView:
    """holder: "" where it is free; version: another one after each renewal; ttl_seconds: how long its holder may be
    silent, by its own word, 0 for none. record: of the run that holds it."""

    holder: str
    version: str
    record: Mapping[str, Any] | None
    cool_down_until: datetime | None
    history: Mapping[str, Sequence[float]]
    ttl_seconds: int = 0


def lease_name(slo: str) -> str:
    """Ids have characters that names of Kubernetes have not."""
    return f"slo-chaos-{blake2b(slo.encode(), digest_size=8).hexdigest()}"


def view_of(document: Document | None) -> LeaseView:
    """What a Lease says; what is written otherwise than here counts as nothing."""
    metadata = (document or {}).get("metadata", {})
    annotations = metadata.get("annotations") or {}
    record, history = _json(annotations.get(RUN)), _history(annotations.get(HISTORY))
    try:
        until = parse_time(annotations[COOL_DOWN]) if COOL_DOWN in annotations else None
    except SLOError:
        until = None
    spec = (document or {}).get("spec") or {}
    ttl = spec.get("leaseDurationSeconds")
    return LeaseView(
        holder=spec.get("holderIdentity") or "",
        version=str(metadata.get("resourceVersion", "")),
        record=record,
        cool_down_until=until,
        history=history,
        ttl_seconds=min(ttl, _MOST_TTL_SECONDS) if isinstance(ttl, int) and ttl > 0 else 0,
    )


class Leases:
    """Of one run on some objectives. holder: who this is; ttl_seconds: how long without a renewal counts as dead."""

    def __init__(self, cluster: Cluster, namespace: str, slos: Sequence[str], *, holder: str, ttl_seconds: int) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._slos = sorted(slos)
        self._holder = holder
        self._ttl = ttl_seconds
        self._held: dict[str, Document] = {}

    def look(self) -> dict[str, LeaseView]:
        """The leases as they are. Raises ClusterError."""
        return {slo: view_of(self._cluster.lease(self._namespace, lease_name(slo))) for slo in self._slos}

    def acquire(self, record: Mapping[str, Any], expected: Mapping[str, LeaseView], at: datetime) -> None:
        """All of them, as they were seen, or none. Raises LeaseLostError where one has changed, ClusterError."""
        try:
            for slo in self._slos:
                known = self._cluster.lease(self._namespace, lease_name(slo))
                if view_of(known).version != expected[slo].version:
                    raise LeaseLostError(f"{slo}: another guard was quicker")
                self._held[slo] = self._cluster.write_lease(self._document(slo, known, record, at))
        except ClusterConflictError:
            self._let_go()
            raise LeaseLostError("another guard was quicker") from None
        except SLOError:
            self._let_go()
            raise

    def renew(self, record: Mapping[str, Any], at: datetime) -> None:
        """Raises LeaseLostError where another guard has one of them, ClusterError where that is not known."""
        for slo in self._slos:
            try:
                self._held[slo] = self._cluster.write_lease(self._document(slo, self._held[slo], record, at))
            except ClusterConflictError:
                self._held[slo] = self._mine_again(slo)

    def release(self, until: datetime | None, key: str, ratios: Mapping[str, float], at: datetime) -> None:
        """Free again; until: the end of the cool-down; ratios: what the run of this key cost of its worst case."""
        for slo in [one for one in self._slos if one in self._held]:
            document = self._document(slo, self._held[slo], None, at)
            annotations = document["metadata"]["annotations"]
            if until is not None:
                annotations[COOL_DOWN] = format_time(until)
            if slo in ratios:
                history = dict(view_of(document).history)
                history[key] = [*history.get(key, ()), ratios[slo]][-_MOST_REMEMBERED:]
                annotations[HISTORY] = json.dumps(history)
            try:
                self._cluster.write_lease(document)
            except ClusterConflictError:
                raise LeaseLostError(f"{slo}: another guard has taken the lease") from None

    def _mine_again(self, slo: str) -> Document:
        """As it is by now: a renewal whose answer was lost has changed it as well as another guard has."""
        known = self._cluster.lease(self._namespace, lease_name(slo))
        if known is None or view_of(known).holder != self._holder:
            raise LeaseLostError(f"{slo}: another guard has taken the lease")
        return known

    def _let_go(self) -> None:
        for slo in self._held:
            try:
                self._cluster.write_lease(self._document(slo, self._held[slo], None, None))
            except ClusterError:
                continue  # it runs out
        self._held.clear()

    def _document(
        self, slo: str, known: Document | None, record: Mapping[str, Any] | None, at: datetime | None
    ) -> Document:
        """With a record it is held, without one it is free."""
        metadata: Document = {"name": lease_name(slo), "namespace": self._namespace}
        before = (known or {}).get("metadata", {})
        annotations = {**(before.get("annotations") or {}), OBJECTIVE: slo}
        annotations.pop(RUN, None)
        if record is not None:
            annotations[RUN] = json.dumps(record)
        if "resourceVersion" in before:
            metadata["resourceVersion"] = before["resourceVersion"]
        metadata |= {"annotations": annotations, "labels": {"app.kubernetes.io/managed-by": "slo"}}
        spec: Document = {
            "holderIdentity": self._holder if record is not None else "",
            "leaseDurationSeconds": self._ttl,
        }
        if at is not None:
            spec["renewTime"] = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def _history(text: Any) -> dict[str, tuple[float, ...]]:
    """Ratios by engine. They lower what a run must be able to afford: a list that is not all ratios counts for none."""
    found = _json(text) or {}
    return {key: tuple(ratios) for key, ratios in found.items() if isinstance(ratios, list) and _are_ratios(ratios)}


def _are_ratios(values: Sequence[Any]) -> bool:
    return all(isinstance(one, (int, float)) and not isinstance(one, bool) and 0 <= one < math.inf for one in values)


def _json(text: Any) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None

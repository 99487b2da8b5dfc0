"""What of the platform a cluster has: policies that hold, gates that are asked, chaos that went well."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from slo.chaos.cluster import Document
from slo.doctor.cluster import Patient
from slo.doctor.finding import Finding, found, looked

POLICIES = ("disallow-latest-tag", "require-resources", "disallow-privileged")
SIGNATURES = "verify-image-signature"
GUARDED = "slo.example.com/gate"
CHECKS = (
    "Kyverno's policies are active",
    "a pod with the tag latest is denied",
    "a pod without resources is denied",
    "a privileged pod is denied",
    "a pod that is as it should be is let in",
    "images must be signed",
    "the API server asks the gates",
    "chaos has been run, and passed",
)
_APPLY = (
    "kubectl apply -f deploy/kyverno/cluster-policies/ (or cel/ from Kyverno 1.17 on), and wait until they are ready"
)
_CEL_VERSIONS = ("v1", "v1beta1", "v1alpha1")
_RESOURCES = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "10m", "memory": "16Mi"}}


def cluster_findings(cluster: Patient, namespace: str) -> list[Finding]:
    """All that there is to say about the namespace of the applications."""
    active, latest, resources, privileged, good, signed, gates, chaos = CHECKS
    reach = "is the kubeconfig the right one, and may its user look at this?"
    create = f"let the user create pods in {namespace}: a dry run needs the same right"
    bad = [
        (latest, _pod(image="nginx:latest")),
        (resources, _pod(resources={})),
        (privileged, _pod(privileged=True)),
    ]
    return [
        looked(active, lambda: _policies(cluster, active), reach),
        *(looked(check, partial(_denied, cluster, namespace, check, pod), create) for check, pod in bad),
        looked(good, lambda: _let_in(cluster, namespace, good), create),
        looked(signed, lambda: _signatures(cluster, signed), reach),
        looked(gates, lambda: _gates(cluster, namespace, gates), reach),
        looked(chaos, lambda: _verdicts(cluster, namespace, chaos), reach),
    ]


def _policies(cluster: Patient, check: str) -> Finding:
    known = _by_name(cluster, "clusterpolicies", "validatingpolicies")
    wrong = [f"{name} {trouble}" for name in POLICIES if (trouble := _trouble(known.get(name)))]
    return found(check, not wrong, "; ".join(wrong) or ", ".join(POLICIES), _APPLY)


def _signatures(cluster: Patient, check: str) -> Finding:
    trouble = _trouble(_by_name(cluster, "clusterpolicies", "imagevalidatingpolicies").get(SIGNATURES))
    return found(check, not trouble, f"{SIGNATURES} {trouble or 'is active'}", _APPLY)


def signature_policy(cluster: Patient) -> Document:
    """The policy that says who signs images; empty where there is none. Raises ClusterError."""
    return _by_name(cluster, "clusterpolicies", "imagevalidatingpolicies").get(SIGNATURES, {})


def _by_name(cluster: Patient, older: str, newer: str) -> dict[str, Document]:
    policies = cluster.objects("kyverno.io", ["v1"], older)
    policies += cluster.objects("policies.kyverno.io", _CEL_VERSIONS, newer)
    return {str(one["metadata"].get("name")): one for one in policies if isinstance(one.get("metadata"), dict)}


def _trouble(policy: Document | None) -> str:
    """Why a policy keeps nothing out, "" if it does."""
    if policy is None:
        return "is not there"
    if not _enforces(_mapping(policy, "spec")):
        return "only audits"
    return "" if _is_ready(_mapping(policy, "status")) else "is not ready"


def _enforces(spec: Mapping[str, Any]) -> bool:
    """Whether it refuses: in today's kinds by each rule, in CEL's by validationActions, and in the way of before."""
    if "Deny" in (spec.get("validationActions") or ()):
        return True
    if str(spec.get("validationFailureAction", "")).lower() == "enforce":
        return True
    rules = [rule for rule in spec.get("rules") or () if isinstance(rule, dict)]
    actions = [
        part.get("failureAction")
        for rule in rules
        for part in (rule.get("validate"), *(rule.get("verifyImages") or ()))
        if isinstance(part, dict)
    ]
    return bool(actions) and all(action == "Enforce" for action in actions)


def _is_ready(status: Mapping[str, Any]) -> bool:
    conditions = [one for one in status.get("conditions") or () if isinstance(one, dict)]
    is_said = any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)
    return is_said or status.get("ready") is True or _mapping(status, "conditionStatus").get("ready") is True


def _denied(cluster: Patient, namespace: str, check: str, pod: Document) -> Finding:
    refusal = cluster.refusal_of(namespace, pod)
    cure = f"{_APPLY}; they hold in the namespace cloudshop-prod: name {namespace} in them where it is another"
    return found(check, bool(refusal), refusal or f"it would be let into {namespace}", cure)


def _let_in(cluster: Patient, namespace: str, check: str) -> Finding:
    """Else the pods above may be denied for what they have in common."""
    refusal = cluster.refusal_of(namespace, _pod())
    return found(
        check, not refusal, refusal or "nothing is said against it", "read what the policy that refuses it wants"
    )


def _gates(cluster: Patient, namespace: str, check: str) -> Finding:
    hooks = {
        str(hook.get("name", "")).split(".")[0]: hook
        for one in cluster.webhooks()
        if one["metadata"].get("name") == "slo-gates"
        for hook in one.get("webhooks") or ()
    }
    wrong = [f"there is no webhook of the gate {gate}" for gate in ("chaos", "deploy") if gate not in hooks]
    wrong += [
        f"the webhook of the gate {gate} has no caBundle"
        for gate, hook in sorted(hooks.items())
        if not _mapping(hook, "clientConfig").get("caBundle")
    ]
    if cluster.labels_of(namespace).get(GUARDED) != "enforce":
        wrong.append(f"{namespace} is not labelled {GUARDED}=enforce")
    cure = "kubectl apply -k deploy/kubernetes/sqlite, and docs/operating.md, Install, from step 3 on"
    return found(check, not wrong, "; ".join(wrong) or "for chaos and for deploys", cure)


def _verdicts(cluster: Patient, namespace: str, check: str) -> Finding:
    results = cluster.objects("litmuschaos.io", ["v1alpha1"], "chaosresults", namespace)
    verdicts = {
        str(one["metadata"].get("name")): str(
            _mapping(_mapping(one, "status"), "experimentStatus").get("verdict") or "Awaited"
        )
        for one in results
    }
    told = ", ".join(f"{name}: {verdict}" for name, verdict in sorted(verdicts.items()))
    if not verdicts:
        return found(check, False, f"there is no ChaosResult in {namespace}", "slo chaos run ENGINE --gate chaos")
    cure = "kubectl describe chaosresult, and slo incidents: what did not survive?"
    return found(check, set(verdicts.values()) == {"Pass"}, told, cure)


def _mapping(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _pod(
    *, image: str = "nginx:1.29.3", resources: Mapping[str, Any] | None = None, privileged: bool = False
) -> Document:
    """A pod with at most one thing wrong with it."""
    security: Document = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    if privileged:
        security = {"privileged": True}
    container = {
        "name": "doctor",
        "image": image,
        "resources": _RESOURCES if resources is None else resources,
        "securityContext": security,
    }
    profile = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"containers": [container], "securityContext": profile, "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "slo-doctor"}, "spec": spec}

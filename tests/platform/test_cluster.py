"""Who else judges deploy/kubernetes: the API server, kubeconform, Kyverno; and `slo doctor` over such a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from slo.cli import run as slo
from tests.http.served import eventually
from tests.platform.gated import SHOP, SUPPORT, Gated, engine, gated, rendered
from tests.platform.kyverno import POLICIES, applied
from tests.platform.manifests import SIZES
from tests.platform.programs import ROOT, run
from tests.support.kubernetes import ApiServer, api_server

pytestmark = pytest.mark.platform

OURS = ("disallow-latest-tag", "require-resources", "disallow-privileged")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """With the namespace of the service, which enforces the restricted standard, and the operators' definitions."""
    with api_server(tmp_path_factory.mktemp("k8s") / "cluster") as running:
        running.apply(SUPPORT / "operators.yaml", SUPPORT / "litmus.yaml")
        namespace = ROOT / "deploy" / "kubernetes" / "base" / "namespace.yaml"
        running.kubectl("apply", "--server-side", "-f", str(namespace))
        running.kubectl("create", "namespace", SHOP)
        yield running


def text_of(server: ApiServer, part: str) -> str:
    """The manifests of a size, or of a folder of deploy that is applied as it is."""
    if part in (*SIZES, "backstop"):
        return rendered(server, part)
    return "\n---\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "deploy" / part).glob("*.yaml")))


def objects(server: ApiServer, part: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(text_of(server, part)) if one]


def test_the_api_server_tells_which_version_of_kubernetes_it_is(server: ApiServer) -> None:
    told = json.loads(server.kubectl("version", "-o", "json").stdout)
    script = (ROOT / "scripts" / "platform-tools.sh").read_text(encoding="utf-8")
    assert f"[kubernetes]={told['serverVersion']['gitVersion']} " in script
    assert told["clientVersion"]["gitVersion"] == told["serverVersion"]["gitVersion"]
    assert (told["serverVersion"]["major"], told["serverVersion"]["minor"]) == ("1", "35")


@pytest.mark.parametrize("part", [*SIZES, "backstop", "chaos"])
def test_the_api_server_takes_every_object(server: ApiServer, part: str) -> None:
    """Strictly: an unknown field is an error. Nothing is kept."""
    words = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
    done = server.kubectl(*words, stdin=text_of(server, part))
    assert len(done.stdout.splitlines()) == len(objects(server, part))
    assert "Warning" not in done.stderr


@pytest.mark.parametrize("size", [*SIZES, "backstop"])
def test_pods_meet_the_restricted_standard_of_their_namespace(server: ApiServer, size: str) -> None:
    """The API server would refuse them; a Deployment it would only warn about."""
    for one in objects(server, size):
        if one["kind"] == "Deployment":
            metadata = {"name": "one", "namespace": "slo-system"}
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": one["spec"]["template"]["spec"]}
            server.kubectl("create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(pod))
            del pod["spec"]["securityContext"]["seccompProfile"]
            refused = server.kubectl("create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(pod), check=False)
            assert 'violates PodSecurity "restricted' in refused.stderr


def write_schemas(server: ApiServer, schemas: Path) -> None:
    """What this API server publishes of its kinds, as kubeconform reads it."""
    published = json.loads(server.kubectl("get", "--raw", "/openapi/v2").stdout)["definitions"]
    published["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = {"type": ["integer", "string"]}
    for definition in published.values():
        if "properties" in definition:
            definition["additionalProperties"] = False
    (schemas / "_definitions.json").write_text(json.dumps({"definitions": published}))
    for name, definition in published.items():
        for kind in definition.get("x-kubernetes-group-version-kind", ()):
            group = f"{kind['group'].split('.')[0]}-" if kind["group"] else ""
            schema = {"$ref": f"_definitions.json#/definitions/{name}"}
            (schemas / f"{kind['kind']}-{group}{kind['version']}.json".lower()).write_text(json.dumps(schema))


MISTAKES = {"chaos": ("roleRef:", "roleReference:")}
"""For a part, a field and what it becomes when it is written wrong; readOnlyRootFilesystem of the others."""


@pytest.mark.parametrize("part", [*SIZES, "backstop", "chaos"])
def test_kubeconform_finds_nothing(server: ApiServer, part: str, tmp_path: Path) -> None:
    """Of operators, Litmus' as well, the tests have names alone: no schema of their fields is at hand."""
    schemas, manifest = tmp_path / "schemas", tmp_path / "manifest.yaml"
    schemas.mkdir()
    write_schemas(server, schemas)
    manifest.write_text(text_of(server, part))
    operators = "ServiceMonitor,Certificate,Issuer"
    where = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    words = ("-summary", "-schema-location", where, "-skip", operators)
    done = run("kubeconform", *words, manifest)
    assert "Invalid: 0, Errors: 0" in done.stdout
    right, wrong = MISTAKES.get(part, ("readOnlyRootFilesystem:", "readOnlyRoot:"))
    manifest.write_text(text_of(server, part).replace(right, wrong))
    assert wrong.strip(":") in run("kubeconform", *words, manifest, check=False).stdout


def rules_of(server: ApiServer, account: str, namespace: str) -> set[tuple[str, str, str]]:
    """Group, resource and verb of all that an account may do in a namespace, as the API server tells itself."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    who = (f"--as=system:serviceaccount:{SHOP}:{account}", "--as-group=system:authenticated")
    told = server.kubectl(
        "create", *who, "--validate=false", "-o", "json", "-f", "-", stdin=yaml.safe_dump(review)
    ).stdout
    return {
        (group, resource, verb)
        for rule in json.loads(told)["status"]["resourceRules"]
        for group in rule.get("apiGroups", ())
        for resource in rule.get("resources", ())
        for verb in rule["verbs"]
    }


GUARD_MAY = {
    ("litmuschaos.io", "chaosengines", "create"),
    ("litmuschaos.io", "chaosengines", "get"),
    ("litmuschaos.io", "chaosengines", "patch"),
    ("litmuschaos.io", "chaosresults", "get"),
    ("", "pods", "list"),
    ("coordination.k8s.io", "leases", "create"),
    ("coordination.k8s.io", "leases", "get"),
    ("coordination.k8s.io", "leases", "update"),
}


def test_a_guard_may_do_what_a_run_does_and_nothing_more(server: ApiServer) -> None:
    """That it suffices is shown by the runs of test_chaos.py and of the image, which have no other permissions."""
    server.apply(ROOT / "deploy" / "chaos" / "rbac.yaml")
    try:
        anybody = rules_of(server, "somebody", SHOP)
        assert rules_of(server, "slo-chaos-guard", SHOP) - anybody == GUARD_MAY
        assert rules_of(server, "slo-chaos-guard", "slo-system") == anybody
        fault = rules_of(server, "litmus-admin", SHOP) - anybody
        assert ("", "pods", "deletecollection") in fault
        assert not {(group, resource) for group, resource, _ in fault} & {
            ("", "secrets"),
            ("coordination.k8s.io", "leases"),
        }
        assert not [verb for _, _, verb in fault | GUARD_MAY if verb in ("*", "escalate", "bind", "impersonate")]
        assert rules_of(server, "litmus-admin", "slo-system") == anybody
    finally:
        server.kubectl("delete", "-f", str(ROOT / "deploy" / "chaos" / "rbac.yaml"))


@pytest.mark.parametrize("form", ["cluster-policies", "cel"])
@pytest.mark.parametrize("size", [*SIZES, "backstop"])
def test_our_own_pods_pass_our_policies(server: ApiServer, size: str, form: str, tmp_path: Path) -> None:
    """As if they ran beside the applications, where the policies hold."""
    manifest = tmp_path / "manifest.yaml"
    deployments = [one for one in objects(server, size) if one["kind"] == "Deployment"]
    manifest.write_text(yaml.safe_dump_all(deployments).replace("namespace: slo-system", f"namespace: {SHOP}"))
    for policy in OURS:
        counts = applied(POLICIES / form / f"{policy}.yaml", manifest)
        assert counts["pass"] == len(deployments)
        assert counts["fail"] == counts["error"] == 0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gated]:
    with gated(tmp_path_factory.mktemp("gated")) as made:
        yield made


LATEST = """\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: stand-in}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}
  validations:
    - {expression: "object.spec.containers.all(c, !c.image.endsWith(':latest'))", message: tag latest}
    - {expression: "object.spec.containers.all(c, has(c.resources.limits))", message: no resources}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: stand-in}
spec: {policyName: stand-in, validationActions: [Deny]}
"""
"""Kyverno's webhooks cannot run here: the API server's own policies deny the same pods in their place."""


def examined(cluster: Gated, capsys: pytest.CaptureFixture[str], kubeconfig: Path | None = None) -> dict[str, Any]:
    file = str(kubeconfig or cluster.server.kubeconfig)
    code = slo(["doctor", "--kubeconfig", file, "--namespace", SHOP, "-o", "json", "--timeout", "60"])
    found = {one["check"]: one for one in json.loads(capsys.readouterr().out)["checks"] if one["state"] != "skipped"}
    states = {one["state"] for one in found.values()}
    assert code == (1 if "fails" in states else 3 if "unknown" in states else 0)
    return found


def policy(name: str, ready: str, action: str = "Enforce") -> dict[str, Any]:
    return {
        "apiVersion": "kyverno.io/v1",
        "kind": "ClusterPolicy",
        "metadata": {"name": name},
        "spec": {"rules": [{"name": "one", "validate": {"failureAction": action}}]},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def test_the_doctor_tells_a_cluster_with_nothing_from_one_with_everything(
    cluster: Gated, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.server.kubectl("label", "namespace", SHOP, "slo.example.com/gate-")
    bare = examined(cluster, capsys)
    states = {check: one["state"] for check, one in bare.items()}
    assert states.pop("a pod that is as it should be is let in") == "holds"
    # The API server of the tests runs without --allow-privileged, which is denial enough.
    assert states.pop("a privileged pod is denied") == "holds"
    assert set(states.values()) == {"fails"}
    assert bare["chaos has been run, and passed"]["cure"] == "slo chaos run ENGINE --gate chaos"
    assert f"{SHOP} is not labelled" in bare["the API server asks the gates"]["found"]

    cluster.server.kubectl("label", "namespace", SHOP, "slo.example.com/gate=enforce")
    cluster.server.apply(*(policy(name, "True") for name in (*OURS, "verify-image-signature")))
    cluster.server.kubectl("apply", "-f", "-", stdin=LATEST)
    result = engine(None, "frontend-chaos-pod-delete") | {
        "kind": "ChaosResult",
        "spec": {},
        "status": {"experimentStatus": {"verdict": "Pass"}},
    }
    cluster.server.apply(result)
    pod = {"metadata": {"name": "p", "namespace": SHOP}, "spec": {"containers": [{"name": "c", "image": "a:latest"}]}}
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", **pod})
    # A policy takes effect some moments after it was written.
    words = ("create", "--dry-run=server", "-f", "-")
    eventually(lambda: cluster.server.kubectl(*words, stdin=text, check=False).returncode != 0)
    whole = examined(cluster, capsys)
    assert {check: one["state"] for check, one in whole.items()} == dict.fromkeys(whole, "holds")
    assert "tag latest" in whole["a pod with the tag latest is denied"]["found"]
    assert cluster.server.kubectl("get", "pods", "-n", SHOP, "-o", "name").stdout == ""

    cluster.server.apply(policy(OURS[0], "False"), policy(OURS[1], "True", "Audit"))
    lame = examined(cluster, capsys)["Kyverno's policies are active"]
    assert lame["found"] == f"{OURS[0]} is not ready; {OURS[1]} only audits"


def test_the_doctor_learns_from_the_policy_who_signs(
    cluster: Gated, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without cosign, so that what would be run is told."""
    cluster.server.apply(POLICIES / "cluster-policies" / "verify-image-signature.yaml")
    monkeypatch.setenv("PATH", str(tmp_path))
    image = "ghcr.io/votre-org/cloudshop/slo:0.1.0"
    slo(["doctor", "--kubeconfig", str(cluster.server.kubeconfig), "--image", image, "-o", "json", "--timeout", "60"])
    checks = {one["check"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
    signed = checks["the images are signed"]
    assert (signed["state"], signed["found"]) == ("unknown", "cosign is not on PATH")
    assert "/.github/workflows/docker-ci.yml@refs/heads/main" in signed["cure"]
    assert signed["cure"].endswith(f" {image}")


def test_a_missing_right_is_no_denied_pod(cluster: Gated, capsys: pytest.CaptureFixture[str]) -> None:
    """Who may look and not create is told so, not that all is well."""
    cluster.server.kubectl("create", "serviceaccount", "looker", "-n", "default")
    cluster.server.kubectl(
        "create", "clusterrolebinding", "look", "--clusterrole=view", "--serviceaccount=default:looker"
    )
    token = cluster.server.kubectl("create", "token", "looker", "-n", "default").stdout.strip()
    document = yaml.safe_load(cluster.server.kubeconfig.read_text())
    document["users"][0]["user"]["token"] = token
    looker = cluster.folder / "looker"
    looker.write_text(yaml.safe_dump(document))
    found = examined(cluster, capsys, looker)
    denied = found["a privileged pod is denied"]
    assert denied["state"] == "unknown"
    assert 'cannot create resource "pods"' in denied["found"]
    assert denied["cure"].startswith(f"let the user create pods in {SHOP}")


def test_a_cluster_that_is_away_holds_nothing(cluster: Gated, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.server.kill()
    try:
        found = examined(cluster, capsys)
    finally:
        cluster.server.start()
    assert {one["state"] for one in found.values()} == {"unknown"}

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
        yield running


def objects(server: ApiServer, size: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(rendered(server, size)) if one]


@pytest.mark.parametrize("size", [*SIZES, "backstop"])
def test_the_api_server_takes_every_object(server: ApiServer, size: str) -> None:
    """Strictly: an unknown field is an error. Nothing is kept."""
    words = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
    done = server.kubectl(*words, stdin=rendered(server, size))
    assert len(done.stdout.splitlines()) == len(objects(server, size))
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


@pytest.mark.parametrize("size", [*SIZES, "backstop"])
def test_kubeconform_finds_nothing(server: ApiServer, size: str, tmp_path: Path) -> None:
    """By the schemas that this API server publishes; those of operators are not at hand."""
    schemas = tmp_path / "schemas"
    schemas.mkdir()
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
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(rendered(server, size))
    operators = "ServiceMonitor,Certificate,Issuer"
    where = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    words = ("-summary", "-schema-location", where, "-skip", operators)
    done = run("kubeconform", *words, manifest)
    assert "Invalid: 0, Errors: 0" in done.stdout
    manifest.write_text(rendered(server, size).replace("readOnlyRootFilesystem", "readOnlyRoot"))
    assert "readOnlyRoot" in run("kubeconform", *words, manifest, check=False).stdout


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

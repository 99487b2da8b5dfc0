"""deploy/kubernetes: that its parts agree with each other and with the program, and that it lets nobody in by default.

What a real API server says of it is in test_cluster.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from slo.cli import run as slo
from slo.errors import UsageError
from slo.http.tokens import read_tokens
from slo.ledger.store import Ledger
from slo.options import parse
from slo.record import Record
from slo.settings import load_settings
from slo.spec import load_files
from tests.platform.manifests import KUBERNETES, SIZES, documents, of_kind, the
from tests.platform.programs import ROOT

BASE = KUBERNETES / "base"
WORKLOADS = [one["metadata"]["name"] for one in of_kind("Deployment")]


def pod_of(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = the("Deployment", name)["spec"]["template"]["spec"]
    return spec


def container_of(name: str) -> dict[str, Any]:
    (container,) = pod_of(name)["containers"]
    found: dict[str, Any] = container
    return found


@pytest.mark.parametrize("folder", ["base", "backstop", "cert-manager", *SIZES])
def test_every_file_is_part_of_it_but_the_secrets(folder: str) -> None:
    """A manifest that no kustomization names would look applied, and is not."""
    (kustomization,) = documents(KUBERNETES / folder / "kustomization.yaml")
    named = [*kustomization["resources"], *(patch.get("path") for patch in kustomization.get("patches", []))]
    files = {path.name for path in (KUBERNETES / folder).glob("*.yaml")} - {"kustomization.yaml", "secrets.yaml"}
    assert files == {name for name in named if name and name.endswith(".yaml")}
    assert not [one for one in documents(KUBERNETES / folder) if one["kind"] == "Secret"] or folder in SIZES


@pytest.mark.parametrize("name", WORKLOADS)
def test_pods_may_as_little_as_there_is(name: str) -> None:
    pod, container = pod_of(name), container_of(name)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for amount in ("requests", "limits"):
        assert set(container["resources"][amount]) == {"cpu", "memory"}
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod)
    assert not [volume for volume in pod["volumes"] if "hostPath" in volume]


def test_the_image_has_a_version_and_the_user_of_the_dockerfile() -> None:
    (kustomization,) = documents(BASE / "kustomization.yaml")
    (image,) = kustomization["images"]
    assert image["newTag"] not in ("", "latest")
    assert {container_of(name)["image"] for name in WORKLOADS} == {image["name"]}
    assert "USER 65532:65532" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_what_the_pod_runs_is_a_command_of_ours() -> None:
    arguments = parse(container_of("slo")["args"])
    assert (arguments.command, arguments.anonymous, arguments.insecure_open) == ("serve", "decide", False)
    ports = {port["name"]: port["containerPort"] for port in container_of("slo")["ports"]}
    assert ports == {"https": int(arguments.port), "http": int(arguments.plain_port)}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container_of("slo")[probe]["httpGet"]["port"] in ports
    mounted = {mount["mountPath"] for mount in container_of("slo")["volumeMounts"]}
    assert {str(arguments.tls_cert.parent), str(arguments.tls_key.parent), str(arguments.tokens.parent)} <= mounted


@pytest.mark.parametrize("size", SIZES)
def test_its_environment_is_settings_of_ours(size: str) -> None:
    """A misspelt variable would be passed over in silence."""
    patch = the("Deployment", "slo", KUBERNETES / size)["spec"]["template"]["spec"]["containers"][0]["env"]
    given = {one["name"]: one.get("value", "postgresql://slo@db/slo") for one in [*container_of("slo")["env"], *patch]}
    settings = load_settings({**given, "SLO_TOKENS": "x"})
    known = {"SLO_OBJECTIVES", "SLO_PROMETHEUS_URL", "SLO_ALLOWED_HOSTS", "SLO_LEDGER", "SLO_RECORD"}
    assert {name for name in given if name.startswith("SLO_")} == known
    assert settings.ledger == given["SLO_LEDGER"]
    assert settings.record == given["SLO_RECORD"]
    assert "slo.slo-system.svc" in settings.service.allowed_hosts
    assert "$(POD_IP)" in settings.service.allowed_hosts


def test_everything_that_selects_selects_the_pods() -> None:
    labels = the("Deployment", "slo")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        the("Deployment", "slo")["spec"]["selector"]["matchLabels"],
        the("Service", "slo")["spec"]["selector"],
        the("PodDisruptionBudget", "slo")["spec"]["selector"]["matchLabels"],
        the("NetworkPolicy", "slo")["spec"]["podSelector"]["matchLabels"],
        the("NetworkPolicy", "slo-database", KUBERNETES / "postgresql")["spec"]["podSelector"]["matchLabels"],
        the("ServiceMonitor", "slo")["spec"]["selector"]["matchLabels"],
    ]
    assert selectors == [labels] * len(selectors)
    assert the("Service", "slo")["metadata"]["labels"] == labels


def test_nothing_in_the_namespace_may_talk_but_what_is_named() -> None:
    assert the("NetworkPolicy", "nobody")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in of_kind("NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            assert rule["ports"]


def test_the_service_has_no_rights_in_the_cluster() -> None:
    """No token is mounted, and nothing binds a role to its account."""
    assert the("ServiceAccount", "slo")["automountServiceAccountToken"] is False
    assert pod_of("slo")["automountServiceAccountToken"] is False
    bound = [subject["name"] for one in of_kind("RoleBinding") for subject in one["subjects"]]
    assert "slo" not in bound
    assert not list(of_kind("ClusterRole"))


def test_the_webhooks_ask_gates_that_there_are_where_the_service_listens() -> None:
    gates = {gate.name for gate in load_files([BASE / "objectives" / "cloudshop.yaml"]).gates}
    ports = {port["port"]: port["name"] for port in the("Service", "slo")["spec"]["ports"]}
    hooks = {
        hook["name"].split(".")[0]: hook for hook in the("ValidatingWebhookConfiguration", "slo-gates")["webhooks"]
    }
    assert set(hooks) == {"chaos", "deploy"} <= gates
    for gate, hook in hooks.items():
        service = hook["clientConfig"]["service"]
        assert service["path"] == f"/admission/{gate}"
        assert (service["namespace"], service["name"], ports[service["port"]]) == ("slo-system", "slo", "https")
        assert hook["namespaceSelector"] == {"matchLabels": {"slo.example.com/gate": "enforce"}}
    assert (hooks["chaos"]["failurePolicy"], hooks["chaos"]["timeoutSeconds"]) == ("Fail", 3)
    assert (hooks["deploy"]["failurePolicy"], hooks["deploy"]["timeoutSeconds"]) == ("Ignore", 2)
    assert "slo.example.com/gate" not in the("Namespace", "slo-system")["metadata"]["labels"]


def test_the_certificate_is_for_the_names_that_are_asked() -> None:
    names = the("Certificate", "slo-serving", KUBERNETES / "cert-manager")["spec"]
    assert "slo.slo-system.svc" in names["dnsNames"]
    assert names["secretName"] == "slo-serving"
    (endpoint,) = the("ServiceMonitor", "slo")["spec"]["endpoints"]
    assert endpoint["honorLabels"] is True
    assert endpoint["tlsConfig"]["serverName"] in names["dnsNames"]


def test_the_objectives_are_the_example() -> None:
    ours = (BASE / "objectives" / "cloudshop.yaml").read_bytes()
    assert ours == (ROOT / "examples" / "cloudshop.yaml").read_bytes()


def test_one_replica_writes_sqlite() -> None:
    patched = the("Deployment", "slo", KUBERNETES / "sqlite")["spec"]
    assert (patched["replicas"], patched["strategy"]["type"]) == (1, "Recreate")
    (state,) = patched["template"]["spec"]["volumes"]
    assert state["persistentVolumeClaim"]["claimName"] == "slo-state"
    assert the("Deployment", "slo", KUBERNETES / "postgresql")["spec"]["replicas"] > 1


@pytest.mark.parametrize("size", SIZES)
def test_secrets_as_they_stand_let_nobody_in(size: str, tmp_path: Path) -> None:
    """No placeholder is a token or a password: the service stops at each of them with one line."""
    secrets = {one["metadata"]["name"]: one["stringData"] for one in documents(KUBERNETES / size / "secrets.yaml")}
    tokens = tmp_path / "tokens"
    tokens.write_text(secrets.pop("slo-tokens")["tokens"], encoding="utf-8")
    tokens.chmod(0o600)
    with pytest.raises(UsageError, match=r"tokens:1: "):
        read_tokens(tokens)
    assert set(secrets.pop("slo-scrape")) == {"token"}
    for dsn in secrets.pop("slo-databases", {}).values():
        with pytest.raises(UsageError, match="is no ledger; write a path"):
            Ledger(dsn, create=True)
        with pytest.raises(UsageError, match="is no record; write a path"):
            Record(dsn, create=True)
    assert not secrets


def test_it_does_not_start_with_the_placeholders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the pod would run it, with the Secrets of the larger size unchanged."""
    (secret,) = (
        one
        for one in documents(KUBERNETES / "postgresql" / "secrets.yaml")
        if one["metadata"]["name"] == "slo-databases"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLO_LEDGER", secret["stringData"]["ledger"])
    monkeypatch.setenv("SLO_RECORD", secret["stringData"]["record"])
    objectives = str(BASE / "objectives" / "cloudshop.yaml")
    assert slo(["serve", objectives, "--port", "0", "--prometheus", "http://127.0.0.1:9"]) == 2
    assert "'REPLACE-ME://' is no record" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_size_is_a_base_with_a_patch() -> None:
    for size in SIZES:
        kustomization = yaml.safe_load((KUBERNETES / size / "kustomization.yaml").read_text(encoding="utf-8"))
        assert kustomization["resources"][0] == "../base"
        assert kustomization["namespace"] == "slo-system"


def test_the_publisher_may_patch_one_config_map_and_nothing_else() -> None:
    folder = KUBERNETES / "backstop"
    (rule,) = the("Role", "slo-publisher", folder)["rules"]
    arguments = parse(the("Deployment", "slo-publisher", folder)["spec"]["template"]["spec"]["containers"][0]["args"])
    namespace, name = arguments.config_map.split("/")
    assert (rule["resources"], rule["resourceNames"], rule["verbs"]) == (["configmaps"], [name], ["patch"])
    parameter = the("ValidatingAdmissionPolicyBinding", "slo-chaos-needs-budget", folder)["spec"]["paramRef"]
    assert parameter == {"name": name, "namespace": namespace, "parameterNotFoundAction": "Deny"}
    assert "chaos" in arguments.gates

"""Every snippet of docs/callers.md, asked of the running service as its tool asks, and understood as its tool does."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from kubernetes import client as kubernetes

from slo.record import Kind
from slo.spec import load_files
from tests.chaos.live_shop import SPENT, WEEK, live_shop
from tests.chaos.test_control import CHAOS
from tests.http.shop import Shop, running_shop
from tests.http.test_admission import deployment, engine, review

ROOT = Path(__file__).parents[2]
CALLERS = ROOT / "examples" / "callers"
PAGE = ROOT / "docs" / "callers.md"
GATES = {"open": "allow", "warning": "warn", "spent": "deny", "blind": "unknown"}
"""Of the shop, in place of the gates that the snippets name, and what they decide."""
LETS_THROUGH = {"open", "warning"}
IN_CLUSTER = "http://slo.slo-system.svc:8080"
_GATE = re.compile(r"(/gates/|/admission/|gate=)(deploy|chaos)\b")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Callers without a token may decide, as those need it that can send none."""
    with running_shop(tmp_path_factory.mktemp("callers"), with_tokens=True, anonymous="decide") as running:
        yield running


def text_of(name: str, gate: str = "") -> str:
    """The snippet; gate: asked for instead of the one that it names."""
    text = (CALLERS / name).read_text(encoding="utf-8")
    return _GATE.sub(rf"\g<1>{gate}", text) if gate else text


def documents(name: str, gate: str = "", url: str = "") -> list[dict[str, Any]]:
    text = text_of(name, gate)
    return list(yaml.safe_load_all(text.replace(IN_CLUSTER, url) if url else text))


def run_script(script: str, shop: Shop, token: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "SLO_URL": shop.url, "NO_PROXY": "*", **variables}
    return subprocess.run(
        ["sh", "-c", script],
        env=environ | ({"SLO_TOKEN": token} if token else {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def assert_stops(done: subprocess.CompletedProcess[str], gate: str) -> None:
    """The exit code is what the pipeline goes by; the log shows the decision in any case."""
    assert json.loads(done.stdout)["decision"] == GATES[gate], done.stderr
    assert done.returncode == (0 if gate in LETS_THROUGH else 22), done.stderr


def last_call(shop: Shop) -> Any:
    return shop.record.query(kinds=[Kind.CALL], limit=1)[0]


def test_the_page_shows_every_snippet_as_it_is() -> None:
    """Changed a file? Put its text into docs/callers.md, too."""
    blocks = re.findall(r"^```[a-z]+\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for file in sorted(CALLERS.iterdir()):
        assert file.read_text(encoding="utf-8") in blocks, f"{file.name} is not in docs/callers.md as it is"
        assert f"examples/callers/{file.name}" in PAGE.read_text(encoding="utf-8")


def test_the_snippets_name_gates_that_the_example_has() -> None:
    gates = {gate.name for gate in load_files([ROOT / "examples" / "cloudshop.yaml"]).gates}
    for file in CALLERS.iterdir():
        asked = {match[2] for match in _GATE.finditer(file.read_text(encoding="utf-8"))}
        assert asked, file.name
        assert asked <= gates, file.name


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("token", ["", "read", "decide"])
def test_curl(gate: str, token: str, shop: Shop) -> None:
    assert_stops(run_script(text_of("curl.sh", gate), shop, shop.tokens[token] if token else ""), gate)


def test_curl_without_an_answer(shop: Shop) -> None:
    assert run_script(text_of("curl.sh", "nonsense"), shop).returncode == 22
    assert run_script(text_of("curl.sh"), shop, SLO_URL="http://127.0.0.1:9").returncode == 7
    wrong = run_script(text_of("curl.sh", "open"), shop, "slo_nonsense")
    assert (wrong.returncode, json.loads(wrong.stdout)["status"]) == (22, 401)


@pytest.mark.parametrize("gate", GATES)
def test_github_actions(gate: str, shop: Shop) -> None:
    (job,) = yaml.safe_load(text_of("github-actions.yml", gate))["jobs"].values()
    ask, deploy = job["steps"]
    assert set(ask["env"]) == {"SLO_URL", "SLO_TOKEN"}
    assert "if" not in deploy  # a step without a condition comes only after one that succeeded
    done = run_script(ask["run"], shop, shop.tokens["decide"], GITHUB_SHA="abc", GITHUB_RUN_ID="7")
    assert_stops(done, gate)
    entry = last_call(shop)
    assert (entry.by, json.loads(entry.details["body"])) == ("the-decide", {"commit": "abc", "run": "7"})


@pytest.mark.parametrize("gate", GATES)
def test_gitlab(gate: str, shop: Shop) -> None:
    (job,) = yaml.safe_load(text_of("gitlab-ci.yml", gate)).values()
    assert job["stage"] == ".pre"
    (script,) = job["script"]
    done = run_script(script, shop, shop.tokens["decide"], CI_COMMIT_SHA="abc", CI_PIPELINE_ID="7")
    assert_stops(done, gate)
    assert json.loads(last_call(shop).details["body"]) == {"commit": "abc", "pipeline": "7"}


@pytest.mark.parametrize("gate", GATES)
def test_argo_rollouts(gate: str, shop: Shop) -> None:
    """Argo: GET; any status but 2xx is an error; unknown meets neither condition, and is inconclusive."""
    (template,) = documents("argo-rollouts.yaml", gate, shop.url)
    assert (template["apiVersion"], template["kind"]) == ("argoproj.io/v1alpha1", "AnalysisTemplate")
    (metric,) = template["spec"]["metrics"]
    web = metric["provider"]["web"]
    (header,) = web["headers"]
    token = header["value"].replace("{{args.token}}", shop.tokens["read"])
    answer = httpx.get(web["url"], headers={header["key"]: token}, timeout=60)
    assert answer.status_code == 200
    path = re.fullmatch(r"\{\$\.(\w+)\}", web["jsonPath"])
    assert path
    result = answer.json()[path[1]]
    succeeded, failed = (
        eval(metric[name], {}, {"result": result}) for name in ("successCondition", "failureCondition")
    )
    assert (succeeded, failed) == (gate in LETS_THROUGH, gate == "spent")


@pytest.mark.parametrize("gate", [*GATES, "burning", "frozen"])
def test_flagger(gate: str, shop: Shop) -> None:
    """Flagger: POST of its own body, no headers of ours; 200 to 202 is yes. `rollback`: yes is back."""
    (canary,) = documents("flagger.yaml", gate, shop.url)
    assert (canary["apiVersion"], canary["kind"]) == ("flagger.app/v1beta1", "Canary")
    body = {"name": "checkout", "namespace": "cloudshop-prod", "phase": "Progressing", "checksum": "1", "metadata": {}}
    said = {}
    for webhook in canary["spec"]["analysis"]["webhooks"]:
        status = httpx.post(webhook["url"], json=body, timeout=60).status_code
        assert status in (200, 403)
        said[webhook["type"]] = status == 200
        assert json.loads(last_call(shop).details["body"]) == body
    opens = gate in LETS_THROUGH | {"frozen"}
    assert said == {"confirm-rollout": opens, "rollout": opens, "rollback": gate == "burning"}


@pytest.mark.parametrize("gate", GATES)
def test_keptn(gate: str, shop: Shop) -> None:
    task, app = documents("keptn.yaml", gate, shop.url)
    assert (task["kind"], app["kind"]) == ("KeptnTaskDefinition", "KeptnAppContext")
    assert app["spec"]["preDeploymentTasks"] == [task["metadata"]["name"]]
    container = task["spec"]["container"]
    done = subprocess.run(
        [*container["command"], *container["args"]], capture_output=True, text=True, timeout=120, check=False
    )
    assert_stops(done, gate)


@pytest.mark.parametrize("gate", GATES)
def test_kyverno(gate: str, shop: Shop) -> None:
    """Kyverno: anything but 2xx is an error, and then the default holds, as it is."""
    (policy,) = documents("kyverno.yaml", gate, shop.url)
    (rule,) = policy["spec"]["rules"]
    (context,) = rule["context"]
    call = context["apiCall"]
    answer = httpx.request(call["method"], call["service"]["url"], timeout=60)
    assert answer.status_code == 200
    assert call["jmesPath"] == "{allowed: allowed, why: reasons[0].message || decision}"
    decision = answer.json()
    why = decision["reasons"][0]["message"] if decision["reasons"] else decision["decision"]
    found = {"allowed": decision["allowed"], "why": why}
    assert found.keys() == call["default"].keys()
    assert call["default"]["allowed"] is False
    (condition,) = rule["validate"]["deny"]["conditions"]["any"]
    assert condition == {"key": "{{ gate.allowed }}", "operator": "NotEquals", "value": True}
    assert (found["allowed"] is True) == (gate in LETS_THROUGH)
    assert why


def assert_probe(url: str, shop: Shop, gate: str, wanted_status: str) -> None:
    """A GET without headers, of which the status alone is read."""
    status = httpx.get(url, timeout=60).status_code
    assert (str(status) == wanted_status) == (gate in LETS_THROUGH)


@pytest.mark.parametrize("gate", GATES)
def test_litmus(gate: str, shop: Shop) -> None:
    (chaos,) = documents("litmus.yaml", gate, shop.url)
    (experiment,) = chaos["spec"]["experiments"]
    probes = experiment["spec"]["probe"]
    assert [probe["mode"] for probe in probes] == ["SOT", "Continuous"]
    for probe in probes:
        assert probe["runProperties"]["stopOnFailure"] is True
        inputs = probe["httpProbe/inputs"]
        assert inputs["method"]["get"]["criteria"] == "=="
        assert_probe(inputs["url"], shop, gate, inputs["method"]["get"]["responseCode"])


@pytest.mark.parametrize("gate", GATES)
def test_chaos_mesh(gate: str, shop: Shop) -> None:
    (workflow,) = documents("chaos-mesh.yaml", gate, shop.url)
    templates = {template["name"]: template for template in workflow["spec"]["templates"]}
    named = {workflow["spec"]["entry"], *(child for one in templates.values() for child in one.get("children", []))}
    assert named == set(templates)
    checks = [one for one in templates.values() if one["templateType"] == "StatusCheck"]
    assert [one["statusCheck"]["mode"] for one in checks] == ["Synchronous", "Continuous"]
    for check in checks:
        assert check["abortWithStatusCheck"] is True
        http = check["statusCheck"]["http"]
        assert http["method"] == "GET"
        assert_probe(http["url"], shop, gate, http["criteria"]["statusCode"])


def test_the_webhooks_are_what_the_api_server_takes() -> None:
    (document,) = documents("admission.yaml")
    model = kubernetes.V1ValidatingWebhookConfiguration
    assert (document["apiVersion"], document["kind"]) == ("admissionregistration.k8s.io/v1", model.__name__[2:])
    _assert_fields(document, model)


def _assert_fields(value: Any, model: Any) -> None:
    """Every field is one of the model, of its kind; the model itself refuses what is missing."""
    names = {name: attribute for attribute, name in model.attribute_map.items()}
    assert isinstance(value, dict)
    assert set(value) <= set(names), model.__name__
    model(**{names[name]: one for name, one in value.items()})
    for name, one in value.items():
        kind = model.openapi_types[names[name]]
        inner = re.fullmatch(r"list\[(\w+)\]", kind)
        for part in one if inner else [one]:
            inner_model = getattr(kubernetes, inner[1] if inner else kind, None)
            if inner_model is not None:
                _assert_fields(part, inner_model)


@pytest.mark.parametrize("gate", GATES)
def test_admission(gate: str, shop: Shop) -> None:
    (document,) = documents("admission.yaml", gate)
    chaos, deploy = document["webhooks"]
    assert (chaos["failurePolicy"], deploy["failurePolicy"]) == ("Fail", "Ignore")
    for webhook, new, old in ((chaos, engine(), engine("stop")), (deploy, deployment("web:2"), deployment("web:1"))):
        path = webhook["clientConfig"]["service"]["path"]
        for operation, before in (("CREATE", None), ("UPDATE", old)):
            asked = review(operation, new, before)
            answer = httpx.post(shop.url + path, json=asked, timeout=webhook["timeoutSeconds"] * 20)
            assert answer.status_code == 200
            response = answer.json()["response"]
            assert (response["uid"], response["allowed"]) == (asked["request"]["uid"], gate in LETS_THROUGH)


@pytest.mark.parametrize("gate", ["open", "spent"])
def test_chaos_toolkit(gate: str, tmp_path: Path) -> None:
    """The real one, with a service of today, as it goes by its own clock; the pod that it would end is a file."""
    victim = tmp_path / "pod"
    victim.touch()
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f'#!/bin/sh\nrm "{victim}"\n')
    kubectl.chmod(0o755)
    text = text_of("chaostoolkit.json", gate).replace('"gate": "chaos"', f'"gate": "{gate}"')
    text = text.replace("cloudshop/availability", WEEK if gate == "open" else SPENT)
    text = text.replace('"after": 60', '"after": 1')
    text = text.replace('"duration_seconds": 60', '"duration_seconds": 60, "settle_seconds": 0, "timeout_seconds": 10')
    folder = tmp_path / "service"
    folder.mkdir()
    with live_shop(folder) as live:
        (tmp_path / "experiment.json").write_text(text.replace("http://localhost:8080", live.url))
        done = chaos_run(tmp_path)
    assert (done.returncode, victim.exists()) == ((0, False) if gate == "open" else (1, True)), done.stderr


def chaos_run(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    variables: Mapping[str, str] = {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "NO_PROXY": "*"}
    return subprocess.run(
        [str(CHAOS), "--no-version-check", "run", "experiment.json"],
        cwd=tmp_path,
        env=os.environ | variables | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

"""The policies of deploy/kyverno by Kyverno's command: pods, controllers, and a service that answers or does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from tests.platform.kyverno import POLICIES, applied
from tests.platform.programs import ROOT, run
from tests.support.prometheus import free_port

pytestmark = pytest.mark.platform

FORMS = ("cluster-policies", "cel")
SERVICE = "http://slo.slo-system.svc:8080"
FOLDERS = sorted(path.parent.name for path in (POLICIES / "tests").glob("*/kyverno-test.yaml"))


@pytest.mark.parametrize("folder", FOLDERS)
def test_good_passes_and_bad_is_refused(folder: str) -> None:
    """Each folder says what it expects of every resource; a result that nothing expects fails as well."""
    done = run("kyverno", "test", POLICIES / "tests" / folder, "--detailed-results", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"Test Summary: (\d+) tests passed and 0 tests failed", done.stdout)
    assert passed, done.stdout
    wanted = yaml.safe_load((POLICIES / "tests" / folder / "kyverno-test.yaml").read_text(encoding="utf-8"))["results"]
    assert int(passed[1]) == sum(len(result["resources"]) for result in wanted)


def test_the_image_policy_asks_for_the_workflow_that_signs() -> None:
    """An image that docker-ci.yml signs on main is what deploy/kyverno admits: the same file's name, the same kind."""
    for form in ("cluster-policies", "cel"):
        policy = (ROOT / "deploy" / "kyverno" / form / "verify-image-signature.yaml").read_text(encoding="utf-8")
        assert "/.github/workflows/docker-ci.yml@refs/heads/main" in policy
        assert "https://spdx.dev/Document" in policy


def test_both_forms_are_the_same_policies() -> None:
    named = [{path.name for path in (POLICIES / form).glob("*.yaml")} for form in FORMS]
    assert named[0] == named[1]
    assert len(named[0]) == 6


ANSWERS: dict[str, tuple[int, dict[str, Any]]] = {
    "allow": (200, {"allowed": True, "decision": "allow", "reasons": []}),
    "deny": (200, {"allowed": False, "decision": "deny", "reasons": [{"message": "12 % of the budget is left"}]}),
    "no-decision": (503, {"type": "about:blank", "status": 503, "title": "not ready"}),
    "nonsense": (200, {"hello": "world"}),
}
"""What the service at a path answers: the path is the answer's name."""


class Gates(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = ANSWERS[self.path.strip("/")]
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def gates() -> Iterator[str]:
    """The URL of a service whose answers are known."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Gates) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


GUARDED = [("deploy", "Deployment"), ("chaos", "ChaosEngine")]


def fails(form: str, policy: str) -> str:
    """What the API server does when the policy ends in an error."""
    text = (POLICIES / form / f"{policy}-needs-error-budget.yaml").read_text(encoding="utf-8")
    spec = yaml.safe_load(text)["spec"]
    return str(spec["failurePolicy"] if form == "cel" else spec["webhookConfiguration"]["failurePolicy"])


def asked(form: str, policy: str, url: str, kind: str, folder: Path) -> dict[str, int]:
    """How many resources of the kind passed, failed and so on when the policy asks at this URL, by a real request."""
    text = (POLICIES / form / f"{policy}-needs-error-budget.yaml").read_text(encoding="utf-8")
    address = f"{SERVICE}/gates/{policy}"
    assert address in text
    (folder / "policy.yaml").write_text(text.replace(address, url), encoding="utf-8")
    resources = yaml.safe_load_all((POLICIES / "tests" / "resources" / "changes.yaml").read_text(encoding="utf-8"))
    chosen = next(one for one in resources if one["kind"] == kind)
    (folder / "resource.yaml").write_text(yaml.safe_dump(chosen), encoding="utf-8")
    return applied(folder / "policy.yaml", folder / "resource.yaml")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("answer", "result"), [("allow", "pass"), ("deny", "fail")])
@pytest.mark.parametrize(("policy", "kind"), GUARDED)
def test_the_service_is_asked_and_its_decision_holds(
    form: str, answer: str, result: str, policy: str, kind: str, gates: str, tmp_path: Path
) -> None:
    assert asked(form, policy, f"{gates}/{answer}", kind, tmp_path)[result] == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("answer", ["no-decision", "nonsense", "nobody"])
def test_without_a_decision_no_chaos_starts(form: str, answer: str, gates: str, tmp_path: Path) -> None:
    """An error, which the policy that fails closed turns into a refusal."""
    url = f"{gates}/{answer}" if answer != "nobody" else f"http://127.0.0.1:{free_port()}/"
    assert asked(form, "chaos", url, "ChaosEngine", tmp_path)["error"] == 1
    assert fails(form, "chaos") == "Fail"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("answer", ["no-decision", "nobody"])
def test_without_a_decision_a_deploy_passes(form: str, answer: str, gates: str, tmp_path: Path) -> None:
    """By the default of the call in one form, by an error in a policy that fails open in the other."""
    url = f"{gates}/{answer}" if answer != "nobody" else f"http://127.0.0.1:{free_port()}/"
    assert asked(form, "deploy", url, "Deployment", tmp_path)["pass" if form == "cluster-policies" else "error"] == 1
    assert fails(form, "deploy") == "Ignore"


ASKING = {"deploy": POLICIES / "cluster-policies", "example": ROOT / "examples" / "callers"}
CHANGES = [
    # the engine's state before, "" for none; None where there was no engine; the state after; whether the gate is asked
    (None, "active", True),
    (None, "", True),
    (None, "stop", False),
    ("stop", "active", True),
    ("stop", "", True),
    ("stop", "stop", False),
    ("active", "active", False),
    ("active", "", False),
    ("active", "stop", False),
    ("", "", False),
    ("", "active", False),
    ("", "stop", False),
]


@pytest.mark.parametrize("of", ASKING)
@pytest.mark.parametrize(("before", "after", "is_asked"), CHANGES)
def test_the_gate_is_asked_where_an_engine_starts_and_never_of_one_that_runs(
    of: str, before: str | None, after: str, is_asked: bool, gates: str, tmp_path: Path
) -> None:
    """A gate that says no shows whether it was asked: Litmus' operator updates engines that run, and must be let."""
    name = "kyverno.yaml" if of == "example" else "chaos-needs-error-budget.yaml"
    policy = (ASKING[of] / name).read_text(encoding="utf-8").replace(f"{SERVICE}/gates/chaos", f"{gates}/deny")
    (tmp_path / "policy.yaml").write_text(policy, encoding="utf-8")
    engine = {
        "apiVersion": "litmuschaos.io/v1alpha1",
        "kind": "ChaosEngine",
        "metadata": {"name": "frontend-chaos", "namespace": "cloudshop-prod"},
        "spec": {"experiments": [{"name": "pod-delete"}]},
    }
    (tmp_path / "resource.yaml").write_text(yaml.safe_dump(engine), encoding="utf-8")
    values: dict[str, str] = {"request.object.spec.engineState": after} if after else {}
    if before is not None:
        values["request.operation"] = "UPDATE"
        values |= {"request.oldObject.spec.engineState": before} if before else {}
    chosen = {"name": "chaos-needs-error-budget", "resources": [{"name": "frontend-chaos", "values": values}]}
    document = {"apiVersion": "cli.kyverno.io/v1alpha1", "kind": "Values", "policies": [chosen]}
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    done = applied(tmp_path / "policy.yaml", tmp_path / "resource.yaml", values=tmp_path / "values.yaml")
    assert (done["fail"], done["error"]) == (int(is_asked), 0)
